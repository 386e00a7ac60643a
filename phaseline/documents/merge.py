"""Pure: applies changes to a document and returns the releases that result.

`merge` applies changes from the stream. `phaseline.promotion.carry_out` applies requests of people
with the help of this module.
"""

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document
from phaseline.documents.entry import Entry
from phaseline.documents.fallback import Fallbacks, fallback
from phaseline.documents.hold import Hold
from phaseline.releases.release import SUPERSEDED, WAITING, Release, Step

DUE_LIMIT = 1_000
"""The number of due changes that one write applies: as many as the default batch has records. The
others follow at the next write, which the schedule makes if nobody else does."""


@dataclass(frozen=True)
class Merged:
    """The document after a batch of changes or a request, and what follows from it.

    `releases` are the releases that the document starts, at most one for each algorithm.
    `superseded` are the releases that were replaced before they became active. `skipped` holds each
    change without effect, with the reason. `withdrawn` are algorithms with versions that left their
    phase, also those that were not active.
    """

    document: Document
    releases: tuple[Release, ...] = ()
    superseded: tuple[Release, ...] = ()
    skipped: tuple[tuple[Change, str], ...] = ()
    withdrawn: tuple[tuple[str, str], ...] = ()


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

    - A change that the entry of its algorithm takes into account already is skipped.
    - The promotion of the active version is no release.
    - Of several changes of one algorithm, only the last one is a release.
    - A change of an algorithm that is on hold `at` this time waits in the document.
    - The promotion of a version that is marked bad is skipped.
    - A withdrawal of an inactive version also writes the document. So it conflicts with a request
      that makes this version active at the same time.

    A withdrawal needs its `fallbacks`. At most DUE_LIMIT due changes are applied.
    """
    due = due_changes(document, at)
    batch = _Batch(document, fallbacks, at, due)
    for change in (*due, *changes):
        batch.apply(change)
    return batch.merged(due)


def due_changes(document: Document, at: datetime) -> tuple[Change, ...]:
    """Return the first DUE_LIMIT waiting changes that no hold keeps back at this time, in order."""
    if not (document.holds or document.freeze):
        return ()
    held = _held(document, at)
    due = (change for change in document.waiting() if change.release_id not in held)
    return tuple(islice(due, DUE_LIMIT))


def _held(document: Document, at: datetime) -> set[str]:
    """Return the release ids of the changes that wait behind a hold in force at this time."""
    holds = [*document.holds.values(), *([document.freeze] if document.freeze else [])]
    return {change.release_id for hold in holds if hold.in_force(at) for change in hold.waiting}


def _remaining_hold(hold: Hold | None, at: datetime, gone: Container[str]) -> Hold | None:
    """Return a hold that is not in force without the changes `gone` (release ids).

    Return None if it is over, and a hold that is in force as it is.

    A hold whose window is closed stays, and so does one with changes that still wait.
    """
    if hold is None or (hold.waiting and hold.in_force(at)):
        return hold
    waiting = tuple(change for change in hold.waiting if change.release_id not in gone)
    return None if hold.ended(at) and not waiting else replace(hold, waiting=waiting)


class _Batch:
    """Applies changes to a document one by one."""

    def __init__(
        self, before: Document, fallbacks: Fallbacks, at: datetime, due: Iterable[Change]
    ) -> None:
        self._before = before
        self._due = {change.release_id for change in due}
        self._fallbacks = fallbacks
        self._draft = Draft(before)
        gone = self._due | _held(before, at)  # what also waits behind a hold in force stays there
        remaining = {name: _remaining_hold(hold, at, gone) for name, hold in before.holds.items()}
        self._holds = {name: hold for name, hold in remaining.items() if hold}
        self._freeze = _remaining_hold(before.freeze, at, gone)
        self._held = {name for name, hold in self._holds.items() if hold.in_force(at)}
        self._is_frozen = self._freeze is not None and self._freeze.in_force(at)
        # A change that arrives follows those of its algorithm that are due and still wait.
        self._follow_hold = {name for name, hold in self._holds.items() if hold.waiting}
        behind_freeze = self._freeze.waiting if self._freeze else ()
        self._follow_freeze = {change.algorithm for change in behind_freeze}
        self._behind_hold: defaultdict[str, list[Change]] = defaultdict(list)
        self._behind_freeze: list[Change] = []
        self._effective: dict[str, tuple[Change, Release]] = {}
        self._overtaken: list[Change] = []
        self._skipped: list[tuple[Change, str]] = []
        self._withdrawn: dict[tuple[str, str], None] = {}

    def apply(self, change: Change) -> None:
        """Apply one change, or record the reason why it has no effect."""
        name = change.algorithm
        entry = self._draft.entry(name)
        if entry and entry.is_newer_than(change):
            self._skip(change, f"already taken into account: {entry.release} is not older")
            if self._is_late_withdrawal(change, entry):
                self._leave(change, entry)
        elif change.action == "promote":
            self._promote(change, entry)
        elif self._waits(change):
            self._withdrawn[name, change.version] = None
        elif entry is None or entry.version != change.version:
            self._leave(change, entry)
            self._skip(change, "the withdrawn version is not the active one")
        else:
            self._withdrawn[name, change.version] = None
            self._put(change, fallback(self._fallbacks, change, self._before, self._withdrawn))

    def _is_late_withdrawal(self, change: Change, entry: Entry) -> bool:
        """Return whether an older stream withdraws an inactive version after a newer one was read.

        It has left its phase all the same. A person can promote it if it has entered it since.
        """
        is_repeated = change.stream in {entry.stream, (entry.left or "").rpartition("#")[0]}
        return change.action == "withdraw" and not is_repeated and change.version != entry.version

    def _leave(self, change: Change, entry: Entry | None) -> None:
        """Record the withdrawal of an inactive version in the entry of its algorithm."""
        self._withdrawn[change.algorithm, change.version] = None
        self._draft.put(change.algorithm, (entry or _first_entry(change)).past(change))

    def _promote(self, change: Change, entry: Entry | None) -> None:
        name, version = change.algorithm, change.version
        self._withdrawn.pop((name, version), None)
        if mark := self._before.mark(name, version):
            reason = f"{version} was marked bad by {mark.who}, {mark.since}: {mark.reason}"
            self._take_no_effect(change, entry)
            self._skip(change, f"refused: {reason}")
        elif not self._waits(change):
            if entry and (entry.version, entry.display) == (version, change.display):
                # Somebody else made it active. Later records are compared with this position.
                self._advance(change, entry)
                self._skip(change, "the version is active already")
            else:
                self._put(change, None)

    def _take_no_effect(self, change: Change, entry: Entry | None) -> None:
        """Advance the entry past a due promotion: if it comes again, it must not wait again.

        Another promotion is not worth a new revision of the document.
        """
        if change.release_id in self._due:
            self._advance(change, entry or _first_entry(change))

    def _advance(self, change: Change, entry: Entry) -> None:
        advanced = replace(entry, stream=change.stream, sequence=change.sequence)
        self._draft.put(change.algorithm, advanced)

    def merged(self, due: Iterable[Change]) -> Merged:
        """Return the result. A `due` change that the document does not carry is superseded."""
        holds = {
            name: _with_waiting(self._holds[name], changes)
            for name, changes in self._behind_hold.items()
        }
        document = self._before.revise(
            algorithms=self._draft.algorithms,
            withdrawn=self._draft.withdrawn,
            holds=self._holds | holds,
            freeze=_with_waiting(self._freeze, self._behind_freeze) if self._freeze else None,
        )
        waiting = {change.release_id for change in document.waiting()}
        was_waiting = {change.release_id for change in due}
        effective = {change.release_id for change, _ in self._effective.values()}
        # Without a record in the ledger, an overtaken version would look like a lost one.
        superseded = {
            change.release_id: self._superseded(change)
            for change in (*due, *self._overtaken)
            if change.release_id not in effective | waiting
        }
        releases = tuple(
            _with_wait(release, change) if change.release_id in was_waiting else release
            for change, release in self._effective.values()
        )
        return Merged(
            document, releases, tuple(superseded.values()), tuple(self._skipped),
            tuple(self._withdrawn),
        )  # fmt: skip

    def _put(self, change: Change, returns: Release | None) -> None:
        present = self._draft.entry(change.algorithm)
        entry = _entry(change, returns, self._before.algorithms.get(change.algorithm))
        entry = replace(entry, left=present.left if present else None)
        self._draft.put(change.algorithm, entry)
        if change.algorithm in self._effective:
            self._overtaken.append(self._effective[change.algorithm][0])
        self._effective[change.algorithm] = change, _release(change, entry)

    def _waits(self, change: Change) -> bool:
        """Return whether a hold keeps the change back; then it waits behind the hold."""
        name, arrives = change.algorithm, change.release_id not in self._due
        if name in self._held or (arrives and name in self._follow_hold):
            hold, behind = self._holds[name], self._behind_hold[name]
        elif self._freeze and (self._is_frozen or (arrives and name in self._follow_freeze)):
            hold, behind = self._freeze, self._behind_freeze
        else:
            return False
        behind.append(change)
        self._skip(change, f"on hold by {hold.who}: it waits")
        return True

    def _superseded(self, change: Change) -> Release:
        entry = _entry(change, None, self._before.algorithms.get(change.algorithm))
        return replace(_release(change, entry), state=SUPERSEDED)

    def _skip(self, change: Change, reason: str) -> None:
        self._skipped.append((change, reason))


def _with_waiting(hold: Hold, changes: Iterable[Change]) -> Hold:
    """Add `changes` to the changes that wait behind `hold`, each once and in order."""
    waiting = {change.release_id: change for change in (*hold.waiting, *changes)}
    in_order = sorted(waiting.values(), key=lambda change: change.position)
    return replace(hold, waiting=tuple(in_order))


def _with_wait(release: Release, change: Change) -> Release:
    return replace(release, steps={WAITING: Step(change.requested_at)})


def _first_entry(change: Change) -> Entry:
    """Return the entry of an algorithm that has had no version yet."""
    return Entry(None, {}, change.release_id, "", "0", change.requested_at)


def _entry(change: Change, returns: Release | None, active: Entry | None) -> Entry:
    """Return the entry that a change writes.

    A promotion makes its version active. A withdrawal makes the version active to which it
    `returns`, or no version. `active` is the entry before the batch.
    """
    entry = Entry(None, {}, change.release_id, change.stream, change.sequence, change.requested_at)
    if change.action == "promote":
        entry = replace(entry, version=change.version, display=change.display)
    elif returns:
        entry = replace(entry, version=returns.version, display=returns.display)
    return replace(entry, previous=replaced_version(active, entry.version))


def replaced_version(active: Entry | None, version: str | None) -> str | None:
    """Return the version that `version` replaces, which is never the same version."""
    if active is None:
        return None
    return active.previous if active.version == version else active.version


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
