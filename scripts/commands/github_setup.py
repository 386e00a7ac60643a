"""Sets up an environment in GitHub: reviewers, branch rule, variables and code owners.

Creates the environment if it does not exist. Requires the reviewers, lets only one branch deploy,
and sets the variables that the workflows read, from the outputs of the deployed stacks. Names the
code owners in .github/CODEOWNERS, and asks GitHub for errors in this file. Needs GITHUB_REPOSITORY,
and in GITHUB_TOKEN a token of an administrator of the repository. If you run it again, it changes
nothing.
"""

import os
from collections.abc import Iterator, Sequence

import click

from scripts.cli.console import Console, json_option
from scripts.cli.options import Pattern, dry_run_option, environment_option, reviewers_option
from scripts.github import code_owners
from scripts.github.environment_settings import SettingsChange, changes
from scripts.github.repository_settings import RepositorySettings
from scripts.setup.github_settings import name_owners, wanted_settings


@click.command(name="github-setup", help=__doc__)
@environment_option()
@reviewers_option
@click.option(
    "--code-owner",
    "owners",
    multiple=True,
    type=Pattern("owner", r"@[\w-]+(/[\w-]+)?", "@login or a team such as @acme/web"),
    help="Owner, such as @acme/web, to name in .github/CODEOWNERS in place of the example. May be"
    " repeated.",
)
@dry_run_option
@json_option
def command(
    environment: str,
    reviewers: tuple[str, ...],
    owners: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    console = Console(as_json=as_json, total=3)
    settings = RepositorySettings.of(os.environ, "this command")
    with console.step("Read the stacks and the reviewers"):
        wanted = wanted_settings(settings, environment, reviewers)
    with console.step("Compare the settings" if dry_run else "Change the settings") as step:
        made = changes(wanted, settings.present(wanted)) if dry_run else settings.apply(wanted)
        step.result = f"{len(made)} changes"
    with console.step("Check the code owners") as step:
        is_named = name_owners(owners, dry_run=dry_run)
        found = settings.code_owner_errors(wanted.branch)
        step.result = "no file" if found is None else f"{len(found)} errors"
    errors = [] if found is None else list(code_owners.errors(found))
    data = {
        "dry_run": dry_run,
        "changes": [change.text for change in made],
        "code_owners_named": is_named,
        "code_owner_errors": errors,
    }
    console.result(data, lines(made, wanted.branch, errors, is_named=is_named, dry_run=dry_run))


def lines(
    made: Sequence[SettingsChange],
    branch: str,
    errors: Sequence[str],
    *,
    is_named: bool,
    dry_run: bool,
) -> Iterator[str]:
    """Return the result for people."""
    if dry_run:
        yield "Nothing was changed. This would be set:"
    elif not made:
        yield "The settings are complete: nothing was changed."
    yield from (change.text for change in made)
    if is_named:
        yield f"{code_owners.FILE}: the code owners are named. Commit and push the file."
    if errors:
        yield f"GitHub finds errors in the file of {branch}. A line with an error requires nobody:"
    yield from errors
