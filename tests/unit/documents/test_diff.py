"""Differences between documents, and between documents and the website."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from phaseline.algorithms.changes import Change
from phaseline.documents import diff
from phaseline.documents.diff import Difference
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from phaseline.site.manifests import ServedDocument, ServedManifest
from tests.builders.counting import calls

STREAM = "algorithms/2026-11-01T08:00:00.000"
SINCE = "2026-11-24T20:00:00Z"
STREAM = "algorithms/2026-11-01T08:00:00.000"


def entry(version: str, **display: Any) -> Entry:
    """An algorithm's active version."""
    return Entry(version, display, f"opt-a-{version}", STREAM, "10", SINCE)


def hold(*versions: str, action: str = "promote", **fields: Any) -> Hold:
    """A hold of Ana, behind which changes of `a` wait."""
    waiting = tuple(
        Change(action, "opt", "a", version, {}, STREAM, str(20 + number), SINCE)
        for number, version in enumerate(versions)
    )
    return Hold("it is slow", "ana", SINCE, waiting=waiting, **fields)


def opt(revision: int = 7, **parts: Any) -> Document:
    """A document `opt`."""
    return Document("opt", revision, **parts)


def active(**versions: str) -> dict[str, Entry]:
    """Active entries with these versions and without display."""
    return {name: entry(version) for name, version in versions.items()}


def described(before: Document, after: Document) -> list[str]:
    """Return the differences as text."""
    return [str(difference) for difference in diff.compare_documents(before, after)]


def served(revision: int, **versions: str) -> dict[str, Mapping[str, str]]:
    """The versions of a website built from one document."""
    document = ServedDocument("v", revision, versions)
    return ServedManifest("c0ffee", "e1", {"opt": document}, "d").versions


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"algorithms": active(a="1.0.0")}, {"algorithms": active(a="2.0.0")},
         ["opt/a: 1.0.0 -> 2.0.0"]),
        ({}, {"algorithms": {"a": entry("1.0.0", title="A")}}, ["opt/a: nothing -> 1.0.0"]),
        ({"algorithms": {"a": entry("1.0.0", title="A")}}, {}, ["opt/a: 1.0.0 -> nothing"]),
        ({"algorithms": {"a": entry("1.0.0", title="A", tags=["x"])}},
         {"algorithms": {"a": entry("1.0.0", title="Ä", size=0)}},
         ["opt/a: size nothing -> 0", 'opt/a: tags ["x"] -> nothing', 'opt/a: title "A" -> "Ä"']),
        ({}, {"holds": {"a": hold()}}, ["opt/a: on hold by ana: it is slow"]),
        ({"holds": {"a": hold()}}, {}, ["opt/a: no longer on hold by ana: it is slow"]),
        ({"holds": {"a": hold()}}, {"holds": {"a": hold(until=SINCE)}},
         [f"opt/a: on hold by ana: it is slow, until {SINCE} (before: by ana: it is slow)"]),
        ({}, {"freeze": hold(window="0 18 * * 5 for 2d in UTC")},
         ["opt: on hold by ana: it is slow, while open: 0 18 * * 5 for 2d in UTC"]),
        ({"holds": {"a": hold("2.0.0")}}, {"holds": {"a": hold("2.0.0", "2.1.0")}},
         ["opt/a: waiting 2.0.0 -> 2.0.0, 2.1.0"]),
        ({"freeze": hold()}, {"freeze": hold("1.0.0", action="withdraw")},
         ["opt/a: waiting nothing -> withdrawal of 1.0.0"]),
        ({}, {"bad": {"a": {"2.0.0": Mark("it crashes", "ben", SINCE)}}},
         ["opt/a 2.0.0: bad, marked by ben: it crashes"]),
        ({"bad": {"a": {"2.0.0": Mark("it crashes", "ben", SINCE)}}}, {},
         ["opt/a 2.0.0: no longer bad, marked by ben: it crashes"]),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_described(
    before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    assert described(opt(**before), opt(8, **after)) == expected


def test_same_version_by_another_release_is_no_difference() -> None:
    again = replace(entry("1.0.0"), release="another", sequence="11", who="ana")
    assert described(opt(algorithms=active(a="1.0.0")), opt(8, algorithms={"a": again})) == []


def test_differences_are_sorted_by_algorithm_and_kind() -> None:
    """The differences of the whole type come first."""
    before = opt(algorithms=active(a="1.0.0", b="1.0.0"), holds={"b": hold()})
    after = opt(
        8,
        algorithms=active(a="1.0.0", b="0.9.0", c="1.0.0"),
        bad={"b": {"1.0.0": Mark("it crashes", "ben", SINCE)}},
        freeze=hold("3.0.0"),
    )
    differences = diff.compare_documents(before, after)
    assert [(each.algorithm, each.kind) for each in differences] == [
        (None, "freeze"), ("a", "waiting"), ("b", "version"), ("b", "hold"), ("b", "bad"),
        ("c", "version"),
    ]  # fmt: skip
    assert differences[2] == Difference("opt", "b", "version", None, "1.0.0", "0.9.0")
    assert [each.algorithm for each in differences if each.is_visible] == ["b", "c"]


def test_website_differences_include_earlier_revisions() -> None:
    """The website shows revision 5, so a build of revision 7 also brings the changes of 6."""
    differences = diff.compare_website(
        served(5, a="1.0.0", b="1.0.0", c="1.0.0"),
        [opt(7, algorithms=active(a="1.1.0", b="1.1.0")), Document("in", 1)],
    )
    assert list(map(str, differences)) == [
        "opt/a: 1.0.0 -> 1.1.0",
        "opt/b: 1.0.0 -> 1.1.0",
        "opt/c: 1.0.0 -> nothing",
    ]


def test_type_that_the_website_does_not_show_is_completely_new() -> None:
    differences = diff.compare_website(served(5), [Document("in", 1, active(a="1.0.0"))])
    assert list(map(str, differences)) == ["in/a: nothing -> 1.0.0"]


def test_unified_diff_has_a_hunk_for_each_entry_that_differs() -> None:
    before = opt(algorithms=active(a="1.0.0", b="1.0.0"), freeze=hold())
    after = opt(8, algorithms={"a": entry("1.0.0"), "b": entry("1.0.0", title="B")})
    assert diff.unified_diff(before, after).splitlines() == [
        "--- opt.json revision 7",
        "+++ opt.json revision 8",
        "@@ -1,5 +1,7 @@ algorithms.b",
        " {",
        '- "display": {},',
        '+ "display": {',
        '+  "title": "B"',
        "+ },",
        '  "left": null,',
        '  "previous": null,',
        '  "release": "opt-a-1.0.0",',
        "@@ -1,8 +0,0 @@ freeze",
        "-{",
        '- "reason": "it is slow",',
        f'- "since": "{SINCE}",',
        '- "until": null,',
        '- "waiting": [],',
        '- "who": "ana",',
        '- "window": null',
        "-}",
    ]


def test_unified_diff_is_empty_if_only_the_revision_differs() -> None:
    assert diff.unified_diff(opt(7), opt(8)) == ""


def test_cost_is_linear_in_the_number_of_differences() -> None:
    """Twice as many algorithms need at most about twice as many function calls."""

    def compare(count: int) -> None:
        before, after = (
            opt(
                number,
                algorithms={f"a{n}": entry(f"{number}.0.0", title="A") for n in range(count)},
            )
            for number in (1, 2)
        )
        assert len(diff.compare_documents(before, after)) == count
        assert len(diff.compare_website(served(1), [after])) == count
        assert diff.unified_diff(before, after).count("@@ -") == count

    assert calls(lambda: compare(2000)) < 2.5 * calls(lambda: compare(1000))
