"""Requests that are repeated, also after an interruption."""

from typing import Any

import pytest

from phaseline.algorithms.schema import Schema
from phaseline.documents.document import Document
from phaseline.documents.store import Documents, Stored
from phaseline.errors import RefusedError
from phaseline.promotion.listener import Listener
from tests.builders.requests import LATER, NAME, ask, live_times, moved, now, release, verify
from tests.builders.requests import listener as listener  # a fixture
from tests.events import stream_record


class Dying(Documents):
    """Documents whose writer dies after its write."""

    def write(self, document: Document, *, over: Stored) -> Stored | None:
        super().write(document, over=over)
        raise ConnectionError


def dying(documents: Documents) -> Documents:
    return Dying(documents.s3, documents.bucket, documents.prefix, documents.pause)


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_is_one_release_and_goes_back_once(
    listener: Listener, action: str
) -> None:
    release(listener, "1.0", "2.0", "3.0")
    version = "9.0" if action == "promote" else None
    first = ask(listener, action, version)
    verify(listener)
    again = ask(listener, action, version, at="2026-11-24T23:00:00Z")
    assert (moved(again)[NAME][1], again.changed) == (moved(first)[NAME][1], False)
    recorded = [each.release_id for each in listener.commits.ledger.releases("opt", NAME)]
    assert recorded.count(first.releases[0].release_id) == 1
    assert list(listener.commits.ledger.open_releases("opt")) == []


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_for_the_active_version_succeeds(listener: Listener, action: str) -> None:
    """A repetition does not end a resumption either."""
    release(listener, "1.0", "2.0")
    ask(listener, action, "2.0")
    ask(listener, "resume")
    again = ask(listener, action, "2.0")
    assert (again.changed, again.note) == (False, f"{NAME} at 2.0: already done")
    assert (now(listener), listener.commits.documents.read("opt").document.holds) == ("2.0", {})


def test_rollback_to_the_active_version_before_it_is_verified_names_who_made_it_active(
    listener: Listener,
) -> None:
    release(listener, "1.0")
    ask(listener, "promote", "2.0")
    with pytest.raises(
        RefusedError, match=rf"active already since {LATER}, by ana \(opt-.*\), and"
    ):
        ask(listener, "rollback", "2.0", id="run-2")


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_is_refused_after_a_newer_one(listener: Listener, action: str) -> None:
    release(listener, "1.0", "2.0")
    version = "9.0" if action == "promote" else None
    ask(listener, action, version)
    verify(listener)
    ask(listener, "resume")
    ask(listener, "promote", "10.0", id="run-2")
    before = listener.commits.documents.read("opt")
    with pytest.raises(RefusedError, match=r"carried out before, and 10\.0 has taken its place"):
        ask(listener, action, version, at="2026-11-24T23:00:00Z")
    assert listener.commits.documents.read("opt") == before
    assert ask(listener, action, version, id="run-3").changed


def test_one_run_can_promote_two_versions_in_turn(listener: Listener) -> None:
    assert moved(ask(listener, "promote", "9.0")) == {NAME: (None, "9.0")}
    assert moved(ask(listener, "promote", "8.0")) == {NAME: ("9.0", "8.0")}


def test_later_request_of_the_same_second_is_newer_in_the_ledger(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    since = listener.commits.documents.read("opt").document.algorithms[NAME].since
    for number, version in enumerate(["9.0", "8.0", "7.0"]):
        ask(listener, "promote", version, id=f"run-{number}", at=since)
    versions = [each.version for each in listener.commits.ledger.releases("opt", NAME)]
    assert versions[:3] == ["7.0", "8.0", "9.0"]
    ask(listener, "promote", "6.0", id="run-9", at=LATER)
    assert listener.commits.documents.read("opt").document.algorithms[NAME].since == LATER


def test_repeated_request_records_what_its_dead_writer_did_not(listener: Listener) -> None:
    with pytest.raises(ConnectionError):
        ask(listener, "promote", "9.0", documents=dying(listener.commits.documents))
    assert list(listener.commits.ledger.releases("opt", NAME)) == []
    again = ask(listener, "promote", "9.0", at="2026-11-24T23:00:00Z")
    assert not again.changed
    assert tuple(listener.commits.ledger.releases("opt", NAME)) == again.releases
    assert [release.version for release in again.releases] == ["9.0"]


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_of_a_dead_writer_does_not_undo_a_newer_one(
    listener: Listener, action: str
) -> None:
    release(listener, "1.0", "2.0")
    version = "9.0" if action == "promote" else None
    with pytest.raises(ConnectionError):
        ask(listener, action, version, documents=dying(listener.commits.documents))
    ask(listener, "resume", id="other")
    ask(listener, "promote", "10.0", id="other")
    with pytest.raises(RefusedError, match=r"carried out before, and 10\.0 has taken its place"):
        ask(listener, action, version)
    assert now(listener) == "10.0"


@pytest.mark.parametrize("first", ["with a hold", "without a hold"])
def test_repeated_resumption_does_not_end_a_later_hold(listener: Listener, first: str) -> None:
    release(listener, "1.0")
    if first == "with a hold":
        ask(listener, "hold", id="run-0")
    ask(listener, "resume")
    ask(listener, "hold", id="run-2", who="bo")
    with pytest.raises(RefusedError, match="resume was carried out before"):
        ask(listener, "resume")
    assert listener.commits.documents.read("opt").document.holds[NAME].who == "bo"
    assert ask(listener, "resume", id="run-3").changed


def test_repeated_hold_does_not_return_after_a_resumption(listener: Listener) -> None:
    ask(listener, "hold")
    ask(listener, "resume", id="run-2")
    with pytest.raises(RefusedError, match="hold was carried out before"):
        ask(listener, "hold")
    assert listener.commits.documents.read("opt").document.holds == {}


def test_repeated_resumption_records_released_and_superseded_changes(listener: Listener) -> None:
    release(listener, "1.0")
    ask(listener, "hold")
    for number in (3, 4):
        listener.process([stream_record(number, version=f"{number}.0")], Schema())
    with pytest.raises(ConnectionError):
        ask(listener, "resume", documents=dying(listener.commits.documents))
    assert now(listener) == "4.0"
    for _ in range(2):
        assert not ask(listener, "resume", at="2026-11-24T23:00:00Z").changed
    recorded = listener.commits.ledger.releases("opt", NAME)
    assert [each.state for each in recorded] == ["open", "superseded", "verified"]


def test_interrupted_rollback_has_marked_the_version_it_left(listener: Listener) -> None:
    """The mark, the hold and the earlier version are one write."""
    release(listener, "1.0", "2.0")
    with pytest.raises(ConnectionError):
        ask(listener, "rollback", documents=dying(listener.commits.documents))
    again = ask(listener, "rollback")
    assert (moved(again), again.changed) == ({NAME: ("1.0", "1.0")}, False)
    verify(listener)
    assert next(listener.commits.ledger.releases("opt", NAME)).previous == "2.0"
    with pytest.raises(RefusedError, match="marked bad"):
        ask(listener, "rollback", "2.0", id="run-2")


def test_second_rollback_goes_further_only_to_a_named_version(listener: Listener) -> None:
    release(listener, "1.0", "2.0", "3.0")
    ask(listener, "rollback", who="ana")
    with pytest.raises(RefusedError, match=r"ana rolled it back from 3\.0 to 2\.0 already"):
        ask(listener, "rollback", id="run-2", who="bo")
    assert now(listener) == "2.0"
    assert moved(ask(listener, "rollback", "1.0", id="run-3")) == {NAME: ("2.0", "1.0")}


def test_repeated_rollback_does_not_undo_a_resumption(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "rollback")
    ask(listener, "resume", id="run-2")
    assert not ask(listener, "rollback").changed
    assert listener.commits.documents.read("opt").document.holds == {}


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_records_the_version_that_was_replaced(
    listener: Listener, action: str
) -> None:
    release(listener, "1.0", "2.0")
    version = "9.0" if action == "promote" else None
    with pytest.raises(ConnectionError):
        ask(listener, action, version, documents=dying(listener.commits.documents))
    ask(listener, action, version)
    assert next(listener.commits.ledger.releases("opt", NAME)).previous == "2.0"


def test_repeated_resumption_records_the_version_to_which_a_withdrawal_returned(
    listener: Listener,
) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "hold")
    left = stream_record(3, version="2.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    listener.process([left], Schema())
    with pytest.raises(ConnectionError):
        ask(listener, "resume", documents=dying(listener.commits.documents))
    ask(listener, "resume")
    newest = next(listener.commits.ledger.releases("opt", NAME))
    assert (newest.version, newest.previous, newest.state) == ("1.0", "2.0", "open")


def test_repeated_rollback_records_a_removed_algorithm(listener: Listener) -> None:
    release(listener, "1.0")
    times = live_times(listener)
    release(listener, "8.0", algorithm="late")
    back: dict[str, Any] = {"algorithms": (), "as_of": times[0]}
    with pytest.raises(ConnectionError):
        ask(listener, "rollback", documents=dying(listener.commits.documents), **back)
    for _ in range(2):
        assert not ask(listener, "rollback", **back).changed
    newest = next(listener.commits.ledger.releases("opt", "late"))
    assert (newest.version, newest.previous, newest.action) == (None, "8.0", "rollback")
    ask(listener, "resume", algorithms=("late",), id="run-2")
    ask(listener, "promote", "9.0", algorithms=("late",), id="run-3")
    with pytest.raises(RefusedError, match=r"carried out before, and 9\.0 has taken its place"):
        ask(listener, "rollback", **back)
