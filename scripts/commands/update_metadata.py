"""Changes the metadata: promotes, rolls back, holds, resumes or clears, and does not wait.

The new version of the document starts the pipeline. Prints the change and the document's version.
To follow the change until visitors are served it, use `release` instead.
"""

from dataclasses import asdict
from typing import Any

import click

from phaseline.promotion.carry_out import Outcome
from scripts.cli.console import Console, json_option
from scripts.cli.options import dry_run_option, environment_option, request_options
from scripts.release.request import requests_of, update
from scripts.services import Services


@click.command(name="update-metadata", help=__doc__)
@environment_option()
@request_options(required=True)
@dry_run_option
@json_option
def command(environment: str, dry_run: bool, as_json: bool, **request: Any) -> None:
    services = Services(environment)
    outcomes = update(services, requests_of(services, **request), dry_run=dry_run)
    would = "(dry run) " if dry_run else ""
    Console(as_json=as_json).result(
        [as_data(outcome, dry_run=dry_run) for outcome in outcomes],
        [
            f"{would}{outcome.note}; document {outcome.document.document.type}: revision"
            f" {outcome.document.document.revision}"
            + ("" if dry_run and outcome.changed else f", version {outcome.document.version_id}")
            for outcome in outcomes
        ],
    )


def as_data(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """Return the outcome as --json prints it."""
    document = outcome.document
    return {
        "dry_run": dry_run,
        "changed": outcome.changed,
        "note": outcome.note,
        "moves": [asdict(move) for move in outcome.moves],
        "type": document.document.type,
        "revision": document.document.revision,
        "document_version": None if dry_run and outcome.changed else document.version_id,
        "releases": [asdict(release) for release in (*outcome.releases, *outcome.superseded)],
    }
