"""A person's change of versions: a command for each action, which `release` takes as an option."""

from collections.abc import Callable
from typing import Any

import click

from phaseline.releases.release import scope_of
from scripts.cli.console import Console, json_option
from scripts.cli.options import Decorator, dry_run_option, environment_option, timeout_option
from scripts.release.flow import ReleaseFlow
from scripts.release.follow import FOLLOW_TIMEOUT
from scripts.release.journal import Journal
from scripts.release.known import check_algorithm, check_version
from scripts.release.request import requests_of
from scripts.release.run import maker, run, title_of
from scripts.release.subject import Subject
from scripts.services import Services

ALWAYS_FOLLOWED = {"promote", "rollback"}
"""The actions that are followed although the document has the version already: perhaps visitors are
not served it yet. The others are followed if they release a version."""
RECORDED = {"hold", "clear"}
"""The actions that never release a version."""
Scope = tuple[str, tuple[str, ...]]
"""A type, or `all`, and the names of algorithms; no name stands for the whole type."""


def verb_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that all changes of versions have."""
    options: tuple[Decorator, ...] = (
        environment_option(),
        click.option("--reason", required=True, help="Reason in one sentence, for the history."),
        timeout_option("for the end of the pipeline execution", FOLLOW_TIMEOUT),
        dry_run_option,
        json_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


def change(
    action: str,
    scope: Scope,
    *,
    environment: str,
    timeout: float,
    dry_run: bool,
    as_json: bool,
    version: str | None = None,
    **request: Any,
) -> None:
    """Carry out a change, and follow the versions that it releases until visitors are served them.

    Raises InputError if an algorithm or version is unknown, before anything is written.
    """
    type_, algorithms = scope
    services = Services(environment)
    requests = requests_of(
        services, type_=type_, action=action, algorithms=algorithms, version=version, **request
    )
    for name in algorithms if action != "hold" else ():
        check_algorithm(services, [type_], name)
    if version and len(algorithms) == 1:
        check_version(services, type_, algorithms[0], version, action)
    title = title_of(
        environment, action, scope_of(type_, algorithms), version or request.get("as_of")
    )
    console = Console(as_json=as_json)
    record = Journal(environment, title, console.steps)

    def follows(subject: Subject) -> bool:
        return action in ALWAYS_FOLLOWED or bool(subject.releases)

    make = maker(services, requests, dry_run=dry_run)
    release = ReleaseFlow(services, console, record, make, timeout, follows)
    run(release, documents=0 if action in RECORDED else len(requests), dry_run=dry_run)
