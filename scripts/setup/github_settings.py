"""The settings of an environment in GitHub that follow from its deployed roles."""

from collections.abc import Sequence

from phaseline.deploy.stack import describe
from phaseline.errors import ConfigurationError
from scripts.cli import aws, checkout
from scripts.github import code_owners
from scripts.github.environment_settings import SHARED, STACKS, EnvironmentSettings, settings_of
from scripts.github.repository_settings import RepositorySettings


def wanted_settings(
    settings: RepositorySettings, environment: str, reviewers: Sequence[str]
) -> EnvironmentSettings:
    """Return the settings that an environment should have.

    Raises InputError for an unknown reviewer, and ConfigurationError if a stack is not deployed.
    """
    people = tuple(settings.reviewer(name) for name in reviewers)
    client = aws.client("cloudformation")
    stacks = {short: describe(client, environment, short) for short in STACKS}
    deployed = {short: stack for short, stack in stacks.items() if stack}
    if missing := ", ".join(stacks.keys() - deployed.keys()):
        raise ConfigurationError(
            f"environment {environment}",
            f"these stacks are not deployed: {missing}",
            "Deploy them first: docs/setup.md, step 3.",
        )
    return settings_of(environment, deployed, people, settings.variables(SHARED))


def name_owners(owners: Sequence[str], *, dry_run: bool) -> bool:
    """Name the code owners in the file of this checkout, and return whether it changes."""
    if not owners:
        return False
    file = checkout.root() / code_owners.FILE
    text = file.read_text("utf-8")
    changed = code_owners.named(text, owners)
    if changed != text and not dry_run:
        file.write_text(changed, "utf-8")
    return changed != text
