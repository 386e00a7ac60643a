"""Changes which version of an algorithm is active: promote, rollback, hold, resume or clear.

A document's new version starts the pipeline by itself. `release` does this and sees it through to
what visitors are served.
"""

from dataclasses import asdict, replace
from typing import Any

import click

from phaseline.algorithms.names import TYPES
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.request import Request, check_request
from scripts import services
from scripts.cli.console import Console, json_option
from scripts.cli.options import ALL, dry_run_option, environment_option, request_options
from scripts.services import Services


@click.command(name="update-metadata", help=__doc__)
@environment_option()
@request_options(required=True)
@dry_run_option
@json_option
def command(environment: str, dry_run: bool, as_json: bool, **asked: Any) -> None:
    known = Services(environment)
    outcomes = update(known, requested(**asked), dry_run=dry_run)
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


def requested(*, type_: str, **asked: Any) -> tuple[Request, ...]:
    """The requests of this invocation, one for each document; `asked` are `request_options`.

    Raises InputError for one that is malformed, before any is carried out.
    """
    requests = [
        Request(
            type=each,
            who="",
            at=services.now(),
            id=services.invocation(),
            run_url=services.run_url(),
            **asked,
        )
        for each in (TYPES if type_ == ALL else (type_,))
    ]
    for request in requests:
        check_request(request)
    who = services.who()
    return tuple(replace(request, who=who) for request in requests)


def update(known: Services, requests: tuple[Request, ...], *, dry_run: bool) -> tuple[Outcome, ...]:
    """Carry out requests on an environment's documents; none of them where one is refused."""
    if len(requests) > 1 and not dry_run:
        update(known, requests, dry_run=True)
    return tuple(
        carry_out(request, documents=known.documents, sources=known.sources, dry_run=dry_run)
        for request in requests
    )


def as_data(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """The outcome as what --json prints."""
    document = outcome.document
    return {
        "dry_run": dry_run,
        "changed": outcome.changed,
        "note": outcome.note,
        "moves": [asdict(move) for move in outcome.moves],
        "type": document.document.type,
        "revision": document.document.revision,
        "document_version": None if dry_run and outcome.changed else document.version_id,
        "releases": [asdict(release) for release in (*outcome.releases, *outcome.not_carried)],
    }
