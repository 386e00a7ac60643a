"""Requests of people, and the stream records that precede them."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.github.outbox import Outbox
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.listener import Listener
from phaseline.promotion.request import Request
from phaseline.releases.release import VERIFIED
from phaseline.site.live import Live, LiveDocument, Lives
from tests.builders.stores import AT, make_stores
from tests.events import stream_record

NAME = "route-planner"
LATER = "2026-11-24T21:00:00Z"
WEEKEND = "0 18 * * 5 for 2d14h in Europe/Berlin"


@pytest.fixture
def listener() -> Iterator[Listener]:
    """The listener of an empty environment."""
    with mock_aws():
        documents, ledger = make_stores()
        yield Listener(
            documents,
            ledger,
            Outbox(ledger.client, ledger.table),
            lambda payload: None,
            lambda: AT,
        )


def release(listener: Listener, *versions: str, algorithm: str = NAME) -> None:
    """Promote each version by a stream record, and mark it as verified."""
    for number, version in enumerate(versions, start=1):
        record = stream_record(number, algorithm=algorithm, version=version)
        listener.process([record], Schema())
        verify(listener)


def verify(listener: Listener) -> None:
    """Mark the open releases as verified, and record the publication that is live then."""
    for each in list(listener.ledger.open_releases("opt")):
        listener.ledger.stamp(each, "verified", at=each.requested_at, state=VERIFIED)
    stored = listener.documents.read("opt")
    document = LiveDocument(stored.version_id, stored.document.revision)
    at = f"2026-11-24T20:{stored.document.revision:02}:00Z"
    live = Live(at, f"execution-{stored.document.revision}", "c0ffee", {"opt": document})
    Lives(listener.ledger.client, "ledger").record(live)


def ask(listener: Listener, action: str, version: str | None = None, **fields: Any) -> Outcome:
    """Carry out a request of Ana for the algorithm."""
    dry_run, documents = fields.pop("dry_run", False), fields.pop("documents", listener.documents)
    upstream = fields.pop("upstream", None)
    defaults: dict[str, Any] = {
        "type": "opt", "reason": "because", "id": "run-1", "at": LATER, "algorithms": (NAME,),
        "who": "ana",
    }  # fmt: skip
    request = Request(action=action, version=version, **(defaults | fields))

    def tested(name: str, version: str) -> AlgorithmVersion | None:
        return (
            AlgorithmVersion("opt", name, version, {"of": name}) if version != "untested" else None
        )

    sources = Sources(listener.ledger, tested, Lives(listener.ledger.client, "ledger"), upstream)
    return carry_out(request, documents=documents, sources=sources, dry_run=dry_run)


def moved(outcome: Outcome) -> dict[str, tuple[str | None, str | None]]:
    """Return the active version of each algorithm before and after a request."""
    return {move.algorithm: (move.before, move.after) for move in outcome.moves}


def now(listener: Listener) -> str | None:
    """Return the active version of the algorithm."""
    return listener.documents.read("opt").document.versions().get(NAME)
