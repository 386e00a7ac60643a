"""Requests of people: promote, rollback, hold, resume and clear."""

from dataclasses import replace
from typing import Any

import pytest

from phaseline.algorithms.schema import Schema
from phaseline.errors import InputError, RefusedError
from phaseline.promotion.listener import Listener
from tests.builders.requests import (
    LATER,
    NAME,
    WEEKEND,
    ask,
    live_times,
    moved,
    now,
    release,
    verify,
)
from tests.builders.requests import listener as listener  # a fixture
from tests.builders.stores import AT
from tests.events import stream_record


def test_promotion_makes_the_version_active_and_records_who_and_why(listener: Listener) -> None:
    outcome = ask(listener, "promote", "5.0")
    assert (moved(outcome), outcome.changed) == ({NAME: (None, "5.0")}, True)
    (recorded,) = listener.commits.ledger.open_releases("opt")
    assert (recorded,) == outcome.releases
    assert (recorded.who, recorded.reason, recorded.version) == ("ana", "because", "5.0")


def test_promotion_of_the_active_version_changes_nothing(listener: Listener) -> None:
    first = ask(listener, "promote", "5.0")
    again = ask(listener, "promote", "5.0", id="run-2")
    assert not again.changed
    assert again.document.version_id == first.document.version_id
    assert "already" in again.note


@pytest.mark.parametrize(
    ("action", "version", "fields"),
    [
        ("promote", "untested", {}),
        ("promote", "5.0", {"type": "in"}),
        ("rollback", "7.0", {}),
        ("rollback", None, {}),
    ],
)
def test_version_that_is_not_known_to_be_good_is_refused(
    listener: Listener, action: str, version: str | None, fields: dict[str, Any]
) -> None:
    listener.process([stream_record(1, version="1.0")], Schema())
    before = listener.commits.documents.read("opt")
    with pytest.raises(RefusedError):
        ask(listener, action, version, **fields)
    assert listener.commits.documents.read("opt") == before


def test_malformed_request_is_refused_before_anything_is_written(listener: Listener) -> None:
    before = listener.commits.documents.read("opt")
    with pytest.raises(InputError, match="'version' can't be"):
        ask(listener, "promote", "$(reboot)")
    assert listener.commits.documents.read("opt") == before


def test_rolled_back_version_does_not_return_by_stream_records(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    outcome = ask(listener, "rollback")
    assert moved(outcome) == {NAME: ("2.0", "1.0")}
    listener.process([stream_record(2, version="2.0")], Schema())
    listener.process([stream_record(9, version="2.0")], Schema())
    assert now(listener) == "1.0"


def test_rollback_skips_bad_versions(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "rollback")
    verify(listener)
    ask(listener, "resume")
    listener.process([stream_record(9, version="3.0")], Schema())
    verify(listener)
    outcome = ask(listener, "rollback", id="run-3", at="2026-11-24T22:00:00Z")
    assert moved(outcome)[NAME][1] == "1.0"
    with pytest.raises(RefusedError, match="marked bad"):
        ask(listener, "rollback", "2.0", id="run-4")


def test_changes_during_a_hold_wait_in_order_and_are_applied_on_resume(listener: Listener) -> None:
    release(listener, "1.0")
    ask(listener, "hold")
    for number, version in ((3, "3.0"), (2, "2.0"), (3, "3.0")):
        listener.process([stream_record(number, version=version)], Schema())
    assert now(listener) == "1.0"
    hold = listener.commits.documents.read("opt").document.holds[NAME]
    assert [change.version for change in hold.waiting] == ["2.0", "3.0"]
    with pytest.raises(RefusedError, match="on hold by ana"):
        ask(listener, "promote", "5.0")
    outcome = ask(listener, "resume")
    assert moved(outcome) == {NAME: ("1.0", "3.0")}
    assert [each.previous for each in outcome.releases] == ["1.0"]
    assert [(each.version, each.state) for each in outcome.superseded] == [("2.0", "superseded")]
    assert listener.commits.documents.read("opt").document.holds == {}


def test_withdrawal_that_waited_returns_to_the_verified_version_on_resume(
    listener: Listener,
) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "hold")
    left = stream_record(3, version="2.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    listener.process([left], Schema())
    assert now(listener) == "2.0"
    assert moved(ask(listener, "resume")) == {NAME: ("2.0", "1.0")}


@pytest.mark.parametrize("action", ["hold", "resume"])
def test_repeated_hold_or_resumption_changes_nothing(listener: Listener, action: str) -> None:
    release(listener, "1.0")
    ask(listener, "hold")
    if action == "resume":
        ask(listener, "resume")
    assert not ask(listener, action, id="run-2").changed


@pytest.mark.parametrize("end", [{"until": "2026-11-24T21:30:00Z"}, {"window": WEEKEND}])
def test_rollback_replaces_a_hold_with_an_end_and_keeps_its_waiting_changes(
    listener: Listener, end: dict[str, str]
) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "hold", at=AT, **end)
    if "until" in end:
        listener.process([stream_record(3, version="3.0")], Schema())
    ask(listener, "rollback")
    later = replace(listener, now=lambda: "2026-11-25T08:00:00Z")
    later.process([stream_record(4, version="4.0")], Schema())
    assert now(listener) == "1.0"
    waiting = listener.commits.documents.read("opt").document.waiting()
    assert [change.version for change in waiting] == [*(["3.0"] if "until" in end else []), "4.0"]


def test_promotion_supersedes_changes_of_a_hold_that_has_ended(listener: Listener) -> None:
    release(listener, "1.0")
    ask(listener, "hold", at=AT, until="2026-11-24T20:30:00Z")
    listener.process([stream_record(2, version="2.0")], Schema())
    ask(listener, "promote", "5.0")
    replace(listener, now=lambda: LATER).apply_due()
    assert now(listener) == "5.0"
    states = {each.version: each.state for each in listener.commits.ledger.releases("opt", NAME)}
    assert states == {"5.0": "open", "2.0": "superseded", "1.0": "verified"}


def test_resumption_during_a_freeze_names_the_remaining_hold(listener: Listener) -> None:
    release(listener, "1.0")
    ask(listener, "hold")
    ask(listener, "hold", algorithms=(), reason="holidays")
    for _ in range(2):
        assert ask(listener, "resume").note.endswith("still on hold by ana: holidays")


def test_rollback_of_several_algorithms_is_one_write_or_none(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    release(listener, "5.0", "6.0", algorithm="other")
    before = listener.commits.documents.read("opt")
    with pytest.raises(RefusedError, match="opt/third"):
        ask(listener, "rollback", algorithms=(NAME, "other", "third"))
    assert listener.commits.documents.read("opt") == before
    outcome = ask(listener, "rollback", algorithms=(NAME, "other"))
    assert moved(outcome) == {NAME: ("2.0", "1.0"), "other": ("6.0", "5.0")}
    assert outcome.document.document.revision == before.document.revision + 1
    assert outcome.document.document.holds.keys() == {NAME, "other"}
    assert len({each.release_id for each in outcome.releases}) == 2


def test_rollback_to_a_time_restores_each_live_version_and_removes_new_algorithms(
    listener: Listener,
) -> None:
    release(listener, "1.0", "2.0", "3.0")
    release(listener, "8.0", algorithm="late")
    times = live_times(listener)
    outcome = ask(listener, "rollback", algorithms=(), as_of=times[1])
    assert moved(outcome) == {NAME: ("3.0", "2.0"), "late": ("8.0", None)}
    document = outcome.document.document
    assert document.holds.keys() == {NAME, "late"}
    assert [[*document.bad[name]] for name in (NAME, "late")] == [["3.0"], ["8.0"]]
    again = ask(listener, "rollback", algorithms=(), as_of=times[1])
    assert not again.changed


def test_rollback_to_a_future_time_is_refused(listener: Listener) -> None:
    release(listener, "1.0")
    with pytest.raises(InputError, match="'as-of'"):
        ask(listener, "rollback", algorithms=(), as_of="2026-11-24T21:00:01Z")


def test_rollback_to_a_time_before_the_first_publication_is_refused(listener: Listener) -> None:
    release(listener, "1.0")
    with pytest.raises(RefusedError, match="no publication is known to have been live"):
        ask(listener, "rollback", algorithms=(), as_of="2020-01-01T00:00:00Z")


def test_rollback_to_a_time_with_a_bad_version_is_refused(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    times = live_times(listener)
    ask(listener, "rollback")
    with pytest.raises(RefusedError, match="marked bad by ana"):
        ask(listener, "rollback", id="run-2", algorithms=(), as_of=times[-1])


def test_bad_version_is_refused_until_its_mark_is_cleared(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "rollback")
    ask(listener, "resume")
    with pytest.raises(RefusedError, match="marked bad by ana"):
        ask(listener, "promote", "2.0", id="run-2")
    assert ask(listener, "clear", "2.0").changed
    assert not ask(listener, "clear", "2.0").changed
    assert moved(ask(listener, "promote", "2.0", id="run-3")) == {NAME: ("1.0", "2.0")}


def test_freeze_holds_the_whole_type_but_allows_a_rollback(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "hold", algorithms=())
    listener.process([stream_record(8, version="8.0", algorithm="other")], Schema())
    with pytest.raises(RefusedError, match="on hold by ana"):
        ask(listener, "promote", "5.0")
    assert moved(ask(listener, "rollback")) == {NAME: ("2.0", "1.0")}
    outcome = ask(listener, "resume", algorithms=())
    assert moved(outcome) == {"other": (None, "8.0")}
    assert outcome.document.document.holds.keys() == {NAME}


def test_second_hold_changes_the_end_and_keeps_the_waiting_changes(listener: Listener) -> None:
    ask(listener, "hold")
    listener.process([stream_record(8, version="8.0")], Schema())
    ask(listener, "hold", until="2026-11-25T08:00:00+01:00", reason="until tomorrow")
    hold = listener.commits.documents.read("opt").document.holds[NAME]
    assert (hold.until, hold.reason) == ("2026-11-25T07:00:00Z", "until tomorrow")
    assert [change.version for change in hold.waiting] == ["8.0"]


@pytest.mark.parametrize("algorithms", [(NAME,), ()])
def test_hold_of_another_person_is_not_replaced_silently(
    listener: Listener, algorithms: tuple[str, ...]
) -> None:
    """The refusal says who holds, until when, and how to replace the hold."""
    given: dict[str, Any] = {"algorithms": algorithms, "id": "run-2", "who": "ben"}
    ask(listener, "hold", algorithms=algorithms, until="2026-11-25T08:00:00Z")
    before = listener.commits.documents.read("opt")
    with pytest.raises(RefusedError) as raised:
        ask(listener, "hold", **given)
    assert "ana holds it since 2026-11-24T21:00:00Z until 2026-11-25T08:00:00Z" in str(raised.value)
    assert "--replace" in raised.value.remedy
    assert listener.commits.documents.read("opt") == before
    document = ask(listener, "hold", replace=True, **given).document.document
    hold = document.holds[NAME] if algorithms else document.freeze
    assert hold
    assert (hold.who, hold.until) == ("ben", None)


def test_same_hold_of_another_person_stays(listener: Listener) -> None:
    ask(listener, "hold")
    outcome = ask(listener, "hold", id="run-2", who="ben")
    assert not outcome.changed
    assert outcome.document.document.holds[NAME].who == "ana"


def test_hold_that_has_ended_is_replaced(listener: Listener) -> None:
    ask(listener, "hold", at=AT, until="2026-11-24T20:30:00Z")
    outcome = ask(listener, "hold", id="run-2", who="ben", reason="mine")
    assert outcome.document.document.holds[NAME].who == "ben"


@pytest.mark.parametrize("action", ["promote", "rollback", "hold", "resume"])
def test_dry_run_returns_the_outcome_and_writes_nothing(listener: Listener, action: str) -> None:
    release(listener, "1.0", "2.0")
    if action == "resume":
        ask(listener, "hold")
        listener.process([stream_record(9, version="9.0")], Schema())
    before = listener.commits.documents.read("opt")
    version = "9.0" if action == "promote" else None
    outcome = ask(listener, action, version, dry_run=True)
    expected = {"promote": "9.0", "rollback": "1.0", "hold": "2.0", "resume": "9.0"}
    assert moved(outcome)[NAME][1] == expected[action]
    assert outcome.changed
    assert listener.commits.documents.read("opt") == before
    assert list(listener.commits.ledger.open_releases("opt")) == []
