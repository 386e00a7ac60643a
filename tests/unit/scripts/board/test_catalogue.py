"""The algorithms of the board, their search and their filters."""

from datetime import UTC, datetime

import pytest

from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from scripts.board.catalogue import PAGE, Catalogue
from tests.builders.counting import calls

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOLD = Hold("why", "ana", "2026-11-25T10:00:00Z")


def entry(version: str | None, who: str | None = None) -> Entry:
    """An entry of this version."""
    return Entry(version, {}, "r", "", "1", "2026-11-25T09:00:00Z", who)


def change(name: str, action: str = "promote") -> Change:
    """A change that waits."""
    return Change(action, "opt", name, "9", {}, "t/1", "5", "2026-11-25T11:00:00Z")


def catalogue(served: dict[str, str] | None = None, **parts: object) -> Catalogue:
    """The algorithms of one document of the type `opt`."""
    algorithms = {"a": entry("1"), "b": entry("2", "ben"), "c-d": entry("3.1")}
    document = Document("opt", 4, **{"algorithms": algorithms} | parts)  # type: ignore[arg-type]
    versions = {"a": "1", "b": "2", "c-d": "3.1"} if served is None else served
    return Catalogue({"opt": document}, {"opt": versions}, AT)


def names(found: Catalogue, text: str = "", state: str | None = None) -> list[str]:
    """The names on the first page."""
    return [status.name for status in found.find(text, None, state, 1).items]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["a", "b", "c-d"]),
        ("opt/", ["a", "b", "c-d"]),
        ("BEN", ["b"]),
        ("3.1", ["c-d"]),
        ("c- 3.", ["c-d"]),
        ("c- 2", []),
    ],
)
def test_search_finds_all_words_in_name_version_and_person(text: str, expected: list[str]) -> None:
    assert names(catalogue(), text) == expected


def test_version_that_is_not_served_yet_is_moving() -> None:
    """So is a version that is still served after its withdrawal."""
    found = catalogue(
        {"a": "0", "b": "2", "c-d": "3.1", "gone": "1"}, withdrawn={"gone": entry(None)}
    )
    assert names(found, state="moving") == ["a", "gone"]
    assert found.status("opt", "gone").served == "1"
    assert found.status("opt", "gone").active is None


def test_active_versions_stand_for_unknown_served_ones() -> None:
    document = Document("opt", 4, {"a": entry("1")})
    found = Catalogue({"opt": document}, None, AT)
    assert (found.status("opt", "a").served, found.counts["moving"]) == ("1", 0)


def test_hold_in_force_is_held_and_an_ended_one_is_not() -> None:
    ended = Hold("why", "ana", "2026-11-25T10:00:00Z", until="2026-11-25T13:00:00Z")
    found = catalogue(holds={"a": HOLD, "b": ended})
    assert names(found, state="held") == ["a", "b"]
    later = found.later(datetime(2026, 11, 25, 14, tzinfo=UTC))
    assert names(later, state="held") == ["a"]
    assert [held.is_in_force for held in later.holds] == [True, False]
    assert names(found, state="held") == ["a", "b"]


def test_freeze_holds_every_algorithm_of_its_type() -> None:
    found = catalogue(freeze=HOLD)
    assert found.counts["held"] == 3
    assert found.status("opt", "a").is_frozen


def test_waiting_change_of_an_unknown_algorithm_is_listed() -> None:
    held = Hold("why", "ana", "2026-11-25T10:00:00Z", waiting=(change("new"),))
    found = catalogue(freeze=held)
    assert names(found, state="waiting") == ["new"]
    assert [one.version for one in found.status("opt", "new").waiting] == ["9"]


def test_bad_versions_are_counted_by_algorithm() -> None:
    mark = Mark("late", "ana", "2026-11-25T10:00:00Z")
    found = catalogue(bad={"a": {"0": mark, "1": mark}, "b": {}})
    assert names(found, state="bad") == ["a"]


def test_page_beyond_the_last_is_the_last() -> None:
    many = {f"a{n:04}": entry("1") for n in range(2 * PAGE + 1)}
    found = Catalogue({"opt": Document("opt", 1, many)}, {"opt": {}}, AT)
    last = found.find("", None, None, 99)
    assert (last.number, last.pages, last.total, len(last.items)) == (3, 3, 101, 1)
    assert found.find("", "in", None, 1).total == 0


def test_unknown_algorithm_has_an_empty_status() -> None:
    status = catalogue().status("out", "x")
    assert (status.served, status.active, status.hold, status.waiting) == (None, None, None, ())


def test_page_costs_little_for_many_algorithms() -> None:
    """A search does little for each algorithm, and only a page of them is computed."""
    many = {f"a{n:05}": entry("1") for n in range(5_000)}
    found = Catalogue({"opt": Document("opt", 1, many)}, {"opt": {}}, AT)
    assert calls(lambda: found.find("", None, None, 3)) < 5_000
