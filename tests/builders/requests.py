"""Requests of people, and the stream records that precede them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.documents.commit import Commits
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
        yield Listener(Commits(documents, ledger), lambda payload: None, lambda: AT)


def release(listener: Listener, *versions: str, algorithm: str = NAME) -> None:
    """Promote each version by a stream record, and mark it as verified."""
    for number, version in enumerate(versions, start=1):
        record = stream_record(number, algorithm=algorithm, version=version)
        listener.process([record], Schema())
        verify(listener)


def verify(listener: Listener) -> None:
    """Mark the open releases as verified, and record the publication that is live then."""
    for each in list(listener.commits.ledger.open_releases("opt")):
        listener.commits.ledger.stamp(each, "verified", at=each.requested_at, state=VERIFIED)
    stored = listener.commits.documents.read("opt")
    document = LiveDocument(stored.version_id, stored.document.revision)
    at = f"2026-11-24T20:{stored.document.revision:02}:00Z"
    live = Live(
        stored.document.revision,
        at,
        f"execution-{stored.document.revision}",
        "c0ffee",
        {"opt": document},
    )
    Lives(listener.commits.ledger.client, "ledger").record(live)


def ask(listener: Listener, action: str, version: str | None = None, **fields: Any) -> Outcome:
    """Carry out a request of Ana for the algorithm. `left` are versions that left their phase."""
    dry_run, documents = fields.pop("dry_run", False), fields.pop("documents", None)
    commits = replace(listener.commits, documents=documents or listener.commits.documents)
    upstream, left = fields.pop("upstream", None), fields.pop("left", set[str]())
    defaults: dict[str, Any] = {
        "type": "opt", "reason": "because", "id": "run-1", "at": LATER, "algorithms": (NAME,),
        "who": "ana",
    }  # fmt: skip
    request = Request(action=action, version=version, **(defaults | fields))

    def tested(name: str, version: str) -> AlgorithmVersion | None:
        is_tested = version not in {"untested", *left}
        return AlgorithmVersion("opt", name, version, {"of": name}) if is_tested else None

    sources = Sources(
        listener.commits.ledger, tested, Lives(listener.commits.ledger.client, "ledger"), upstream
    )
    return carry_out(request, commits=commits, sources=sources, dry_run=dry_run)


def live_times(listener: Listener) -> list[str]:
    """Return the times at which publications became live, oldest first."""
    lives = Lives(listener.commits.ledger.client, "ledger")
    return [live.at for live in lives.between("2026", "2027")]


def moved(outcome: Outcome) -> dict[str, tuple[str | None, str | None]]:
    """Return the active version of each algorithm before and after a request."""
    return {move.algorithm: (move.before, move.after) for move in outcome.moves}


def now(listener: Listener) -> str | None:
    """Return the active version of the algorithm."""
    return listener.commits.documents.read("opt").document.versions().get(NAME)
