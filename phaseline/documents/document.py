"""Pure: a metadata document lists the active version of each algorithm of one type.

`phaseline.documents.merge` applies changes from the stream, and `phaseline.promotion.carry_out`
applies requests of people. `format` converts a document to bytes and back, and `store` stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from phaseline.algorithms.changes import Change
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from phaseline.releases.release import Release, RequestRecord


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
