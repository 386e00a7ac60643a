"""Requests of people: promote, rollback, hold, resume, clear."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.documents.document import Document
from phaseline.documents.store import Documents, Stored
from phaseline.errors import InputError, RefusedError
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
def intake() -> Iterator[Listener]:
    """The stream's road, to bring algorithms to the state that a request meets."""
    with mock_aws():
        documents, ledger = make_stores()
        yield Listener(
            documents,
            ledger,
            Outbox(ledger.client, ledger.table),
            lambda payload: None,
            lambda: AT,
        )


def release(intake: Listener, *versions: str, algorithm: str = NAME) -> None:
    """Promote each version by the stream, and see it verified."""
    for number, version in enumerate(versions, start=1):
        record = stream_record(number, algorithm=algorithm, version=version)
        intake.process([record], Schema())
        verify(intake)


def verify(intake: Listener) -> None:
    """Close the open releases as verified, and note what is live then."""
    for each in list(intake.ledger.open_releases("opt")):
        intake.ledger.stamp(each, "verified", at=each.requested_at, state=VERIFIED)
    stored = intake.documents.read("opt")
    document = LiveDocument(stored.version_id, stored.document.revision)
    at = f"2026-11-24T20:{stored.document.revision:02}:00Z"
    live = Live(at, f"execution-{stored.document.revision}", "c0ffee", {"opt": document})
    Lives(intake.ledger.client, "ledger").record(live)


def ask(intake: Listener, action: str, version: str | None = None, **fields: Any) -> Outcome:
    """Carry out one request for the algorithm."""
    dry_run, documents = fields.pop("dry_run", False), fields.pop("documents", intake.documents)
    upstream = fields.pop("upstream", None)
    known: dict[str, Any] = {
        "type": "opt", "reason": "because", "id": "run-1", "at": LATER, "algorithms": (NAME,),
        "who": "ana",
    }  # fmt: skip
    request = Request(action=action, version=version, **(known | fields))

    def tested(name: str, version: str) -> AlgorithmVersion | None:
        return (
            AlgorithmVersion("opt", name, version, {"of": name}) if version != "untested" else None
        )

    sources = Sources(intake.ledger, tested, Lives(intake.ledger.client, "ledger"), upstream)
    return carry_out(request, documents=documents, sources=sources, dry_run=dry_run)


def moved(outcome: Outcome) -> dict[str, tuple[str | None, str | None]]:
    """What a request did to each algorithm's active version."""
    return {move.algorithm: (move.before, move.after) for move in outcome.moves}


def now(intake: Listener) -> str | None:
    """The active version."""
    return intake.documents.read("opt").document.versions().get(NAME)


def test_promotion_makes_the_version_active_and_records_who_and_why(intake: Listener) -> None:
    outcome = ask(intake, "promote", "5.0")
    assert (moved(outcome), outcome.changed) == ({NAME: (None, "5.0")}, True)
    (recorded,) = intake.ledger.open_releases("opt")
    assert (recorded,) == outcome.releases
    assert (recorded.who, recorded.reason, recorded.version) == ("ana", "because", "5.0")


def test_promotion_of_the_active_version_changes_nothing(intake: Listener) -> None:
    first = ask(intake, "promote", "5.0")
    again = ask(intake, "promote", "5.0", id="run-2")
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
    intake: Listener, action: str, version: str | None, fields: dict[str, Any]
) -> None:
    intake.process([stream_record(1, version="1.0")], Schema())
    before = intake.documents.read("opt")
    with pytest.raises(RefusedError):
        ask(intake, action, version, **fields)
    assert intake.documents.read("opt") == before


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "delete"},
        {"type": "inout"},
        {"reason": " "},
        {"version": "$(reboot)"},
        {"version": None},
        {"algorithms": ("$(reboot)",)},
        {"algorithms": ()},
        {"algorithms": ("a", "b")},
        {"as_of": AT},
        {"until": LATER},
        {"window": "0 18 * * 5 for 62h in Europe/Berlin"},
    ],
)
def test_malformed_request_is_refused_by_field(intake: Listener, fields: dict[str, Any]) -> None:
    known = {"algorithms": "(algorithm|version)", "as_of": "as-of"}
    field = known.get(name := next(iter(fields)), name)
    with pytest.raises(InputError, match=f"'{field}'"):
        ask(intake, **({"action": "promote", "version": "1.0"} | fields))


def test_rolled_back_version_does_not_return_by_stream_records(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    outcome = ask(intake, "rollback")
    assert moved(outcome) == {NAME: ("2.0", "1.0")}
    intake.process([stream_record(2, version="2.0")], Schema())
    intake.process([stream_record(9, version="2.0")], Schema())
    assert now(intake) == "1.0"


def test_rollback_skips_bad_versions(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    ask(intake, "rollback")
    verify(intake)
    ask(intake, "resume")
    intake.process([stream_record(9, version="3.0")], Schema())
    verify(intake)
    outcome = ask(intake, "rollback", id="run-3", at="2026-11-24T22:00:00Z")
    assert moved(outcome)[NAME][1] == "1.0"
    with pytest.raises(RefusedError, match="marked bad"):
        ask(intake, "rollback", "2.0", id="run-4")


def test_changes_during_a_hold_wait_in_order_and_are_applied_on_resume(intake: Listener) -> None:
    release(intake, "1.0")
    ask(intake, "hold")
    for number, version in ((3, "3.0"), (2, "2.0"), (3, "3.0")):
        intake.process([stream_record(number, version=version)], Schema())
    assert now(intake) == "1.0"
    hold = intake.documents.read("opt").document.holds[NAME]
    assert [change.version for change in hold.waiting] == ["2.0", "3.0"]
    with pytest.raises(RefusedError, match="on hold by ana"):
        ask(intake, "promote", "5.0")
    outcome = ask(intake, "resume")
    assert moved(outcome) == {NAME: ("1.0", "3.0")}
    assert [one.previous for one in outcome.releases] == ["1.0"]
    assert [(one.version, one.state) for one in outcome.not_carried] == [("2.0", "superseded")]
    assert intake.documents.read("opt").document.holds == {}


def test_withdrawal_that_waited_returns_to_the_verified_version_on_resume(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    ask(intake, "hold")
    left = stream_record(3, version="2.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    intake.process([left], Schema())
    assert now(intake) == "2.0"
    assert moved(ask(intake, "resume")) == {NAME: ("2.0", "1.0")}


@pytest.mark.parametrize("action", ["hold", "resume"])
def test_repeated_hold_or_resumption_changes_nothing(intake: Listener, action: str) -> None:
    release(intake, "1.0")
    ask(intake, "hold")
    if action == "resume":
        ask(intake, "resume")
    assert not ask(intake, action, id="run-2").changed


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_is_one_release_and_goes_back_once(intake: Listener, action: str) -> None:
    release(intake, "1.0", "2.0", "3.0")
    version = "9.0" if action == "promote" else None
    first = ask(intake, action, version)
    verify(intake)
    again = ask(intake, action, version, at="2026-11-24T23:00:00Z")
    assert (moved(again)[NAME][1], again.changed) == (moved(first)[NAME][1], False)
    recorded = [each.release_id for each in intake.ledger.releases("opt", NAME)]
    assert recorded.count(first.releases[0].release_id) == 1
    assert list(intake.ledger.open_releases("opt")) == []


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_is_refused_after_a_newer_one(intake: Listener, action: str) -> None:
    release(intake, "1.0", "2.0")
    version = "9.0" if action == "promote" else None
    ask(intake, action, version)
    verify(intake)
    ask(intake, "resume")
    ask(intake, "promote", "10.0", id="run-2")
    before = intake.documents.read("opt")
    with pytest.raises(RefusedError, match=r"carried out before, and 10\.0 has taken its place"):
        ask(intake, action, version, at="2026-11-24T23:00:00Z")
    assert intake.documents.read("opt") == before
    assert ask(intake, action, version, id="run-3").changed


def test_one_run_can_promote_two_versions_in_turn(intake: Listener) -> None:
    assert moved(ask(intake, "promote", "9.0")) == {NAME: (None, "9.0")}
    assert moved(ask(intake, "promote", "8.0")) == {NAME: ("9.0", "8.0")}


def test_later_request_of_the_same_second_is_newer_in_the_ledger(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    since = intake.documents.read("opt").document.algorithms[NAME].since
    for number, version in enumerate(["9.0", "8.0", "7.0"]):
        ask(intake, "promote", version, id=f"run-{number}", at=since)
    versions = [each.version for each in intake.ledger.releases("opt", NAME)]
    assert versions[:3] == ["7.0", "8.0", "9.0"]
    ask(intake, "promote", "6.0", id="run-9", at=LATER)
    assert intake.documents.read("opt").document.algorithms[NAME].since == LATER


def test_repeated_request_writes_the_missing_ledger_item(intake: Listener) -> None:
    first = ask(intake, "promote", "9.0")
    intake.ledger.client.delete_item(TableName="ledger", Key=first.releases[0].key)
    ask(intake, "promote", "9.0", at="2026-11-24T23:00:00Z")
    assert tuple(intake.ledger.releases("opt", NAME)) == first.releases


class Dying(Documents):
    """Documents whose writer dies when it has written."""

    def write(self, document: Document, *, over: Stored) -> Stored | None:
        super().write(document, over=over)
        raise ConnectionError


def dying(documents: Documents) -> Documents:
    return Dying(documents.s3, documents.bucket, documents.prefix, documents.pause)


def test_repeated_resumption_records_released_and_superseded_changes(intake: Listener) -> None:
    release(intake, "1.0")
    ask(intake, "hold")
    for number in (3, 4):
        intake.process([stream_record(number, version=f"{number}.0")], Schema())
    with pytest.raises(ConnectionError):
        ask(intake, "resume", documents=dying(intake.documents))
    assert now(intake) == "4.0"
    for _ in range(2):
        assert not ask(intake, "resume", at="2026-11-24T23:00:00Z").changed
    recorded = intake.ledger.releases("opt", NAME)
    assert [one.state for one in recorded] == ["open", "superseded", "verified"]


def test_interrupted_rollback_has_marked_the_version_it_left(intake: Listener) -> None:
    """The mark, the hold and the earlier version are one write."""
    release(intake, "1.0", "2.0")
    with pytest.raises(ConnectionError):
        ask(intake, "rollback", documents=dying(intake.documents))
    again = ask(intake, "rollback")
    assert (moved(again), again.changed) == ({NAME: ("1.0", "1.0")}, False)
    verify(intake)
    assert next(intake.ledger.releases("opt", NAME)).previous == "2.0"
    with pytest.raises(RefusedError, match="marked bad"):
        ask(intake, "rollback", "2.0", id="run-2")


def test_second_rollback_goes_further_only_to_a_named_version(intake: Listener) -> None:
    release(intake, "1.0", "2.0", "3.0")
    ask(intake, "rollback", who="ana")
    with pytest.raises(RefusedError, match=r"ana rolled it back from 3\.0 to 2\.0 already"):
        ask(intake, "rollback", id="run-2", who="bo")
    assert now(intake) == "2.0"
    assert moved(ask(intake, "rollback", "1.0", id="run-3")) == {NAME: ("2.0", "1.0")}


@pytest.mark.parametrize("end", [{"until": "2026-11-24T21:30:00Z"}, {"window": WEEKEND}])
def test_rollback_replaces_a_hold_with_an_end_and_keeps_its_waiting_changes(
    intake: Listener, end: dict[str, str]
) -> None:
    release(intake, "1.0", "2.0")
    ask(intake, "hold", at=AT, **end)
    if "until" in end:
        intake.process([stream_record(3, version="3.0")], Schema())
    ask(intake, "rollback")
    later = replace(intake, now=lambda: "2026-11-25T08:00:00Z")
    later.process([stream_record(4, version="4.0")], Schema())
    assert now(intake) == "1.0"
    waiting = intake.documents.read("opt").document.waiting()
    assert [one.version for one in waiting] == [*(["3.0"] if "until" in end else []), "4.0"]


def test_repeated_rollback_does_not_undo_a_resumption(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    ask(intake, "rollback")
    ask(intake, "resume", id="run-2")
    assert not ask(intake, "rollback").changed
    assert intake.documents.read("opt").document.holds == {}


def test_promotion_supersedes_changes_of_a_hold_that_has_ended(intake: Listener) -> None:
    release(intake, "1.0")
    ask(intake, "hold", at=AT, until="2026-11-24T20:30:00Z")
    intake.process([stream_record(2, version="2.0")], Schema())
    ask(intake, "promote", "5.0")
    replace(intake, now=lambda: LATER).apply_due()
    assert now(intake) == "5.0"
    states = {one.version: one.state for one in intake.ledger.releases("opt", NAME)}
    assert states == {"5.0": "open", "2.0": "superseded", "1.0": "verified"}


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_repeated_request_records_the_version_that_was_replaced(
    intake: Listener, action: str
) -> None:
    release(intake, "1.0", "2.0")
    version = "9.0" if action == "promote" else None
    with pytest.raises(ConnectionError):
        ask(intake, action, version, documents=dying(intake.documents))
    ask(intake, action, version)
    assert next(intake.ledger.releases("opt", NAME)).previous == "2.0"


def test_repeated_resumption_records_the_version_to_which_a_withdrawal_returned(
    intake: Listener,
) -> None:
    release(intake, "1.0", "2.0")
    ask(intake, "hold")
    left = stream_record(3, version="2.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    intake.process([left], Schema())
    with pytest.raises(ConnectionError):
        ask(intake, "resume", documents=dying(intake.documents))
    ask(intake, "resume")
    newest = next(intake.ledger.releases("opt", NAME))
    assert (newest.version, newest.previous, newest.state) == ("1.0", "2.0", "open")


def test_resumption_during_a_freeze_names_the_remaining_hold(intake: Listener) -> None:
    release(intake, "1.0")
    ask(intake, "hold")
    ask(intake, "hold", algorithms=(), reason="holidays")
    for _ in range(2):
        assert ask(intake, "resume").note.endswith("still on hold by ana: holidays")


def test_rollback_of_several_algorithms_is_one_write_or_none(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    release(intake, "5.0", "6.0", algorithm="other")
    before = intake.documents.read("opt")
    with pytest.raises(RefusedError, match="opt/third"):
        ask(intake, "rollback", algorithms=(NAME, "other", "third"))
    assert intake.documents.read("opt") == before
    outcome = ask(intake, "rollback", algorithms=(NAME, "other"))
    assert moved(outcome) == {NAME: ("2.0", "1.0"), "other": ("6.0", "5.0")}
    assert outcome.document.document.revision == before.document.revision + 1
    assert outcome.document.document.holds.keys() == {NAME, "other"}
    assert len({one.release_id for one in outcome.releases}) == 2


def test_rollback_to_a_time_restores_each_live_version_and_removes_new_algorithms(
    intake: Listener,
) -> None:
    release(intake, "1.0", "2.0", "3.0")
    release(intake, "8.0", algorithm="late")
    live = [one.at for one in Lives(intake.ledger.client, "ledger").between("2026", "2027")]
    outcome = ask(intake, "rollback", algorithms=(), as_of=live[1])
    assert moved(outcome) == {NAME: ("3.0", "2.0"), "late": ("8.0", None)}
    document = outcome.document.document
    assert document.holds.keys() == {NAME, "late"}
    assert [[*document.bad[name]] for name in (NAME, "late")] == [["3.0"], ["8.0"]]
    again = ask(intake, "rollback", algorithms=(), as_of=live[1])
    assert not again.changed


def test_repeated_rollback_records_a_removed_algorithm(intake: Listener) -> None:
    release(intake, "1.0")
    live = [one.at for one in Lives(intake.ledger.client, "ledger").between("2026", "2027")]
    release(intake, "8.0", algorithm="late")
    back: dict[str, Any] = {"algorithms": (), "as_of": live[0]}
    with pytest.raises(ConnectionError):
        ask(intake, "rollback", documents=dying(intake.documents), **back)
    for _ in range(2):
        assert not ask(intake, "rollback", **back).changed
    newest = next(intake.ledger.releases("opt", "late"))
    assert (newest.version, newest.previous, newest.action) == (None, "8.0", "rollback")
    ask(intake, "resume", algorithms=("late",), id="run-2")
    ask(intake, "promote", "9.0", algorithms=("late",), id="run-3")
    with pytest.raises(RefusedError, match=r"carried out before, and 9\.0 has taken its place"):
        ask(intake, "rollback", **back)


def test_rollback_to_a_future_time_is_refused(intake: Listener) -> None:
    release(intake, "1.0")
    with pytest.raises(InputError, match="'as-of'"):
        ask(intake, "rollback", algorithms=(), as_of="2026-11-24T21:00:01Z")


def test_rollback_to_a_time_before_the_first_publication_is_refused(intake: Listener) -> None:
    release(intake, "1.0")
    with pytest.raises(RefusedError, match="no publication is known to have been live"):
        ask(intake, "rollback", algorithms=(), as_of="2020-01-01T00:00:00Z")


def test_rollback_to_a_time_with_a_bad_version_is_refused(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    live = [one.at for one in Lives(intake.ledger.client, "ledger").between("2026", "2027")]
    ask(intake, "rollback")
    with pytest.raises(RefusedError, match="marked bad by ana"):
        ask(intake, "rollback", id="run-2", algorithms=(), as_of=live[-1])


def test_bad_version_is_refused_until_its_mark_is_cleared(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    ask(intake, "rollback")
    ask(intake, "resume")
    with pytest.raises(RefusedError, match="marked bad by ana"):
        ask(intake, "promote", "2.0", id="run-2")
    assert ask(intake, "clear", "2.0").changed
    assert not ask(intake, "clear", "2.0").changed
    assert moved(ask(intake, "promote", "2.0", id="run-3")) == {NAME: ("1.0", "2.0")}


def test_freeze_holds_the_whole_type_but_allows_a_rollback(intake: Listener) -> None:
    release(intake, "1.0", "2.0")
    ask(intake, "hold", algorithms=())
    intake.process([stream_record(8, version="8.0", algorithm="other")], Schema())
    with pytest.raises(RefusedError, match="on hold by ana"):
        ask(intake, "promote", "5.0")
    assert moved(ask(intake, "rollback")) == {NAME: ("2.0", "1.0")}
    outcome = ask(intake, "resume", algorithms=())
    assert moved(outcome) == {"other": (None, "8.0")}
    assert outcome.document.document.holds.keys() == {NAME}


def test_second_hold_changes_the_end_and_keeps_the_waiting_changes(intake: Listener) -> None:
    ask(intake, "hold")
    intake.process([stream_record(8, version="8.0")], Schema())
    ask(intake, "hold", until="2026-11-25T08:00:00+01:00", reason="until tomorrow")
    hold = intake.documents.read("opt").document.holds[NAME]
    assert (hold.until, hold.reason) == ("2026-11-25T07:00:00Z", "until tomorrow")
    assert [change.version for change in hold.waiting] == ["8.0"]


class Raced(Documents):
    """Documents to which somebody else writes between a request's read and its write."""

    meanwhile: Callable[[], object]

    def attempts(self, type_: str) -> Iterator[Stored]:
        self.meanwhile()
        return super().attempts(type_)


def raced(intake: Listener, meanwhile: Callable[[], object]) -> Documents:
    documents = intake.documents
    made = Raced(documents.s3, documents.bucket, documents.prefix, documents.pause)
    object.__setattr__(made, "meanwhile", meanwhile)
    return made


@pytest.mark.parametrize("action", ["promote", "rollback"])
@pytest.mark.parametrize("by", ["promote", "rollback", "the table"])
def test_slower_of_two_concurrent_changes_is_refused(
    intake: Listener, action: str, by: str
) -> None:
    """The error names the faster one and its version."""
    release(intake, "1.0", "2.0", "3.0")

    def meanwhile() -> None:
        if by == "the table":
            intake.process([stream_record(9, version="4.0")], Schema())
        elif by == "promote":
            ask(intake, "promote", "4.0", id="other")
        else:
            ask(intake, "rollback", id="other")

    documents = raced(intake, meanwhile)
    version = "1.0" if action == "rollback" else "5.0"
    won = "2.0" if by == "rollback" else "4.0"
    who = "the table" if by == "the table" else "ana"
    with pytest.raises(RefusedError, match=f"{who} made {won} active at the same time"):
        ask(intake, action, version, documents=documents)
    assert now(intake) == won
    assert [one.version for one in intake.ledger.open_releases("opt")] == [won]


@pytest.mark.parametrize(("action", "version"), [("promote", "5.0"), ("rollback", None)])
def test_slower_of_two_equal_concurrent_requests_finds_it_done(
    intake: Listener, action: str, version: str | None
) -> None:
    release(intake, "1.0", "2.0")
    documents = raced(intake, lambda: ask(intake, action, version, id="other"))
    outcome = ask(intake, action, version, documents=documents)
    assert (now(intake), outcome.releases) == (version or "1.0", ())
    assert len(list(intake.ledger.open_releases("opt"))) == 1


def test_promotion_is_refused_after_a_concurrent_hold(intake: Listener) -> None:
    documents = raced(intake, lambda: ask(intake, "hold"))
    with pytest.raises(RefusedError, match="on hold by ana"):
        ask(intake, "promote", "5.0", documents=documents)


def test_concurrent_changes_of_different_algorithms_both_succeed(intake: Listener) -> None:
    documents = raced(intake, lambda: ask(intake, "promote", "1.0", algorithms=("other",)))
    ask(intake, "promote", "5.0", documents=documents)
    assert intake.documents.read("opt").document.versions() == {NAME: "5.0", "other": "1.0"}


@pytest.mark.parametrize("action", ["promote", "rollback", "hold", "resume"])
def test_dry_run_returns_the_outcome_and_writes_nothing(intake: Listener, action: str) -> None:
    release(intake, "1.0", "2.0")
    if action == "resume":
        ask(intake, "hold")
        intake.process([stream_record(9, version="9.0")], Schema())
    before = intake.documents.read("opt")
    version = "9.0" if action == "promote" else None
    outcome = ask(intake, action, version, dry_run=True)
    expected = {"promote": "9.0", "rollback": "1.0", "hold": "2.0", "resume": "9.0"}
    assert moved(outcome)[NAME][1] == expected[action]
    assert outcome.changed
    assert intake.documents.read("opt") == before
    assert list(intake.ledger.open_releases("opt")) == []
