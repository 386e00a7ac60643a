"""Pure: a metadata document lists the active version of each algorithm of one type.

`phaseline.documents.merge` applies changes from the stream, and `phaseline.promotion.carry_out`
applies requests of people. `format` converts a document to bytes and back, and `store` stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from phaseline.algorithms.changes import Change
from phaseline.documents import windows
from phaseline.errors import InputError
from phaseline.releases.release import Release, RequestRecord


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


@dataclass(frozen=True)
class Hold:
    """A hold keeps changes of an algorithm, or of a whole type, from becoming active.

    `since` and `until` are ISO 8601, UTC. A hold without `until` lasts until a person resumes the
    algorithm or type. A hold with a `window` (see documents/windows.py) is in force only while the
    window is open; `zone` is the data of the window's time zone (see documents/zones.py). `waiting`
    holds the changes that arrived during the hold, in order.
    """

    reason: str
    who: str
    since: str
    until: str | None = None
    window: str | None = None
    zone: str | None = None
    waiting: tuple[Change, ...] = ()

    def ended(self, at: datetime) -> bool:
        """Return whether the hold has passed its end.

        A hold whose end is malformed lasts until a person resumes the algorithm or type.
        """
        try:
            return self.until is not None and datetime.fromisoformat(self.until) <= at
        except (ValueError, TypeError):
            return False

    def in_force(self, at: datetime) -> bool:
        """Return whether the hold keeps changes back at this time.

        A hold whose window is malformed is in force at any time: the document stays readable, and
        no change becomes active that somebody wanted to keep back.
        """
        if self.ended(at):
            return False
        try:
            window = self.window and windows.parse(self.window, "a hold", self.zone)
        except (InputError, TypeError, AttributeError):
            return True
        return not window or window.is_open(at)


@dataclass(frozen=True)
class Mark:
    """The mark of a bad version. `since` is the time at which `who` marked it (ISO 8601, UTC)."""

    reason: str
    who: str
    since: str


@dataclass(frozen=True)
class Write:
    """The newest write of a document by Phaseline, `at` a time (ISO 8601, UTC), and its effects.

    The write itself stores its effects, so that none is lost if the writer dies after it: the next
    writer records them first (see documents/commit.py). `releases` became open or were superseded,
    without a display, which the entries hold. `withdrawn` are algorithms with versions that left
    their phase. `request` is the request that was carried out. `revision` is the revision that the
    write gave the document; a version that somebody edited may have another one.
    """

    at: str
    revision: int
    releases: tuple[Release, ...] = ()
    withdrawn: tuple[tuple[str, str], ...] = ()
    request: RequestRecord | None = None


@dataclass(frozen=True)
class Document:
    """A metadata document. `revision` grows with each write and orders the versions.

    `algorithms` maps the names of algorithms to their active entries. `withdrawn` maps them to
    entries without a version, which make older stream records stale. `freeze` holds all algorithms
    of the type, and `holds` maps the names of single algorithms to their holds. `bad` maps
    algorithms and versions to the marks of bad versions, which nothing makes active. `write`
    describes the newest write; documents that differ in nothing else are equal.
    """

    type: str
    revision: int = 0
    algorithms: Mapping[str, Entry] = field(default_factory=dict)
    withdrawn: Mapping[str, Entry] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    freeze: Hold | None = None
    bad: Mapping[str, Mapping[str, Mark]] = field(default_factory=dict)
    write: Write | None = field(default=None, compare=False)

    def names(self) -> set[str]:
        """Return the names of all algorithms that the document knows."""
        waiting = {change.algorithm for change in self.waiting()}
        return {*self.algorithms, *self.withdrawn, *self.holds, *self.bad, *waiting}

    def entry(self, algorithm: str) -> Entry | None:
        """Return the active or withdrawn entry of the algorithm, or None."""
        return self.algorithms.get(algorithm) or self.withdrawn.get(algorithm)

    def version(self, algorithm: str) -> str | None:
        """Return the active version of the algorithm, or None."""
        entry = self.algorithms.get(algorithm)
        return entry.version if entry else None

    def versions(self) -> dict[str, str]:
        """Return the active version of each algorithm by name."""
        return {name: str(entry.version) for name, entry in self.algorithms.items()}

    def write_after(self, revision: int) -> Write | None:
        """Return the newest write if it is newer than `revision`, otherwise None."""
        return self.write if self.write and self.write.revision > revision else None

    def mark(self, algorithm: str, version: str | None) -> Mark | None:
        """Return the mark of this version if it is bad, otherwise None."""
        return self.bad.get(algorithm, {}).get(version) if version else None

    def hold(self, algorithm: str, at: datetime) -> Hold | None:
        """Return the hold that keeps changes of the algorithm back at this time, or None.

        A hold of the algorithm takes precedence over a freeze of the type.
        """
        for hold in (self.holds.get(algorithm), self.freeze):
            if hold and hold.in_force(at):
                return hold
        return None

    def waiting(self) -> tuple[Change, ...]:
        """Return every change that waits behind a hold, in order."""
        holds = [*self.holds.values(), *([self.freeze] if self.freeze else [])]
        # A change that was delivered twice may wait behind both.
        changes = {change.release_id: change for hold in holds for change in hold.waiting}
        return tuple(sorted(changes.values(), key=lambda change: change.position))

    def revise(self, **parts: Any) -> "Document":
        """Return the document with other fields and the next revision.

        Returns the same document if the fields are equal.

        >>> Document("opt", revision=4).revise(withdrawn={}).revision
        4
        >>> Document("opt", revision=4).revise(bad={"route-planner": {}}).revision
        5
        """
        revised = replace(self, **parts)
        if revised == self:
            return self
        return replace(revised, revision=self.revision + 1)
