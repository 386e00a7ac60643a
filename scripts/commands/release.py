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

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.names import TYPES
from phaseline.errors import PhaselineError
from scripts.cli.aws_errors import translated
from scripts.cli.console import Console, json_option
from scripts.cli.interruption import Interrupted
from scripts.cli.options import (
    ALL,
    document_version_option,
    dry_run_option,
    environment_option,
    request_options,
    timeout_option,
)
from scripts.github import job
from scripts.release import journal, subject
from scripts.release.flow import ReleaseFlow
from scripts.release.follow import FOLLOW_TIMEOUT
from scripts.release.journal import Journal
from scripts.release.request import requests_of, update
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
    documents = len(TYPES) if request["type_"] == ALL else 1
    console = Console(as_json=as_json, total=2 + documents * (1 if dry_run else 4))
    record = Journal(environment, title, console.steps)
    release = ReleaseFlow(services, console, record, make, timeout)
    try:
        with _recorded(record):
            if dry_run:
                release.preview()
            else:
                release.run()
    except (PhaselineError, ClientError, BotoCoreError, Interrupted) as error:
        if isinstance(error, Interrupted) and not dry_run:
            error.add_note(record.continues)
        if record.outcome in {journal.FAILED, journal.INTERRUPTED} and not dry_run:
            console.progress(f"  Slack: {release.report(error).note}")
        raise
    console.result(record.data(), record.lines())


@contextmanager
def _recorded(record: Journal) -> Iterator[None]:
    """Write the journal to the job however the code inside ends, and before Slack is told: GitHub
    kills a cancelled step after ten seconds."""
    try:
        yield
    except (PhaselineError, ClientError, BotoCoreError) as error:
        record.fail(error if isinstance(error, PhaselineError) else translated(error))
        raise
    finally:
        job.write_summary(os.environ, record.markdown())
        job.write_outputs(os.environ, record.outputs())


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

    requests = requests_of(**options)

    def make() -> tuple[Subject, ...]:
        outcomes = update(services, requests, dry_run=dry_run)
        return tuple(
            subject.of_request(request, outcome, dry_run=dry_run)
            for request, outcome in zip(requests, outcomes, strict=True)
        )

    about = "/".join([type_, ", ".join(options["algorithms"])]).rstrip("/")
    words = (options["action"], about, options["version"] or options["as_of"], f"({services.name})")
    return " ".join(word for word in words if word), make
