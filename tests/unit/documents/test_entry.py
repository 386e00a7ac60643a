"""An entry and the records of streams that it takes into account."""

import pytest

from phaseline.documents.entry import Entry
from tests.builders.changes import STREAM, change

NEWER = "algorithms/2026-11-20T08:00:00.000"
OLDER = "algorithms/2026-10-01T08:00:00.000"
RESTORED = "restored/2026-11-20T08:00:00.000"
ENTRY = Entry("1.0.0", {"title": "One"}, "r", STREAM, "10", "2026-11-24T20:00:00Z")


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
