"""Sets up a new environment: secrets, parameters file, roles, and the settings in GitHub.

Run it in a checkout, as an administrator of the AWS account and of the GitHub repository, with a
GitHub token in GITHUB_TOKEN. On a terminal, it asks for what no option gives. Phaseline's own
tokens come from PHASELINE_DISPATCH_TOKEN and PHASELINE_SLACK_TOKEN, or from a hidden prompt. What
exists is adopted, and other values of the parameters file stay, so it can run again. It ends with
what only a person can do.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

import click

from phaseline.deploy.regions import check_region
from scripts.cli import aws
from scripts.cli.console import Console, json_option
from scripts.cli.options import ENVIRONMENT, Pattern, dry_run_option, reviewers_option
from scripts.github.environment_settings import STACKS
from scripts.github.repository_settings import RepositorySettings
from scripts.setup import existing_table, parameters_file
from scripts.setup.flow import Setup, remaining

REPOSITORY = Pattern("repository", r"[\w-]+/[\w.-]+", "owner and name, such as acme/automation")
CHANNEL = Pattern("channel", r"[A-Z0-9]{2,}", "the ID of a channel, such as C0123456789")
TABLE = Pattern("table", r"[A-Za-z0-9_.-]{3,255}", "3 to 255 letters, digits, '_', '.' and '-'")
REMOTE = re.compile(r"[:/]([\w-]+/[\w.-]+?)(\.git)?$")


def _ask(context: click.Context, option: click.Parameter, value: str | None) -> str:
    """Return the value of an option. Without one, ask on a terminal, else raise a usage error."""
    if value is None and sys.stdin.isatty():
        text = str(getattr(option, "help", "")).rstrip(".")
        offered = remote() if option.name == "repository" else None
        value = click.prompt(text, type=option.type, default=offered, err=True)
    if value is None:
        raise click.MissingParameter(ctx=context, param=option)
    return value


def remote() -> str | None:
    """Return the owner and the name of the repository to which the checkout is pushed, or None."""
    command = ["git", "remote", "get-url", "origin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = REMOTE.search(done.stdout.strip())
    return found[1] if found else None


@click.command(name="init", help=__doc__)
@click.option("--environment", type=ENVIRONMENT, callback=_ask, help="Name of the environment.")
@click.option(
    "--repository",
    type=REPOSITORY,
    callback=_ask,
    help="GitHub repository of this checkout, whose workflows deploy.",
)
@click.option(
    "--frontend", type=REPOSITORY, callback=_ask, help="GitHub repository of the website."
)
@click.option("--slack-channel", type=CHANNEL, callback=_ask, help="ID of the Slack channel.")
@click.option("--table", type=TABLE, help="Existing algorithms table. Without it, one is created.")
@click.option(
    "--phase",
    default=existing_table.DEFAULT.phase,
    show_default=True,
    help="Phase of the items whose tests are complete.",
)
@reviewers_option
@dry_run_option
@json_option
def command(
    environment: str,
    repository: str,
    frontend: str,
    slack_channel: str,
    table: str | None,
    phase: str,
    reviewers: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    region = str(aws.session().region_name)
    check_region(region)
    settings = RepositorySettings.of(os.environ | {"GITHUB_REPOSITORY": repository}, "this command")
    setup = Setup(environment, repository, frontend, slack_channel, table, phase, settings)
    console = Console(as_json=as_json, total=3 if dry_run else 4 + setup.role_steps())
    with console.step("Look at the repository, the account and the table"):
        present, found, provider = setup.present(), setup.table_parameters(), setup.provider()
        for name in reviewers:
            settings.reviewer(name)
    with console.step("Secrets"):
        arns, created = setup.secrets(dry_run=dry_run)
    with console.step("Parameters file") as step:
        after = setup.sections(present, arns, found, provider)
        changed = list(parameters_file.changes(present, after))
        if changed and not dry_run:
            setup.write(after)
        step.result = f"{len(changed)} changes"
    made: list[str] = []
    if not dry_run:
        setup.deploy_roles(console)
        with console.step("Settings in GitHub") as step:
            made = setup.apply_settings(reviewers)
            step.result = f"{len(made)} changes"
    left = remaining(environment, repository, region)
    data = {
        "dry_run": dry_run,
        "secrets": created,
        "parameters": changed,
        "settings": made,
        "remaining": left,
    }
    console.result(data, lines(setup, created, changed, made, left, dry_run=dry_run))


def lines(
    setup: Setup,
    created: Sequence[str],
    changed: Sequence[str],
    made: Sequence[str],
    left: Sequence[str],
    *,
    dry_run: bool,
) -> Iterator[str]:
    """Return the result for people."""
    if dry_run:
        yield "Nothing was changed. This would be done:"
    yield from (f"  secret {name}: created" for name in created)
    yield f"infra/parameters/{setup.file.name}: {len(changed)} values"
    yield from (f"  {change}" for change in changed)
    if dry_run:
        yield f"The stacks {', '.join(STACKS)} would be deployed, and the settings in GitHub made."
        return
    yield f"GitHub: {len(made)} settings"
    yield from (f"  {change}" for change in made)
    yield "What is left for you:"
    yield from (f"  {number}. {one}" for number, one in enumerate(left, start=1))
