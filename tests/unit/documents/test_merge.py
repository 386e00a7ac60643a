"""Stream changes that are applied to a document."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from phaseline.documents.merge import merge, release_of
from phaseline.releases.release import SUPERSEDED, WAITING, Release, Step
from tests.builders.changes import NOW, STREAM, change
from tests.builders.counting import calls


def verified(version: str) -> Release:
    """A verified release to which a withdrawal may return."""
    return Release(
        release_id="r", type="opt", algorithm="a", version=version, action="promote",
        previous=None, requested_at="2026-11-01T00:00:00Z", sequence="1", reason="",
        display={"title": version},
    )  # fmt: skip


def test_promotion_makes_the_version_active_and_increments_the_revision() -> None:
    merged = merge(Document("opt", revision=4), [change(10, "2.0.0")], {}, NOW)
    entry = merged.document.algorithms["a"]
    assert (entry.version, entry.display) == ("2.0.0", {"title": "2.0.0"})
    assert merged.document.revision == 5
    assert [release.previous for release in merged.releases] == [None]


@pytest.mark.parametrize(
    ("action", "version", "reason"),
    [("promote", "2.0.0", "its phase was set"), ("withdraw", "0.9.0", "its phase was left")],
)
def test_release_says_what_changes_and_why(action: str, version: str, reason: str) -> None:
    before = merge(Document("opt"), [change(9, "1.0.0")], {}, NOW).document
    asked = change(10, "2.0.0" if action == "promote" else "1.0.0", action=action)
    merged = merge(before, [asked], {asked.release_id: [verified("0.9.0")]}, NOW)
    release = Release(
        release_id=asked.release_id, type="opt", algorithm="a", version=version, action=action,
        previous="1.0.0", requested_at="2026-11-24T20:00:00Z", sequence="10", reason=reason,
        display={"title": version},
    )  # fmt: skip
    assert merged.releases == (release,)


def test_release_of_a_request_names_the_person_and_the_run() -> None:
    entry = Entry("2.0.0", {}, "r", "", "0", "2026-11-24T20:00:00Z", "ana", previous="1.0.0")
    release = release_of(
        entry, "opt", "a", action="promote", reason="tested", run_url="https://run.example"
    )
    assert (release.who, release.run_url) == ("ana", "https://run.example")


def test_only_the_last_promotion_of_a_batch_is_a_release() -> None:
    before = merge(Document("opt"), [change(1, "0.9.0")], {}, NOW).document
    merged = merge(before, [change(10, "1.0.0"), change(11, "1.1.0")], {}, NOW)
    assert merged.document.versions() == {"a": "1.1.0"}
    assert [(r.version, r.previous) for r in merged.releases] == [("1.1.0", "0.9.0")]


def test_repeated_change_changes_nothing() -> None:
    first = merge(Document("opt"), [change(10)], {}, NOW)
    again = merge(first.document, [change(10)], {}, NOW)
    assert again.document is first.document
    assert again.releases == ()


def test_change_older_than_the_entry_is_skipped() -> None:
    before = merge(Document("opt"), [change(10, "2.0.0")], {}, NOW).document
    merged = merge(before, [change(9, "1.0.0")], {}, NOW)
    assert merged.document is before
    ((skipped, reason),) = merged.skipped
    assert skipped == change(9, "1.0.0")
    assert "already taken into account" in reason


@pytest.mark.parametrize(
    ("stream", "is_applied"),
    [
        ("algorithms/2026-11-20T08:00:00.000", True),  # the stream was enabled again
        ("algorithms/2026-10-01T08:00:00.000", False),  # the former stream of the table
        ("restored/2026-11-20T08:00:00.000", True),
        ("restored/2026-10-01T08:00:00.000", True),
    ],
)
def test_sequence_numbers_are_compared_within_one_stream(stream: str, is_applied: bool) -> None:
    before = merge(Document("opt"), [change(900, "1.0.0")], {}, NOW).document
    merged = merge(before, [change(3, "2.0.0", stream=stream)], {}, NOW)
    assert merged.document.versions() == {"a": "2.0.0" if is_applied else "1.0.0"}
    assert [release.previous for release in merged.releases] == ["1.0.0"] * is_applied


def test_record_of_a_version_that_a_person_promoted_is_no_second_release() -> None:
    """Later records are compared with its position."""
    entry = Entry("2.0.0", {"title": "2.0.0"}, "r", "", "0", "t", "ana", previous="1.0.0")
    merged = merge(Document("opt", algorithms={"a": entry}), [change(7, "2.0.0")], {}, NOW)
    assert merged.releases == ()
    advanced = merged.document.algorithms["a"]
    assert (advanced.release, advanced.who, advanced.sequence) == ("r", "ana", "7")
    assert merged.skipped == ((change(7, "2.0.0"), "the version is active already"),)
    assert merge(merged.document, [change(6, "1.5.0")], {}, NOW).document is merged.document


def test_no_release_replaces_its_own_version() -> None:
    """The same version with another display replaces the version before it."""
    entry = Entry("2.0.0", {"title": "old"}, "r", "", "0", "t", "ana", previous="1.0.0")
    merged = merge(Document("opt", algorithms={"a": entry}), [change(7, "2.0.0")], {}, NOW)
    assert [release.previous for release in merged.releases] == ["1.0.0"]


def test_every_change_that_was_overtaken_in_a_batch_is_superseded() -> None:
    """So the ledger explains each version that is not active; a repetition records nothing."""
    batch = [change(9, "0.9.0"), change(10, "2.0.0"), change(11, "1.0.0")]
    merged = merge(Document("opt"), batch, {}, NOW)
    assert merged.document.versions() == {"a": "1.0.0"}
    assert [(release.version, release.state) for release in merged.superseded] == [
        ("0.9.0", SUPERSEDED),
        ("2.0.0", SUPERSEDED),
    ]
    assert merge(merged.document, batch, {}, NOW).superseded == ()


def test_superseded_release_names_the_version_that_was_active() -> None:
    before = merge(Document("opt"), [change(1, "0.9.0")], {}, NOW).document
    merged = merge(before, [change(2, "1.0.0"), change(3, "2.0.0")], {}, NOW)
    assert [release.previous for release in merged.superseded] == ["0.9.0"]


def test_late_record_of_a_higher_version_is_not_recorded_as_superseded() -> None:
    """So a drift check still sees that the version was lost."""
    before = merge(Document("opt"), [change(10, "1.0.0")], {}, NOW).document
    assert merge(before, [change(9, "2.0.0")], {}, NOW).superseded == ()


def test_withdrawal_makes_the_fallback_active() -> None:
    before = merge(Document("opt"), [change(10, "2.0.0")], {}, NOW).document
    withdrawal = change(11, "2.0.0", action="withdraw")
    merged = merge(before, [withdrawal], {withdrawal.release_id: [verified("1.0.0")]}, NOW)
    assert merged.document.versions() == {"a": "1.0.0"}
    assert merged.document.algorithms["a"].display == {"title": "1.0.0"}
    assert [(r.version, r.previous) for r in merged.releases] == [("1.0.0", "2.0.0")]


def test_withdrawal_without_fallback_removes_the_algorithm_and_older_records_stay_stale() -> None:
    before = merge(Document("opt"), [change(10)], {}, NOW).document
    merged = merge(before, [change(11, action="withdraw")], {}, NOW)
    assert merged.document.versions() == {}
    assert merged.document.withdrawn["a"].display == {}
    replayed = merge(merged.document, [change(10)], {}, NOW)
    assert replayed.document.versions() == {}
    again = merge(merged.document, [change(12, "2.0.0")], {}, NOW).document
    assert (again.versions(), again.withdrawn) == ({"a": "2.0.0"}, {})


def test_withdrawal_in_an_unknown_algorithm_is_in_the_document() -> None:
    """So it conflicts with a request that makes this version active at the same time."""
    withdrawal = change(11, action="withdraw")
    merged = merge(Document("opt"), [withdrawal], {}, NOW)
    left = f"{STREAM}#11"
    none = Entry(None, {}, withdrawal.release_id, "", "0", "2026-11-24T20:00:00Z", left=left)
    assert merged.document.withdrawn == {"a": none}
    assert (merged.document.algorithms, merged.releases) == ({}, ())
    assert merged.skipped == ((withdrawal, "the withdrawn version is not the active one"),)


def test_version_that_leaves_its_phase_and_enters_it_again_has_not_left_it() -> None:
    left = change(10, "1.0.0", action="withdraw")
    merged = merge(Document("opt"), [left, change(11, "1.0.0")], {}, NOW)
    assert (merged.document.versions(), merged.withdrawn) == ({"a": "1.0.0"}, ())


def test_next_release_keeps_the_position_of_the_last_withdrawal() -> None:
    batch = [change(1, "1.0.0"), change(2, "0.9.0", action="withdraw"), change(3, "2.0.0")]
    document = merge(Document("opt"), batch, {}, NOW).document
    assert document.algorithms["a"].left == f"{STREAM}#2"


def test_withdrawal_of_an_inactive_version_keeps_the_active_one() -> None:
    before = merge(Document("opt"), [change(10, "2.0.0")], {}, NOW).document
    withdrawal = change(11, "1.0.0", action="withdraw")
    merged = merge(before, [withdrawal], {withdrawal.release_id: [verified("0.1")]}, NOW)
    assert merged.document.versions() == {"a": "2.0.0"}
    assert (merged.releases, merged.withdrawn) == ((), (("a", "1.0.0"),))
    assert merged.skipped[0][1] == "the withdrawn version is not the active one"
    again = merge(merged.document, [withdrawal], {}, NOW)
    assert (again.document is merged.document, again.withdrawn) == (True, ())


NEWER = "algorithms/2026-11-20T08:00:00.000"
"""The stream that was enabled after the other one, which is still being read."""


def test_late_withdrawal_of_the_active_version_takes_effect() -> None:
    """The newer stream has withdrawn another version, which says nothing about this one."""
    before = merge(Document("opt"), [change(10, "2.0.0")], {}, NOW).document
    newer = change(1, "1.0.0", action="withdraw", stream=NEWER)
    left = merge(before, [newer], {}, NOW).document
    late = change(11, "2.0.0", action="withdraw")
    merged = merge(left, [late], {late.release_id: [verified("0.9")]}, NOW)
    assert (merged.document.versions(), merged.withdrawn) == ({"a": "0.9"}, (("a", "2.0.0"),))
    assert merge(merged.document, [late], {}, NOW).document is merged.document


def test_late_withdrawal_of_an_inactive_version_is_recorded_once() -> None:
    """The newer stream has promoted another version."""
    batch = [change(10, "2.0.0"), change(1, "3.0.0", stream=NEWER)]
    before = merge(Document("opt"), batch, {}, NOW).document
    late = change(11, "2.0.0", action="withdraw")
    merged = merge(before, [late], {}, NOW)
    assert (merged.document.versions(), merged.withdrawn) == ({"a": "3.0.0"}, (("a", "2.0.0"),))
    assert merged.document.revision == before.revision + 1
    again = merge(merged.document, [late], {}, NOW)
    assert (again.document is merged.document, again.withdrawn) == (True, ())


def test_late_withdrawal_of_a_version_that_the_newer_stream_promoted_is_stale() -> None:
    before = merge(Document("opt"), [change(1, "2.0.0", stream=NEWER)], {}, NOW).document
    merged = merge(before, [change(11, "2.0.0", action="withdraw")], {}, NOW)
    assert (merged.document is before, merged.withdrawn) == (True, ())


def test_late_promotion_is_stale_after_a_withdrawal_in_the_newer_stream() -> None:
    """It may be the version that was withdrawn. The drift check finds it if it is not."""
    before = merge(Document("opt"), [change(10, "1.0.0")], {}, NOW).document
    newer = change(1, "2.0.0", action="withdraw", stream=NEWER)
    left = merge(before, [newer], {}, NOW).document
    assert merge(left, [change(11, "2.0.0")], {}, NOW).document is left


def test_bad_version_is_refused() -> None:
    """This includes old and new records of the version."""
    bad = {"a": {"2.0.0": Mark("crashes", "ana", "2026-11-24T20:00:00Z")}}
    before = merge(Document("opt", bad=bad), [change(5, "1.0.0")], {}, NOW).document
    merged = merge(before, [change(4, "2.0.0"), change(9, "2.0.0")], {}, NOW)
    assert merged.document is before
    assert "already taken into account" in merged.skipped[0][1]
    assert merged.skipped[1] == (
        change(9, "2.0.0"),
        "refused: 2.0.0 was marked bad by ana, 2026-11-24T20:00:00Z: crashes",
    )


HOLDS = [
    (Hold("r", "ana", "t"), True),
    (Hold("r", "ana", "t", until="2026-11-24T21:00:01Z"), True),
    (Hold("r", "ana", "t", until="2026-11-24T21:00:00Z"), False),
    (Hold("r", "ana", "t", until="2026-11-24T21:30:00+01:00"), False),
    (Hold("r", "ana", "t", window="0 18 * * 2 for 12h in Europe/Berlin"), True),
    (Hold("r", "ana", "t", window="0 18 * * 5 for 62h in Europe/Berlin"), False),
    (Hold("r", "ana", "t", "2026-11-24T20:00:00Z", "0 18 * * 2 for 12h in Europe/Berlin"), False),
]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(("hold", "waits"), HOLDS)
def test_change_waits_only_while_a_hold_or_freeze_is_in_force(
    hold: Hold, waits: bool, frozen: bool
) -> None:
    before = Document("opt", freeze=hold) if frozen else Document("opt", holds={"a": hold})
    merged = merge(before, [change(1)], {}, NOW)
    assert [waiting.version for waiting in merged.document.waiting()] == (
        ["1.0.0"] if waits else []
    )
    assert merged.superseded == ()
    assert merged.skipped == (((change(1), "on hold by ana: it waits"),) if waits else ())
    assert merge(merged.document, [], {}, NOW).skipped == ()
    assert [(release.version, release.steps) for release in merged.releases] == (
        [] if waits else [("1.0.0", {})]
    )
    assert merged.document.versions() == ({} if waits else {"a": "1.0.0"})


@pytest.mark.parametrize(
    "end", [{"until": "2026-11-24T20:00:00Z"}, {"window": "0 8 * * * for 1h in UTC"}]
)
def test_end_of_a_hold_releases_the_newest_change_and_supersedes_the_others(
    end: dict[str, str],
) -> None:
    waiting = (change(1, "1.0"), change(2, "2.0"), change(3, "9.0", algorithm="b"))
    before = Document("opt", freeze=Hold("r", "ana", "t", **end, waiting=waiting))
    merged = merge(before, [], {}, NOW)
    assert merged.document.versions() == {"a": "2.0", "b": "9.0"}
    since = {WAITING: Step("2026-11-24T20:00:00Z")}
    assert [(release.version, release.steps) for release in merged.releases] == [
        ("2.0", since),
        ("9.0", since),
    ]
    assert [(release.version, release.state) for release in merged.superseded] == [
        ("1.0", SUPERSEDED)
    ]
    kept = merged.document.freeze
    assert (kept is None) == ("until" in end)
    assert merged.document.waiting() == ()
    assert merge(merged.document, [], {}, NOW).document is merged.document


def test_change_from_behind_a_freeze_waits_behind_the_hold_of_its_algorithm() -> None:
    over = Hold("r", "ana", "t", until="2026-11-24T20:00:00Z", waiting=(change(1),))
    before = Document("opt", freeze=over, holds={"a": Hold("r", "bo", "t")})
    merged = merge(before, [], {}, NOW)
    assert [waiting.sequence for waiting in merged.document.holds["a"].waiting] == ["1"]
    assert (merged.releases, merged.superseded) == ((), ())


def test_change_behind_an_ended_hold_and_a_freeze_waits_behind_the_freeze() -> None:
    over = Hold("r", "ana", "t", until="2026-11-24T20:00:00Z", waiting=(change(1), change(2)))
    freeze = Hold("r", "bo", "t", waiting=(change(1),))
    before = Document("opt", freeze=freeze, holds={"a": over})
    merged = merge(before, [], {}, NOW)
    assert (merged.document.holds, merged.superseded) == ({}, ())
    assert [each.sequence for each in merged.document.waiting()] == ["1", "2"]


def test_equal_sequence_numbers_of_two_algorithms_are_kept_apart() -> None:
    both = [change(7, "1.0"), change(7, "9.0", algorithm="b")]
    held = Document("opt", freeze=Hold("r", "ana", "t"))
    waiting = merge(held, both, {}, NOW).document
    assert [held.algorithm for held in waiting.waiting()] == ["a", "b"]
    over = replace(waiting.freeze or Hold("", "", ""), until="2026-11-24T20:00:00Z")
    freed = replace(waiting, freeze=over, holds={"b": Hold("r", "bo", "t")})
    merged = merge(freed, [], {}, NOW)
    assert merged.document.versions() == {"a": "1.0"}
    assert [held.algorithm for held in merged.document.waiting()] == ["b"]


def test_redelivered_change_behind_freeze_and_hold_waits_once() -> None:
    freeze = Hold("r", "ana", "t", waiting=(change(1),))
    before = Document("opt", freeze=freeze, holds={"a": Hold("r", "bo", "t")})
    assert len(merge(before, [change(1)], {}, NOW).document.waiting()) == 1


@pytest.mark.parametrize("active", [(), (change(1, "1.0"),)], ids=["no entry", "an entry"])
@pytest.mark.parametrize("is_bad", [False, True])
def test_change_that_waited_without_effect_never_waits_again(
    active: tuple[Change, ...], is_bad: bool
) -> None:
    """It would end as superseded a second time, and the ledger would have its release twice."""
    action, marks = (
        ("promote", {"a": {"2.0": Mark("r", "ana", "t")}}) if is_bad else ("withdraw", {})
    )
    late = change(5, "2.0", action=action)
    over = Hold("r", "ana", "t", until="2026-11-24T20:00:00Z", waiting=(late,))
    before = merge(Document("opt", bad=marks), active, {}, NOW).document
    ended = merge(replace(before, freeze=over), [], {}, NOW)
    assert [release.release_id for release in ended.superseded] == [late.release_id]
    assert ended.document.versions() == before.versions()
    if not active:
        entry = ended.document.withdrawn["a"]
        assert (entry.version, entry.display, entry.release) == (None, {}, late.release_id)
        assert entry.since == "2026-11-24T20:00:00Z"
    held = replace(ended.document, freeze=Hold("r", "bo", "t"), bad={})
    assert merge(held, [late], {}, NOW).document is held


@pytest.mark.parametrize("is_frozen", [False, True])
def test_due_changes_are_applied_in_bounded_writes_and_in_order(
    is_frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that arrives meanwhile follows the due ones of its algorithm."""
    monkeypatch.setattr("phaseline.documents.merge.DUE_LIMIT", 2)
    versions = ("1.0", "2.0", "3.0", "4.0", "5.0")
    waiting = tuple(change(number, version) for number, version in enumerate(versions, 1))
    over = Hold("r", "ana", "t", until="2026-11-24T20:00:00Z", waiting=waiting)
    document = Document("opt", freeze=over) if is_frozen else Document("opt", holds={"a": over})
    arrived = [change(6, "6.0"), change(1, "7.0", algorithm="b")]
    active, superseded = [], []
    for batch in (arrived, [], [], [], []):
        merged = merge(document, batch, {}, NOW)
        document = merged.document
        active.append(document.versions()["a"])
        superseded += [release.version for release in merged.superseded]
    assert active == ["2.0", "4.0", "6.0", "6.0", "6.0"]
    assert superseded == ["1.0", "3.0", "5.0"]
    assert (document.version("b"), document.holds, document.freeze) == ("7.0", {}, None)
    assert merge(document, [*waiting, *arrived], {}, NOW).document is document


def test_cost_is_linear_in_the_number_of_waiting_changes() -> None:
    """Twice as many records need at most about twice as many function calls."""

    def wait(count: int) -> None:
        frozen = Document("opt", freeze=Hold("r", "ana", "t"))
        changes = [change(number, algorithm=f"a{number}") for number in range(count)]
        assert len(merge(frozen, changes, {}, NOW).document.waiting()) == count

    assert calls(lambda: wait(2000)) < 2.5 * calls(lambda: wait(1000))


@given(st.lists(st.sampled_from(range(1, 9)), min_size=1, max_size=30), st.randoms())
def test_newest_version_is_active_after_any_order_of_deliveries(
    order: list[int], rng: random.Random
) -> None:
    document = Document("opt")
    while order:
        size = rng.randint(1, len(order))
        batch, order = order[:size], order[size:]
        document = merge(document, [change(n, f"{n}.0") for n in batch], {}, NOW).document
        newest = max(int(entry.sequence) for entry in document.algorithms.values())
        assert document.versions() == {"a": f"{newest}.0"}
        assert newest >= max(batch)
