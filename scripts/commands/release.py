"""Releases a version to the website, and proves that visitors are served it.

Updates the metadata, ensures the pipeline execution, follows it, invalidates the cache, checks the
website and reports to Slack. Each step first checks whether its work is done, so that a repeated
or simultaneous run releases only once: it ends as "already done" with exit code 0. Give either a
request (--action, --type, --reason, and the options of the action) or an existing version of a
document (--type and --document-version).

\b
  release --action promote --type opt --algorithm route-planner --version 2.1.0 --reason ...
  release --action rollback --type opt --algorithm route-planner,lane-change --reason ...
  release --action rollback --type opt --as-of 2026-11-24T20:00:00Z --reason ...
  release --action hold --type all --until 2026-12-01T08:00:00Z --reason ...
  release --action hold --type opt --window "0 18 * * 5 for 2d14h in Europe/Berlin" --reason ...
  release --action resume --type opt --algorithm route-planner --reason ...
  release --action clear --type opt --algorithm route-planner --version 2.1.0 --reason ...
"""

from collections.abc import Callable, Mapping
from typing import Any

import click

from phaseline.algorithms.names import TYPES
from phaseline.releases.release import scope_of
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    ALL,
    document_version_option,
    dry_run_option,
    environment_option,
    request_options,
    timeout_option,
)
from scripts.release import subject
from scripts.release.flow import ReleaseFlow
from scripts.release.follow import FOLLOW_TIMEOUT
from scripts.release.journal import Journal
from scripts.release.request import requests_of
from scripts.release.run import maker, run, title_of
from scripts.release.subject import Subject
from scripts.services import Services


@click.command(name="release", help=__doc__)
@environment_option()
@request_options(required=False)
@document_version_option
@timeout_option("for the end of the pipeline execution", FOLLOW_TIMEOUT)
@dry_run_option
@json_option
def command(
    environment: str,
    document_version: str | None,
    timeout: float,
    dry_run: bool,
    as_json: bool,
    **request: Any,
) -> None:
    services = Services(environment)
    title, make = _subject_of(services, document_version, request, dry_run=dry_run)
    console = Console(as_json=as_json)
    record = Journal(environment, title, console.steps)
    release = ReleaseFlow(services, console, record, make, timeout)
    run(release, documents=len(TYPES) if request["type_"] == ALL else 1, dry_run=dry_run)


def _subject_of(
    services: Services, document_version: str | None, options: Mapping[str, Any], *, dry_run: bool
) -> tuple[str, Callable[[], tuple[Subject, ...]]]:
    """Return the title of a release, and a function that writes or finds its document versions."""
    type_ = options["type_"]
    given = {name for name, value in options.items() if value and name != "type_"}
    if document_version and not given and type_ != ALL:
        title = f"release {type_} {document_version[:16]} ({services.name})"
        return title, lambda: (subject.of_version(services, type_, document_version),)
    if document_version or not {"action", "reason"} <= given:
        raise click.UsageError(
            "Give --action and --reason for a request, or --type and --document-version."
        )

    make = maker(services, requests_of(services, **options), dry_run=dry_run)
    scope = scope_of(type_, options["algorithms"])
    version = options["version"] or options["as_of"]
    return title_of(services.name, options["action"], scope, version), make
