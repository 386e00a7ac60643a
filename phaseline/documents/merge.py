"""Pure: applies changes to a document, and says which releases follow.

`merge` applies the changes of stream records; what people ask for is applied by
`phaseline.promotion.carry_out`, with the same parts.
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
"""For each withdrawal, by its release's id: the releases whose version may become active again,
newest first."""


@dataclass(frozen=True)
class Merged:
    """The document that a batch of changes, or a request, leads to, and its releases.

    `releases` are those that the document carries, one for each algorithm; also those that an
    earlier delivery of the same record wrote already. `aside` are releases that the document does
    not carry: they wait behind a hold, or were overtaken. `skipped` gives the reason for each
    change without effect.
    """

    document: Document
    releases: tuple[Release, ...] = ()
    skipped: tuple[tuple[Change, str], ...] = ()
    aside: tuple[Release, ...] = ()


class Draft:
    """The entries of a document while they are replaced one by one."""

    def __init__(self, document: Document) -> None:
        self.algorithms, self.withdrawn = dict(document.algorithms), dict(document.withdrawn)

    def entry(self, algorithm: str) -> Entry | None:
        """The algorithm's entry, active or withdrawn."""
        return self.algorithms.get(algorithm) or self.withdrawn.get(algorithm)

    def put(self, algorithm: str, entry: Entry) -> None:
        """Let an entry take the place of the algorithm's present one."""
        self.algorithms.pop(algorithm, None)
        self.withdrawn.pop(algorithm, None)
        (self.withdrawn if entry.version is None else self.algorithms)[algorithm] = entry


def merge(
    document: Document, changes: Iterable[Change], fallbacks: Fallbacks, at: datetime
) -> Merged:
    """Apply `changes`, in their order, to `document`, after those that are due.

    A change that is older than the document's entry is skipped; one that the document holds already
    changes nothing; of several for one algorithm only the last is a release. A change of an
    algorithm that is on hold `at` this time waits in the document. A bad version is refused. A
    withdrawal needs its `fallbacks`.
    """
    batch = _Batch(document, fallbacks, at)
    free = due(document, at)
    for change in (*free, *changes):
        batch.apply(change)
    return batch.merged(free)


def without_ended_holds(document: Document, at: datetime) -> Document:
    """`document` as it goes on at a time: the holds that have ended are gone, and those whose
    window has closed keep nothing back."""
    holds = {name: kept for name, hold in document.holds.items() if (kept := _still(hold, at))}
    return replace(document, holds=holds, freeze=_still(document.freeze, at))


def _still(hold: Hold | None, at: datetime) -> Hold | None:
    if hold is None or hold.ended(at):
        return None
    return hold if not hold.waiting or hold.in_force(at) else replace(hold, waiting=())


def due(document: Document, at: datetime) -> tuple[Change, ...]:
    """The waiting changes that no hold keeps back any more, in order."""
    if not (document.holds or document.freeze):
        return ()
    waiting = document.waiting()
    kept = {change.release_id for change in without_ended_holds(document, at).waiting()}
    return tuple(change for change in waiting if change.release_id not in kept)


class _Batch:
    """A document while changes are applied to it."""

    def __init__(self, before: Document, fallbacks: Fallbacks, at: datetime) -> None:
        self._before = before
        self._fallbacks = fallbacks
        self._draft = Draft(before)
        free = without_ended_holds(before, at)
        self._holds, self._freeze = dict(free.holds), free.freeze
        self._held = {name for name, hold in free.holds.items() if hold.in_force(at)}
        self._is_frozen = free.freeze is not None and free.freeze.in_force(at)
        self._behind: defaultdict[str, list[Change]] = defaultdict(list)
        self._frozen: list[Change] = []
        self._effective: dict[str, tuple[Change, Release]] = {}
        self._aside: dict[str, Release] = {}
        self._overtaken: list[Change] = []
        self._skipped: list[tuple[Change, str]] = []

    def apply(self, change: Change) -> None:
        """Apply one change, or note why not."""
        name = change.algorithm
        entry = self._draft.entry(name)
        mark = self._before.mark(name, change.version) if change.action == "promote" else None
        if entry and entry.release == change.release_id:
            self._is_effective(change, entry)
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
            self._wait(change, self._holds[name], self._behind[name])
        elif self._freeze and self._is_frozen:
            self._wait(change, self._freeze, self._frozen)
        elif change.action == "withdraw" and (entry is None or entry.version != change.version):
            self._skip(change, "the withdrawn version is not the active one")
        else:
            made = _made(change, self._fallback(change), self._active(name))
            self._draft.put(name, made)
            self._is_effective(change, made)

    def merged(self, free: Iterable[Change]) -> Merged:
        """The result; those of the `free` changes that are not in effect were overtaken."""
        document = self._before.revise(
            **vars(self._draft),
            holds=self._holds
            | {name: _keep(self._holds[name], new) for name, new in self._behind.items()},
            freeze=_keep(self._freeze, self._frozen) if self._freeze else None,
        )
        effective = {release.release_id for _, release in self._effective.values()}
        # The ledger has to know those of the others that would look like lost ones.
        for change in (*free, *filter(self._looks_lost, self._overtaken)):
            if change.release_id not in effective:
                self._aside.setdefault(change.release_id, self._aside_release(change, SUPERSEDED))
        releases = tuple(release for _, release in self._effective.values())
        return Merged(document, releases, tuple(self._skipped), tuple(self._aside.values()))

    def _active(self, algorithm: str) -> str | None:
        """The version that was active before the batch."""
        entry = self._before.algorithms.get(algorithm)
        return entry.version if entry else None

    def _fallback(self, change: Change) -> Release | None:
        for release in self._fallbacks.get(change.release_id, ()):
            is_bad = self._before.mark(change.algorithm, release.version)
            if release.version != change.version and not is_bad:
                return release
        return None

    def _is_effective(self, change: Change, made: Entry) -> None:
        earlier, _ = self._effective.get(change.algorithm, (change, None))
        if earlier is not change:
            self._overtaken.append(earlier)
        self._effective[change.algorithm] = change, _release(change, made)

    def _looks_lost(self, change: Change) -> bool:
        """Whether an overtaken version is higher than the one that is active after all."""
        active = self._draft.algorithms.get(change.algorithm)
        return change.action == "promote" and (
            active is None or version_order(str(active.version)) < version_order(change.version)
        )

    def _wait(self, change: Change, hold: Hold, behind: list[Change]) -> None:
        behind.append(change)
        self._aside[change.release_id] = self._aside_release(change, WAITING)
        self._skip(change, f"on hold by {hold.who}: it waits")

    def _aside_release(self, change: Change, state: str) -> Release:
        """The release of a change that the document does not carry."""
        made = _made(change, None, self._active(change.algorithm))
        return replace(_release(change, made), state=state)

    def _skip(self, change: Change, reason: str) -> None:
        self._skipped.append((change, reason))


def _keep(hold: Hold, changes: Iterable[Change]) -> Hold:
    """`hold` with `changes` among those that wait, each once and in order."""
    waiting = {change.release_id: change for change in (*hold.waiting, *changes)}
    in_order = sorted(waiting.values(), key=lambda change: change.order)
    return replace(hold, waiting=tuple(in_order))


def _made(change: Change, fallback: Release | None, active: str | None) -> Entry:
    """The entry that `change` leads to: the promoted version, the `fallback`, or none."""
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
    """The release that made an entry."""
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
