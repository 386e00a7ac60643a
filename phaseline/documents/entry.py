"""Pure: the entry of an algorithm in a document, and which records it takes into account."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from phaseline.algorithms.changes import Change


@dataclass(frozen=True)
class Entry:
    """The entry of one algorithm: its active version, or None after a withdrawal.

    `display` holds the values that the website shows. `release` is the id of the release that wrote
    the entry. `stream` and `sequence` are the position of the last stream record that the entry
    takes into account; an entry that no record preceded has an empty stream. `since` is the time of
    the change in the table or of the request (ISO 8601, UTC). `who` made the request; None stands
    for the table's stream. `previous` is the version that was active before, or None. `left` is the
    position of the last withdrawal of another version ("algorithms/2026-11-24T20:00:00.000#42"): it
    changes no version, and is in the document so that no other writer misses it.
    """

    version: str | None
    display: Mapping[str, Any]
    release: str
    stream: str
    sequence: str
    since: str
    who: str | None = None
    previous: str | None = None
    left: str | None = None

    def is_newer_than(self, change: Change) -> bool:
        """Return whether the entry takes a change of its algorithm into account already.

        Sequence numbers are compared within one stream only. Of two streams of one table, the one
        with the later label is newer. The records of another table, such as a restored one, are
        newer than the entry: that table takes the place of the former one.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html

        A withdrawal of another version in a newer stream says nothing about a withdrawal in the
        stream before, which may still be read: only a promotion is older than it.
        """
        if _is_at_or_before(change, self.stream, self.sequence):
            return True
        stream, _, sequence = (self.left or "").rpartition("#")
        may_compare = change.action == "promote" or change.stream == stream
        return may_compare and _is_at_or_before(change, stream, sequence)

    def past(self, withdrawal: Change) -> "Entry":
        """Return the entry after the withdrawal of another version."""
        return replace(self, left=f"{withdrawal.stream}#{withdrawal.sequence}")


def _is_at_or_before(change: Change, stream: str, sequence: str) -> bool:
    """Return whether a change is not later than a position, in the same table."""
    table, _, label = stream.rpartition("/")
    change_table, _, change_label = change.stream.rpartition("/")
    if table != change_table:
        return False
    return (change_label, int(change.sequence)) <= (label, int(sequence))
