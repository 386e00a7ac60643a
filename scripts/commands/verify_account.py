"""Verifies what Phaseline assumes about AWS and GitHub, with a deployed environment.

Run it after the first deployment. It needs only read permissions, and changes nothing. The checks
of GitHub need GITHUB_REPOSITORY, and in GITHUB_TOKEN a token of an administrator of the repository.
docs/verified.md lists all assumptions, and the check of each. Exits with 0 if all checks hold, with
3 if one differs, and with 1 if one is unknown: something must happen first, or it could not be
read.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial

import click

from phaseline.errors import ConfigurationError, RemoteCallError
from phaseline.site import manifests
from scripts.account.checks import CHECKS, Account, outcome
from scripts.account.rules import Judgement, Status
from scripts.cli import aws
from scripts.cli.console import Console, json_option
from scripts.cli.options import environment_option
from scripts.github.repository_settings import RepositorySettings

_WORDS = {
    Status.DIFFERS: "it differs from what Phaseline assumes in",
    Status.UNKNOWN: "these checks have no answer yet",
}


@click.command(name="verify-account", help=__doc__)
@environment_option()
@click.option(
    "--check",
    "selected",
    type=click.Choice(list(CHECKS)),
    multiple=True,
    help="Run only this check. May be repeated.",
)
@json_option
def command(environment: str, selected: tuple[str, ...], as_json: bool) -> None:
    names = selected or tuple(CHECKS)
    console = Console(as_json=as_json, total=len(names))
    github = partial(RepositorySettings.of, os.environ, "a check of GitHub")
    account = Account(environment, aws.client, manifests.fetch, github)
    outcomes: dict[str, Judgement] = {}
    for name in names:
        with console.step(f"{name}: {CHECKS[name].__doc__}") as step:
            outcomes[name] = outcome(account, name)
            step.result = outcomes[name].status
    console.result({name: asdict(one) for name, one in outcomes.items()}, lines(outcomes))
    raise_for(environment, outcomes)


def lines(outcomes: Mapping[str, Judgement]) -> Iterator[str]:
    """Return the outcomes for people, one line for each check."""
    for name, one in outcomes.items():
        remedy = f". {one.remedy}" if one.remedy else ""
        yield f"{one.status:8} {name}: {one.found}{remedy}"


def raise_for(environment: str, outcomes: Mapping[str, Judgement]) -> None:
    """Raise an error about the checks that differ or, if none does, about the unknown ones."""
    where = f"the account of {environment}"
    remedy = "The lines above have the remedies. Run this again afterwards."
    for status, error in ((Status.DIFFERS, ConfigurationError), (Status.UNKNOWN, RemoteCallError)):
        if named := ", ".join(name for name, one in outcomes.items() if one.status is status):
            raise error(where, f"{_WORDS[status]}: {named}", remedy)
