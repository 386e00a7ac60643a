"""A document: what its entries, holds, marks and newest write say."""

import pytest

from phaseline.documents.document import Document, Mark, Write
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from tests.builders.changes import NOW, STREAM, change

ENTRY = Entry("1.0.0", {"title": "One"}, "r", STREAM, "10", "2026-11-24T20:00:00Z")
HOLD, FREEZE = Hold("broken", "ana", "t"), Hold("holidays", "bo", "t")
CLOSED = Hold("weekends", "eve", "t", window="0 18 * * 5 for 62h in Europe/Berlin")


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
