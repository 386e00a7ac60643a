"""Changes which version of an algorithm is active: promote, rollback, hold or resume.

The document's new version starts the pipeline by itself. `release` does this and sees it through
to what visitors are served.
"""

from dataclasses import asdict
from typing import Any

import click

from phaseline.requests import ACTIONS, Outcome, Request, carry_out
from scripts import services
from scripts.console import Console, json_option
from scripts.options import NAME, dry_run_option, environment_option, type_option
from scripts.services import Services


@click.command(name="update-metadata", help=__doc__)
@environment_option()
@click.option("--action", type=click.Choice(ACTIONS), required=True, help="What to do.")
@type_option(required=True)
@click.option("--algorithm", type=NAME, required=True, help="The algorithm's name.")
@click.option("--version", type=NAME, help="Which version; for a rollback: the last verified one.")
@click.option("--reason", required=True, help="Why, in a sentence; it is kept with the release.")
@dry_run_option
@json_option
def command(
    environment: str,
    action: str,
    type_: str,
    algorithm: str,
    version: str | None,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    known = Services(environment)
    request = requested(action, type_, algorithm, version, reason)
    outcome = update(known, request, dry_run=dry_run)
    would = "(dry run) " if dry_run else ""
    Console(as_json=as_json).result(
        as_data(outcome, dry_run=dry_run),
        [
            f"{would}{outcome.note}",
            f"document {type_}: revision {outcome.document.document.revision}"
            + ("" if dry_run and outcome.changed else f", version {outcome.document.version_id}"),
        ],
    )


def requested(action: str, type_: str, algorithm: str, version: str | None, reason: str) -> Request:
    """The request of this invocation."""
    return Request(
        action=action,
        type=type_,
        algorithm=algorithm,
        version=version,
        reason=reason,
        who=services.who(),
        at=services.now(),
        id=services.invocation(),
    )


def update(known: Services, request: Request, *, dry_run: bool) -> Outcome:
    """Carry out a request on an environment's documents."""
    return carry_out(
        request,
        documents=known.documents,
        ledger=known.ledger,
        tested=known.registry.tested,
        dry_run=dry_run,
    )


def as_data(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """The outcome as what --json prints."""
    document = outcome.document
    return {
        "dry_run": dry_run,
        "changed": outcome.changed,
        "note": outcome.note,
        "before": outcome.before,
        "after": outcome.after,
        "type": document.document.type,
        "revision": document.document.revision,
        "document_version": None if dry_run and outcome.changed else document.version_id,
        "release": asdict(outcome.release) if outcome.release else None,
    }
