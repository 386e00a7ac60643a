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


@dataclass(frozen=True)
class Entry:
    """The entry of one algorithm: its active version, or None after a withdrawal.

    `display` holds the values that the website shows. `release` is the id of the release that wrote
    the entry. `sequence` is the sequence number of its stream record; a record with a lower one is
    stale. `since` is the time of the change in the table or of the request (ISO 8601, UTC). `who`
    made the request; None stands for the table's stream. `previous` is the version that was active
    before, or None.
    """

    version: str | None
    display: Mapping[str, Any]
    release: str
    sequence: str
    since: str
    who: str | None = None
    previous: str | None = None


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
        """Return whether the hold has passed its end."""
        return self.until is not None and datetime.fromisoformat(self.until) <= at

    def in_force(self, at: datetime) -> bool:
        """Return whether the hold keeps changes back at this time."""
        if self.ended(at):
            return False
        if self.window is None:
            return True
        return windows.parse(self.window, "a hold", self.zone).is_open(at)


@dataclass(frozen=True)
class Mark:
    """The mark of a bad version. `since` is the time at which `who` marked it (ISO 8601, UTC)."""

    reason: str
    who: str
    since: str


@dataclass(frozen=True)
class Document:
    """A metadata document. `revision` grows by one with each write and orders the versions.

    `algorithms` maps the names of algorithms to their active entries. `withdrawn` maps them to
    entries without a version, which make older stream records stale. `freeze` holds all algorithms
    of the type, and `holds` maps the names of single algorithms to their holds. `bad` maps
    algorithms and versions to the marks of bad versions, which nothing makes active.
    """

    type: str
    revision: int = 0
    algorithms: Mapping[str, Entry] = field(default_factory=dict)
    withdrawn: Mapping[str, Entry] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    freeze: Hold | None = None
    bad: Mapping[str, Mapping[str, Mark]] = field(default_factory=dict)

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

    def mark(self, algorithm: str, version: str | None) -> Mark | None:
        """Return the mark of this version if it is bad, otherwise None."""
        return self.bad.get(algorithm, {}).get(version or "")

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
        return tuple(sorted(changes.values(), key=lambda change: change.order))

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
