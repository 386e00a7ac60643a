"""Takes a version to the website: metadata, pipeline, invalidation, proof and report.

Every step looks first whether it is done, so that running it twice, or at once with another,
releases once; what is done already ends as "already done", with a link and exit code 0. Give
either a request (--action, --reason and what it is about) or a version of a document that was
written already (--document-version).

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
from collections.abc import Callable, Mapping
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.names import TYPES
from phaseline.errors import PhaselineError
from scripts.cli.aws_errors import translated
from scripts.cli.console import Console, json_option
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
from scripts.release.flow import Release
from scripts.release.follow import FOLLOW_TIMEOUT
from scripts.release.journal import Journal
from scripts.release.request import requested, update
from scripts.release.subject import Subject
from scripts.services import Services


@click.command(name="release", help=__doc__)
@environment_option()
@request_options(required=False)
@document_version_option
@timeout_option("for the pipeline's end", FOLLOW_TIMEOUT)
@dry_run_option
@json_option
def command(
    environment: str,
    document_version: str | None,
    timeout: float,
    dry_run: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    known = Services(environment)
    title, make = _wanted(known, document_version, asked, dry_run=dry_run)
    documents = len(TYPES) if asked["type_"] == ALL else 1
    console = Console(as_json=as_json, total=2 + documents * (1 if dry_run else 4))
    kept = Journal(environment, title, console.steps)
    release = Release(known, console, kept, make, timeout)
    try:
        if dry_run:
            release.preview()
        else:
            release.run()
    except (PhaselineError, ClientError, BotoCoreError) as error:
        kept.fail(error if isinstance(error, PhaselineError) else translated(error))
        if kept.outcome == journal.FAILED and not dry_run:
            console.progress(f"  Slack: {release.tell(error).note}")
        raise
    finally:
        job.write_summary(os.environ, kept.markdown())
        job.write_outputs(os.environ, kept.outputs())
    console.result(kept.data(), kept.lines())


def _wanted(
    known: Services, document_version: str | None, asked: Mapping[str, Any], *, dry_run: bool
) -> tuple[str, Callable[[], tuple[Subject, ...]]]:
    """What the options ask for: its title, and what makes or finds the documents' versions."""
    type_, request = asked["type_"], {k: v for k, v in asked.items() if k != "type_" and v}
    if document_version and not request and type_ != ALL:
        title = f"release {type_} {document_version[:16]} ({known.name})"
        return title, lambda: (subject.of_version(known, type_, document_version),)
    if document_version or not {"action", "reason"} <= request.keys():
        raise click.UsageError(
            "Give --action, --reason and what it is about, or --type and --document-version."
        )

    requests = requested(**asked)

    def make() -> tuple[Subject, ...]:
        outcomes = update(known, requests, dry_run=dry_run)
        return tuple(
            subject.of_request(one, outcome, dry_run=dry_run)
            for one, outcome in zip(requests, outcomes, strict=True)
        )

    about = "/".join([type_, ", ".join(asked["algorithms"])]).rstrip("/")
    words = (asked["action"], about, asked["version"] or asked["as_of"], f"({known.name})")
    return " ".join(word for word in words if word), make
