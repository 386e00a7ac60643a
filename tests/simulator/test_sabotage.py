"""The invariants find a product that is broken in a known way, within few seeds."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import pytest

from phaseline.algorithms.changes import Change
from phaseline.documents.commit import Commits
from phaseline.documents.entry import Entry
from phaseline.github.outbox import Outbox
from phaseline.promotion import carry_out
from phaseline.releases.ledger import Ledger
from tests.simulator.plan import Plan
from tests.simulator.shorten import failure_of

SEEDS = 25


def without_settling(patch: pytest.MonkeyPatch) -> None:
    """A writer does not settle the version that it read."""

    def settle(commits: Commits, stored: Any, settled: Any = None) -> Any:
        if settled is None:
            return commits.outbox.read(stored.document.type)
        return honest(commits, stored, settled)

    honest = Commits.settle
    patch.setattr(Commits, "settle", settle)


def release_keyed_by_time(patch: pytest.MonkeyPatch) -> None:
    """Each delivery of a record makes a release of its own."""
    count = itertools.count()

    def release_id(change: Change) -> str:
        return f"{change.type}-{change.algorithm}-{change.version}-{next(count)}"

    keyed = cached_property(release_id)
    keyed.__set_name__(Change, "release_id")
    patch.setattr(Change, "release_id", keyed)


def streams_compared(patch: pytest.MonkeyPatch) -> None:
    """The sequence numbers of different streams are compared."""

    def is_newer_than(entry: Entry, change: Change) -> bool:
        return int(change.sequence) <= int(entry.sequence)

    patch.setattr(Entry, "is_newer_than", is_newer_than)


def requests_not_recorded(patch: pytest.MonkeyPatch) -> None:
    """A request that was carried out is not known when it is run again."""
    patch.setattr(Ledger, "record_request", lambda *_, **__: None)


def dispatch_marked_early(patch: pytest.MonkeyPatch) -> None:
    """A dispatch is marked as sent before GitHub has accepted it."""
    patch.setattr(Outbox, "settle", _settle_as_sent)


def _settle_as_sent(outbox: Outbox, type_: str, settled: Any) -> None:
    if settled.dispatch:
        settled = replace(settled, dispatch=replace(settled.dispatch, sent=True))
    HONEST_SETTLE(outbox, type_, settled)


HONEST_SETTLE = Outbox.settle


def holds_ignored(patch: pytest.MonkeyPatch) -> None:
    """A person's promotion ignores holds and marks."""
    patch.setattr(carry_out, "refuse_ineligible", lambda *_: None)


@pytest.mark.parametrize(
    "sabotage",
    [
        without_settling,
        release_keyed_by_time,
        streams_compared,
        requests_not_recorded,
        dispatch_marked_early,
        holds_ignored,
    ],
)
def test_broken_product_is_found(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    plans = (
        Plan(seed=seed, records=60, faults=0.1, people=3, restored=True) for seed in range(SEEDS)
    )
    found = next(filter(None, (failure_of(plan)[1] for plan in plans)), "nothing")
    assert found.startswith("Violation")
