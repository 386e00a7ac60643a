"""What waits behind the holds of a document, as messages tell of it."""

from phaseline.documents.document import Document
from phaseline.documents.held_back import held_back
from phaseline.documents.hold import Hold
from phaseline.releases.waiting import HOLDS_LIMIT, LISTED, REASON_LIMIT, Waiting
from tests.builders.changes import change

SINCE = "2026-11-24T20:00:00Z"


def hold(*versions: str, since: str = SINCE, action: str = "promote") -> Hold:
    changes = tuple(change(number, one, action=action) for number, one in enumerate(versions))
    return Hold("compares", "ana", since, waiting=changes)


def test_hold_without_changes_is_left_out() -> None:
    assert held_back(Document("opt", holds={"a": hold()}, freeze=hold())) == ()


def test_changes_are_listed_by_action_algorithm_and_version() -> None:
    frozen = Document(
        "opt", freeze=hold("1.0.0", "2.0.0"), holds={"a": hold("3", action="withdraw")}
    )
    freeze, single = held_back(frozen)
    assert (freeze.subject, freeze.count) == ("opt", 2)
    assert freeze.changes == (("promote", "a", "1.0.0"), ("promote", "a", "2.0.0"))
    assert (single.subject, single.changes) == ("opt/a", (("withdraw", "a", "3"),))


def test_oldest_holds_are_listed_first_and_all_in_bounds() -> None:
    versions = [str(number) for number in range(1_000)]
    holds = {
        f"a{n:03}": hold(*versions, since=f"2026-11-24T20:{59 - n % 60:02}:00Z") for n in range(150)
    }
    long = Hold("x" * 5_000, "ana", SINCE, waiting=(change(1),))
    first, *others = held_back(Document("opt", holds=holds, freeze=long))
    assert len(first.reason) == REASON_LIMIT
    assert len(others) == HOLDS_LIMIT - 1
    assert [one.since for one in others] == sorted(one.since for one in others)
    assert {(len(one.changes), one.count) for one in others} == {(LISTED, 1_000)}


def test_ledger_gives_back_what_it_stores() -> None:
    (one,) = held_back(Document("opt", holds={"a": hold("1.0.0")}))
    assert Waiting.parse(one.to_fields()) == one
