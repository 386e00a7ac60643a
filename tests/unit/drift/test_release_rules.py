"""What differs between the table, the documents and the website, from what was read of them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from phaseline.algorithms.schema import AlgorithmVersion
from phaseline.algorithms.versions import version_order
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.drift.release_rules import listed
from phaseline.drift.table_rules import Table, gather
from phaseline.errors import InputError

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


def test_numbers_in_versions_are_compared_as_numbers() -> None:
    """A pre-release comes before its release."""
    ordered = [
        "1", "1.0.9", "1.0.10", "2.0.0-alpha", "2.0.0-alpha.1", "2.0.0-beta", "2.0.0-rc.2",
        "2.0.0-rc.10", "2.0.0", "2.0.0.1", "2.1.0", "10.0",
    ]  # fmt: skip

    assert all(version_order(one) < version_order(two) for one, two in pairwise(ordered))
    assert version_order("v9") < version_order("v10")


@given(NAMES, NAMES)
def test_versions_have_one_order(one: str, other: str) -> None:
    """The newest version must not depend on the order of reading."""
    assert (version_order(one) == version_order(other)) == (one == other)


def test_newest_unmarked_version_of_each_algorithm_is_kept() -> None:
    entry = Entry("1.0", {}, "r", "", "1", "2026-11-24T20:00:00Z")
    bad = {"a": {"3.0": Mark("slow", "ana", "2026-11-24T20:00:00Z")}}
    document = Document("opt", algorithms={"a": entry}, bad=bad)
    items = [AlgorithmVersion("opt", "a", version, {}) for version in ("1.0", "2.10", "3.0", "2.9")]
    other = AlgorithmVersion("in", "a", "9.0", {})
    wrong = InputError("table algorithms", "found nothing", "Correct the item.")

    found = gather([*items, other, wrong], {"opt": document})

    assert found == Table(
        newest={("opt", "a"): "2.10"},
        active={("opt", "a")},
        bad=[(("opt", "a"), "3.0")],
        malformed=[wrong],
    )


def test_long_list_is_shortened_and_counted() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(range(8)) == "0, 1, 2, 3, 4, and 3 more"
