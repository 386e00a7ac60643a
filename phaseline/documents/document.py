"""Pure: a metadata document says which version of each algorithm of one type is active.

`phaseline.documents.merge` applies stream changes to it, `phaseline.promotion.carry_out` what
people ask for; `format` is how it is stored, and `store` stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from phaseline.algorithms.changes import Change
from phaseline.documents import windows


@dataclass(frozen=True)
class Entry:
    """What a document holds for one algorithm: its active version, or None after a withdrawal.

    `release` is the id of the release that made it so. `sequence` is the stream sequence number of
    the record that did: a record with a lower one is stale. `since` is when the item changed (ISO
    8601, UTC). `who` asked for it, None for the table's stream. `previous` is the version that it
    replaced, None where there was none. `display` is what the website shows.
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
    """Keeps the active version of an algorithm, or of a whole type, as it is.

    `since` and `until` are ISO 8601, UTC; without `until` it lasts until a person resumes. With a
    `window` (see documents/windows.py) it is in force only while that window is open; `zone` is
    the data of the window's time zone (see documents/zones.py). `waiting` are the changes that
    arrived meanwhile, in order.
    """

    reason: str
    who: str
    since: str
    until: str | None = None
    window: str | None = None
    zone: str | None = None
    waiting: tuple[Change, ...] = ()

    def ended(self, at: datetime) -> bool:
        """Whether it is over for good."""
        return self.until is not None and datetime.fromisoformat(self.until) <= at

    def in_force(self, at: datetime) -> bool:
        """Whether it keeps changes back."""
        if self.ended(at):
            return False
        if self.window is None:
            return True
        return windows.parse(self.window, "a hold", self.zone).is_open(at)


@dataclass(frozen=True)
class Mark:
    """Why a version is bad, who said so and since when (ISO 8601, UTC)."""

    reason: str
    who: str
    since: str


@dataclass(frozen=True)
class Document:
    """One metadata document. `revision` grows by one at each write and orders its versions.

    `algorithms` are the active entries and `withdrawn` those without a version, which keep older
    records stale; both by the algorithm's name. `freeze` holds all algorithms of the type, `holds`
    single ones. `bad` are the versions that nothing makes active, by algorithm and version.
    """

    type: str
    revision: int = 0
    algorithms: Mapping[str, Entry] = field(default_factory=dict)
    withdrawn: Mapping[str, Entry] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    freeze: Hold | None = None
    bad: Mapping[str, Mapping[str, Mark]] = field(default_factory=dict)

    def entry(self, algorithm: str) -> Entry | None:
        """The algorithm's entry, active or withdrawn."""
        return self.algorithms.get(algorithm) or self.withdrawn.get(algorithm)

    def version(self, algorithm: str) -> str | None:
        """The algorithm's active version, or None where it has none."""
        active = self.algorithms.get(algorithm)
        return active.version if active else None

    def versions(self) -> dict[str, str]:
        """The active version of each algorithm."""
        return {name: str(entry.version) for name, entry in self.algorithms.items()}

    def mark(self, algorithm: str, version: str | None) -> Mark | None:
        """Why this version is bad, or None where it is not."""
        return self.bad.get(algorithm, {}).get(version or "")

    def hold(self, algorithm: str, at: datetime) -> Hold | None:
        """The hold that keeps changes of an algorithm back at a time, if any."""
        for hold in (self.holds.get(algorithm), self.freeze):
            if hold and hold.in_force(at):
                return hold
        return None

    def waiting(self) -> tuple[Change, ...]:
        """Every change that waits behind a hold, in order."""
        holds = [*self.holds.values(), *([self.freeze] if self.freeze else [])]
        # A change that came twice may be behind both.
        changes = {change.release_id: change for hold in holds for change in hold.waiting}
        return tuple(sorted(changes.values(), key=lambda change: change.order))

    def revise(self, **parts: Any) -> "Document":
        """The document with other `parts` and the next revision; itself where they are the same."""
        revised = replace(self, **parts)
        if revised == self:
            return self
        return replace(revised, revision=self.revision + 1)
