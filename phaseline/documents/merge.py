"""Pure: applies changes to a document and returns the releases that result.

`merge` applies changes from the stream. `phaseline.promotion.carry_out` applies requests of people
with the help of this module.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from phaseline.algorithms.changes import Change
from phaseline.algorithms.versions import version_order
from phaseline.documents.document import Document, Entry, Hold
from phaseline.releases.release import SUPERSEDED, WAITING, Release

Fallbacks = Mapping[str, Sequence[Release]]
"""Maps the release id of a withdrawal to the releases to which it may return, newest first."""


@dataclass(frozen=True)
class Merged:
    """The document after a batch of changes or a request, and the resulting releases.

    `releases` are the releases that the document carries, at most one for each algorithm. They
    include releases that an earlier delivery of the same record wrote already. `not_carried` are
    the releases that wait behind a hold or were superseded. `skipped` holds each change without
    effect, with the reason.
    """

    document: Document
    releases: tuple[Release, ...] = ()
    skipped: tuple[tuple[Change, str], ...] = ()
    not_carried: tuple[Release, ...] = ()


class Draft:
    """A mutable copy of a document's entries."""

    def __init__(self, document: Document) -> None:
        self.algorithms, self.withdrawn = dict(document.algorithms), dict(document.withdrawn)

    def entry(self, algorithm: str) -> Entry | None:
        """Return the active or withdrawn entry of the algorithm, or None."""
        return self.algorithms.get(algorithm) or self.withdrawn.get(algorithm)

    def put(self, algorithm: str, entry: Entry) -> None:
        """Replace the entry of the algorithm."""
        self.algorithms.pop(algorithm, None)
        self.withdrawn.pop(algorithm, None)
        (self.withdrawn if entry.version is None else self.algorithms)[algorithm] = entry


def merge(
    document: Document, changes: Iterable[Change], fallbacks: Fallbacks, at: datetime
) -> Merged:
    """Apply the due changes of `document`, and then `changes` in their order.

    - A change that is older than the entry of its algorithm is skipped.
    - A change that the document contains already changes nothing.
    - Of several changes of one algorithm, only the last one is a release.
    - A change of an algorithm that is on hold `at` this time waits in the document.
    - The promotion of a version that is marked bad is skipped.

    A withdrawal needs its `fallbacks`.
    """
    batch = _Batch(document, fallbacks, at)
    due = due_changes(document, at)
    for change in (*due, *changes):
        batch.apply(change)
    return batch.merged(due)


def without_ended_holds(document: Document, at: datetime) -> Document:
    """Return `document` without the holds that have ended at this time.

    A hold whose window is closed stays, but without the changes that waited behind it.
    """
    holds = {
        name: remaining
        for name, hold in document.holds.items()
        if (remaining := _remaining_hold(hold, at))
    }
    return replace(document, holds=holds, freeze=_remaining_hold(document.freeze, at))


def _remaining_hold(hold: Hold | None, at: datetime) -> Hold | None:
    if hold is None or hold.ended(at):
        return None
    return hold if not hold.waiting or hold.in_force(at) else replace(hold, waiting=())


def due_changes(document: Document, at: datetime) -> tuple[Change, ...]:
    """Return the waiting changes that no hold keeps back at this time, in order."""
    if not (document.holds or document.freeze):
        return ()
    waiting = document.waiting()
    held = {change.release_id for change in without_ended_holds(document, at).waiting()}
    return tuple(change for change in waiting if change.release_id not in held)


class _Batch:
    """Applies changes to a document one by one."""

    def __init__(self, before: Document, fallbacks: Fallbacks, at: datetime) -> None:
        self._before = before
        self._fallbacks = fallbacks
        self._draft = Draft(before)
        present = without_ended_holds(before, at)
        self._holds, self._freeze = dict(present.holds), present.freeze
        self._held = {name for name, hold in present.holds.items() if hold.in_force(at)}
        self._is_frozen = present.freeze is not None and present.freeze.in_force(at)
        self._behind_hold: defaultdict[str, list[Change]] = defaultdict(list)
        self._behind_freeze: list[Change] = []
        self._effective: dict[str, tuple[Change, Release]] = {}
        self._not_carried: dict[str, Release] = {}
        self._overtaken: list[Change] = []
        self._skipped: list[tuple[Change, str]] = []

    def apply(self, change: Change) -> None:
        """Apply one change, or record the reason why it has no effect."""
        name = change.algorithm
        entry = self._draft.entry(name)
        mark = self._before.mark(name, change.version) if change.action == "promote" else None
        if entry and entry.release == change.release_id:
            self._add_release(change, entry)
        elif mark:
            self._skip(
                change,
                f"refused: {change.version} was marked bad by {mark.who}, {mark.since}:"
                f" {mark.reason}",
            )
        elif entry and change.order <= int(entry.sequence):
            self._skip(change, f"stale: {entry.release} is newer")
            self._overtaken.append(change)
        elif name in self._held:
            self._wait(change, self._holds[name], self._behind_hold[name])
        elif self._freeze and self._is_frozen:
            self._wait(change, self._freeze, self._behind_freeze)
        elif change.action == "withdraw" and (entry is None or entry.version != change.version):
            self._skip(change, "the withdrawn version is not the active one")
        else:
            new = _entry(change, self._fallback(change), self._before.version(name))
            self._draft.put(name, new)
            self._add_release(change, new)

    def merged(self, due: Iterable[Change]) -> Merged:
        """Return the result. A `due` change that the document does not carry is superseded."""
        holds = {
            name: _with_waiting(self._holds[name], changes)
            for name, changes in self._behind_hold.items()
        }
        document = self._before.revise(
            **vars(self._draft),
            holds=self._holds | holds,
            freeze=_with_waiting(self._freeze, self._behind_freeze) if self._freeze else None,
        )
        effective = {release.release_id for _, release in self._effective.values()}
        # Without a record in the ledger, an overtaken higher version would look like a lost one.
        for change in (*due, *filter(self._looks_lost, self._overtaken)):
            if change.release_id not in effective:
                superseded = self._release_not_carried(change, SUPERSEDED)
                self._not_carried.setdefault(change.release_id, superseded)
        releases = tuple(release for _, release in self._effective.values())
        return Merged(document, releases, tuple(self._skipped), tuple(self._not_carried.values()))

    def _fallback(self, change: Change) -> Release | None:
        """Return the release to which a withdrawal returns, or None."""
        for release in self._fallbacks.get(change.release_id, ()):
            is_bad = self._before.mark(change.algorithm, release.version)
            if release.version != change.version and not is_bad:
                return release
        return None

    def _add_release(self, change: Change, entry: Entry) -> None:
        earlier, _ = self._effective.get(change.algorithm, (change, None))
        if earlier is not change:
            self._overtaken.append(earlier)
        self._effective[change.algorithm] = change, _release(change, entry)

    def _looks_lost(self, change: Change) -> bool:
        """Return whether an overtaken version is higher than the version that is active now."""
        active = self._draft.algorithms.get(change.algorithm)
        return change.action == "promote" and (
            active is None or version_order(str(active.version)) < version_order(change.version)
        )

    def _wait(self, change: Change, hold: Hold, behind: list[Change]) -> None:
        behind.append(change)
        self._not_carried[change.release_id] = self._release_not_carried(change, WAITING)
        self._skip(change, f"on hold by {hold.who}: it waits")

    def _release_not_carried(self, change: Change, state: str) -> Release:
        entry = _entry(change, None, self._before.version(change.algorithm))
        return replace(_release(change, entry), state=state)

    def _skip(self, change: Change, reason: str) -> None:
        self._skipped.append((change, reason))


def _with_waiting(hold: Hold, changes: Iterable[Change]) -> Hold:
    """Add `changes` to the changes that wait behind `hold`, each once and in order."""
    waiting = {change.release_id: change for change in (*hold.waiting, *changes)}
    in_order = sorted(waiting.values(), key=lambda change: change.order)
    return replace(hold, waiting=tuple(in_order))


def _entry(change: Change, fallback: Release | None, active: str | None) -> Entry:
    """Return the entry that a change writes.

    A promotion makes its version active. A withdrawal makes the version of `fallback` active, or
    no version if there is no fallback. `active` is the version that was active before the batch.
    """
    entry = Entry(None, {}, change.release_id, change.sequence, change.requested_at)
    if change.action == "promote":
        return replace(entry, version=change.version, display=change.display, previous=active)
    if fallback:
        entry = replace(entry, version=fallback.version, display=fallback.display)
    return replace(entry, previous=change.version)


def _release(change: Change, entry: Entry) -> Release:
    reason = "its phase was set" if change.action == "promote" else "its phase was left"
    return release_of(entry, change.type, change.algorithm, action=change.action, reason=reason)


def release_of(
    entry: Entry,
    type_: str,
    algorithm: str,
    *,
    action: str,
    reason: str,
    run_url: str | None = None,
) -> Release:
    """Return the release that wrote an entry."""
    return Release(
        release_id=entry.release,
        type=type_,
        algorithm=algorithm,
        version=entry.version,
        action=action,
        previous=entry.previous,
        requested_at=entry.since,
        sequence=entry.sequence,
        reason=reason,
        who=entry.who,
        display=entry.display,
        run_url=run_url,
    )
