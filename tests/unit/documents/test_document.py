"""A document: what its entries, holds, marks and newest write say."""

from typing import Any

import pytest

from phaseline.documents.document import Document, Entry, Hold, Mark, Write
from tests.builders.changes import NOW, STREAM, change

NEWER = "algorithms/2026-11-20T08:00:00.000"
OLDER = "algorithms/2026-10-01T08:00:00.000"
RESTORED = "restored/2026-11-20T08:00:00.000"
ENTRY = Entry("1.0.0", {"title": "One"}, "r", STREAM, "10", "2026-11-24T20:00:00Z")
HOLD, FREEZE = Hold("broken", "ana", "t"), Hold("holidays", "bo", "t")
CLOSED = Hold("weekends", "eve", "t", window="0 18 * * 5 for 62h in Europe/Berlin")


@pytest.mark.parametrize(
    ("stream", "sequence", "is_newer"),
    [
        (STREAM, 9, True),
        (STREAM, 10, True),
        (STREAM, 11, False),
        (STREAM, 100, False),
        (OLDER, 100, True),
        (NEWER, 1, False),
        (RESTORED, 1, False),
    ],
)
def test_entry_is_newer_than_the_records_of_its_table_up_to_its_position(
    stream: str, sequence: int, is_newer: bool
) -> None:
    assert ENTRY.is_newer_than(change(sequence, stream=stream)) is is_newer


@pytest.mark.parametrize(
    ("action", "stream", "sequence", "is_newer"),
    [
        ("promote", NEWER, 5, True),
        ("promote", NEWER, 6, False),
        ("withdraw", NEWER, 5, True),
        ("withdraw", NEWER, 6, False),
        ("promote", STREAM, 11, True),
        ("withdraw", STREAM, 11, False),
    ],
)
def test_withdrawal_of_another_version_makes_older_promotions_stale(
    action: str, stream: str, sequence: int, is_newer: bool
) -> None:
    """A withdrawal in the stream before it may be of the active version."""
    entry = ENTRY.past(change(5, "0.9.0", action="withdraw", stream=NEWER))
    assert (entry.version, entry.sequence, entry.left) == ("1.0.0", "10", f"{NEWER}#5")
    later = change(sequence, action=action, stream=stream)
    assert entry.is_newer_than(later) is is_newer


@pytest.mark.parametrize(
    ("end", "is_in_force"),
    [
        ({}, True),
        ({"until": "2026-11-24T21:00:01Z"}, True),
        ({"until": "2026-11-24T21:00:00Z"}, False),
        ({"window": "0 18 * * 2 for 12h in Europe/Berlin"}, True),
        ({"window": "0 18 * * 5 for 62h in Europe/Berlin"}, False),
        ({"until": "2026-11-24T20:00:00Z", "window": "0 18 * * 2 for 12h in UTC"}, False),
        ({"until": "tomorrow"}, True),
        ({"until": "2026-11-24T20:00:00"}, True),
        ({"window": "at night"}, True),
        ({"window": "0 18 * * 5 for 62h in Europe/Berlin", "zone": "AAAA"}, True),
        ({"window": 5}, True),
        ({"window": ["0 18 * * 5 for 62h in UTC"]}, True),
    ],
)
def test_hold_is_in_force_until_it_ends_and_while_its_window_is_open(
    end: dict[str, Any], is_in_force: bool
) -> None:
    """A hold that somebody edited, and that cannot be read, keeps changes back."""
    assert Hold("r", "ana", "t", **end).in_force(NOW) is is_in_force


@pytest.mark.parametrize(
    ("until", "has_ended"),
    [
        (None, False),
        ("2026-11-24T21:00:00Z", True),
        ("2026-11-24T21:00:01Z", False),
        ("tomorrow", False),
    ],
)
def test_hold_ends_at_its_time(until: str | None, has_ended: bool) -> None:
    assert Hold("r", "ana", "t", until=until).ended(NOW) is has_ended


@pytest.mark.parametrize(
    ("holds", "freeze", "expected"),
    [
        ({}, None, None),
        ({"b": HOLD}, None, None),
        ({"a": HOLD}, FREEZE, HOLD),
        ({"a": CLOSED}, FREEZE, FREEZE),
        ({"a": CLOSED}, None, None),
        ({}, FREEZE, FREEZE),
        ({}, CLOSED, None),
    ],
)
def test_hold_of_the_algorithm_precedes_a_freeze(
    holds: dict[str, Hold], freeze: Hold | None, expected: Hold | None
) -> None:
    assert Document("opt", holds=holds, freeze=freeze).hold("a", NOW) == expected


def test_changes_that_wait_are_listed_once_and_in_order() -> None:
    first, second, third = change(1), change(2), change(3)
    hold = Hold("r", "ana", "t", waiting=(third, first))
    freeze = Hold("r", "ana", "t", waiting=(first, second))
    assert Document("opt", holds={"a": hold}, freeze=freeze).waiting() == (first, second, third)
    assert Document("opt", holds={"a": hold}).waiting() == (first, third)


def test_withdrawn_algorithm_has_an_entry_and_no_version() -> None:
    withdrawn = Entry(None, {}, "r", STREAM, "10", "t")
    document = Document("opt", algorithms={"a": ENTRY}, withdrawn={"b": withdrawn})
    assert [document.entry(name) for name in "abc"] == [ENTRY, withdrawn, None]
    assert [document.version(name) for name in "abc"] == ["1.0.0", None, None]
    assert document.versions() == {"a": "1.0.0"}


def test_mark_belongs_to_one_version_of_one_algorithm() -> None:
    mark = Mark("crashes", "ana", "t")
    document = Document("opt", bad={"a": {"1.0.0": mark}})
    assert document.mark("a", "1.0.0") == mark
    assert [document.mark(*other) for other in (("a", "2.0"), ("b", "1.0.0"), ("a", None))] == [
        None,
        None,
        None,
    ]


def test_newest_write_is_returned_if_it_is_newer_than_a_revision() -> None:
    write = Write("t", 4)
    document = Document("opt", 4, write=write)
    assert [document.write_after(revision) for revision in (3, 4, 5)] == [write, None, None]
    assert Document("opt", 4).write_after(3) is None


def test_only_a_document_that_changes_gets_the_next_revision() -> None:
    """The newest write is no part of what it says."""
    document = Document("opt", 4, algorithms={"a": ENTRY})
    assert document.revise(withdrawn={}, write=Write("t", 4)) is document
    revised = document.revise(freeze=FREEZE)
    assert (revised.revision, revised.freeze, revised.algorithms) == (5, FREEZE, {"a": ENTRY})
