"""The metadata documents: which version of each algorithm is active, one document per type.

A document is a zip with one JSON file (`metadata/opt.zip` holding `opt.json`), because CodeBuild
must be able to unzip each of its input artifacts. This module is the model and the pure merge;
`phaseline.documents.store` reads and writes the objects.
"""

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from phaseline import archive
from phaseline.algorithms.changes import Change
from phaseline.algorithms.versions import version_order
from phaseline.documents import windows
from phaseline.errors import DocumentError, InputError
from phaseline.releases.ledger import SUPERSEDED, WAITING, Release, identify

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """The active version of one algorithm.

    `sequence` is the stream sequence number of the record that made it active: a record with a
    lower one is stale. `since` is when the item changed (ISO 8601, UTC). `who` asked for it, None
    where the table's stream did. `previous` is the version in whose place it came, None where there
    was none.
    """

    version: str
    display: Mapping[str, Any]
    release: str
    sequence: str
    since: str
    who: str | None = None
    previous: str | None = None


@dataclass(frozen=True)
class Tombstone:
    """An algorithm without an active version any more; keeps older records stale."""

    release: str
    sequence: str
    since: str
    who: str | None = None
    previous: str | None = None


@dataclass(frozen=True)
class Hold:
    """What keeps the active version of an algorithm, or of a whole type, as it is.

    `since` and `until` are ISO 8601, UTC; without `until` it lasts until a person resumes. With a
    `window` (see documents/windows.py) it is in force only while that is open. `waiting` keeps
    the changes that arrived meanwhile, in order.
    """

    reason: str
    who: str
    since: str
    until: str | None = None
    window: str | None = None
    waiting: tuple[Change, ...] = ()

    def ended(self, at: datetime) -> bool:
        """Whether it is over for good."""
        return self.until is not None and datetime.fromisoformat(self.until) <= at

    def in_force(self, at: datetime) -> bool:
        """Whether it keeps changes back."""
        if self.ended(at):
            return False
        return self.window is None or windows.parse(self.window, "a hold").is_open(at)


@dataclass(frozen=True)
class Mark:
    """Why a version is bad, who said so and since when (ISO 8601, UTC)."""

    reason: str
    who: str
    since: str


@dataclass(frozen=True)
class Document:
    """One metadata document. `revision` grows by one at each write and orders its versions.

    `freeze` holds all algorithms of the type, `holds` single ones. `bad` has the versions that
    nothing makes active, by algorithm.
    """

    type: str
    revision: int = 0
    algorithms: Mapping[str, Entry] = field(default_factory=dict)
    withdrawn: Mapping[str, Tombstone] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    freeze: Hold | None = None
    bad: Mapping[str, Mapping[str, Mark]] = field(default_factory=dict)

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
        # One that came twice may be behind both.
        changes = {release_id(change): change for hold in holds for change in hold.waiting}
        return tuple(sorted(changes.values(), key=lambda change: change.order))


@dataclass(frozen=True)
class Merged:
    """What a batch of changes makes of a document.

    `releases` holds the effective change of each algorithm, also one that an earlier delivery
    of the same record wrote already. `aside` are releases that the document does not carry: they
    wait behind a hold, or were overtaken, there or by a later change. `skipped` gives a reason for
    each change without effect.
    """

    document: Document
    releases: tuple[Release, ...] = ()
    skipped: tuple[tuple[Change, str], ...] = ()
    aside: tuple[Release, ...] = ()


def release_id(change: Change) -> str:
    """The correlation id of a change: the same for each delivery of its record, and no other's.

    Sequence numbers are those of one shard: records of two algorithms may have the same.
    """
    cause = f"{change.action} {change.sequence}"
    return identify(change.type, change.algorithm, change.version, cause)


def let_go(document: Document, at: datetime) -> tuple[Document, tuple[Change, ...]]:
    """The document without the holds that have ended, and the changes that wait for nothing any
    more: behind those holds, or behind one whose window has closed."""
    freeze = _emptied(document.freeze, at)
    holds = {
        name: kept
        for name, hold in document.holds.items()
        if (kept := _emptied(hold, at)) is not None
    }
    free = replace(document, freeze=freeze, holds=holds)
    still = set(map(release_id, free.waiting()))
    due = (change for change in document.waiting() if release_id(change) not in still)
    return free, tuple(due)


def _emptied(hold: Hold | None, at: datetime) -> Hold | None:
    """`hold` as it goes on at a time: itself, without what waits, or not at all."""
    if hold is None or hold.ended(at):
        return None
    return hold if not hold.waiting or hold.in_force(at) else replace(hold, waiting=())


def merge(
    document: Document,
    changes: Iterable[Change],
    fallbacks: Mapping[str, Sequence[Release]],
    at: datetime,
) -> Merged:
    """Apply `changes`, in their order, to `document`, after those that no hold keeps back any more.

    `fallbacks` has, by the id of a withdrawal's release, the releases whose version may come back,
    the newest first. A change that is older than what the document holds is skipped, one that it
    holds already changes nothing; of several for one algorithm only the last is a release. A change
    of what is on hold `at` this time waits in the document, one to a bad version is refused.
    """
    free, due = let_go(document, at)
    draft = _Draft(document, free, fallbacks, at)
    for change in (*due, *changes):
        draft.apply(change)
    return draft.merged(due)


class _Draft:
    """A document while changes are applied to it."""

    def __init__(
        self,
        before: Document,
        free: Document,
        fallbacks: Mapping[str, Sequence[Release]],
        at: datetime,
    ) -> None:
        self._before = before
        self._fallbacks = fallbacks
        self._algorithms, self._withdrawn = dict(free.algorithms), dict(free.withdrawn)
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
        active = self._algorithms.get(name)
        held = active or self._withdrawn.get(name)
        mark = self._before.mark(name, change.version) if change.action == "promote" else None
        if held and held.release == release_id(change):
            self._is_effective(change, held)
        elif mark:
            self._skip(
                change,
                f"refused: {change.version} was marked bad by {mark.who}, {mark.since}:"
                f" {mark.reason}",
            )
        elif held and change.order <= int(held.sequence):
            self._skip(change, f"stale: {held.release} is newer")
            self._overtaken.append(change)
        elif name in self._held:
            self._wait(change, self._holds[name], self._behind[name])
        elif self._freeze and self._is_frozen:
            self._wait(change, self._freeze, self._frozen)
        elif change.action == "withdraw" and (active is None or active.version != change.version):
            self._skip(change, "the withdrawn version is not the active one")
        else:
            self._activate(change)

    def merged(self, due: Iterable[Change]) -> Merged:
        """What has come of it; those of `due` that are not in effect were overtaken."""
        document = revise(
            self._before,
            algorithms=self._algorithms,
            withdrawn=self._withdrawn,
            holds=self._holds | {n: _kept(self._holds[n], new) for n, new in self._behind.items()},
            freeze=_kept(self._freeze, self._frozen) if self._freeze else None,
        )
        effective = {release.release_id for _, release in self._effective.values()}
        # Of the others the ledger has to know those that nobody could tell from lost ones.
        for change in (*due, *filter(self._looks_lost, self._overtaken)):
            if release_id(change) not in effective:
                overtaken = replace(self._aside_release(change), state=SUPERSEDED)
                self._aside.setdefault(overtaken.release_id, overtaken)
        releases = tuple(release for _, release in self._effective.values())
        return Merged(document, releases, tuple(self._skipped), tuple(self._aside.values()))

    def _activate(self, change: Change) -> None:
        name = change.algorithm
        made = _made(change, self._fallback(change), self._before.algorithms.get(name))
        self._algorithms.pop(name, None)
        self._withdrawn.pop(name, None)
        if isinstance(made, Entry):
            self._algorithms[name] = made
        else:
            self._withdrawn[name] = made
        self._is_effective(change, made)

    def _fallback(self, change: Change) -> Release | None:
        for release in self._fallbacks.get(release_id(change), ()):
            if release.version != change.version and not self._before.mark(
                change.algorithm, release.version
            ):
                return release
        return None

    def _is_effective(self, change: Change, made: Entry | Tombstone) -> None:
        earlier, _ = self._effective.get(change.algorithm, (change, None))
        if earlier is not change:
            self._overtaken.append(earlier)
        self._effective[change.algorithm] = change, _release(change, made)

    def _looks_lost(self, change: Change) -> bool:
        """Whether a version that was overtaken is above the one that is active after all."""
        active = self._algorithms.get(change.algorithm)
        return change.action == "promote" and (
            active is None or version_order(active.version) < version_order(change.version)
        )

    def _wait(self, change: Change, hold: Hold, behind: list[Change]) -> None:
        behind.append(change)
        waits = replace(self._aside_release(change), state=WAITING)
        self._aside[waits.release_id] = waits
        self._skip(change, f"on hold by {hold.who}: it waits")

    def _aside_release(self, change: Change) -> Release:
        """The release of a change that the document does not carry."""
        return _release(change, _made(change, None, self._before.algorithms.get(change.algorithm)))

    def _skip(self, change: Change, why: str) -> None:
        self._skipped.append((change, why))


def revise(document: Document, **parts: Any) -> Document:
    """`document` with other `parts` and the next revision, or itself where they are the same."""
    revised = replace(document, **parts)
    if revised == document:
        return document
    return replace(revised, revision=document.revision + 1)


def _kept(hold: Hold, changes: Iterable[Change]) -> Hold:
    """`hold` with `changes` among those that wait, each once and in order."""
    waiting = {release_id(change): change for change in (*hold.waiting, *changes)}
    return replace(hold, waiting=tuple(sorted(waiting.values(), key=lambda known: known.order)))


def _made(change: Change, fallback: Release | None, before: Entry | None) -> Entry | Tombstone:
    """What `change` makes of an algorithm: the promoted version is active, or the `fallback` is, or
    none."""
    release, sequence, since = release_id(change), change.sequence, change.requested_at
    if change.action == "promote":
        previous = before.version if before else None
        return Entry(change.version, change.display, release, sequence, since, previous=previous)
    if fallback is not None and fallback.version is not None:
        version, display = fallback.version, fallback.display
        return Entry(version, display, release, sequence, since, previous=change.version)
    return Tombstone(release, sequence, since, previous=change.version)


def _release(change: Change, made: Entry | Tombstone) -> Release:
    return Release(
        release_id=made.release,
        type=change.type,
        algorithm=change.algorithm,
        version=made.version if isinstance(made, Entry) else None,
        action=change.action,
        previous=made.previous,
        requested_at=made.since,
        sequence=made.sequence,
        reason="its phase was set" if change.action == "promote" else "its phase was left",
        display=made.display if isinstance(made, Entry) else {},
    )


def render(document: Document) -> bytes:
    """The document as the zip that is stored: equal documents give equal bytes."""
    body = {"schema": SCHEMA} | asdict(document)
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, indent=1)
    return archive.pack({f"{document.type}.json": text.encode()})


def parse(data: bytes, type_: str, where: str) -> Document:
    """The document of `type_` in the zip `data`.

    Raises DocumentError, naming `where`, for anything but a document that this program wrote:
    not a zip, not JSON, a key twice, another schema or type, a field of another kind.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            text = zipped.read(f"{type_}.json")
        body = json.loads(text, object_pairs_hook=_no_key_twice)
        document = Document(
            type=type_,
            revision=body["revision"],
            algorithms={name: Entry(**entry) for name, entry in body["algorithms"].items()},
            withdrawn={name: Tombstone(**entry) for name, entry in body["withdrawn"].items()},
            holds={name: _hold(entry) for name, entry in body["holds"].items()},
            freeze=_hold(body["freeze"]) if body.get("freeze") else None,
            bad={
                name: {version: Mark(**mark) for version, mark in marks.items()}
                for name, marks in body.get("bad", {}).items()
            },
        )
        _check(document, body["schema"], body["type"])
    except (
        zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, InputError,
    ) as error:  # fmt: skip
        raise DocumentError(
            where,
            f"expected a zip with {type_}.json of schema {SCHEMA},"
            f" found {type(error).__name__}: {error}",
            "It is left as it is.",
        ) from error
    return document


def _hold(entry: Mapping[str, Any]) -> Hold:
    waiting = tuple(Change(**change) for change in entry["waiting"])
    hold = Hold(**{**entry, "waiting": waiting})
    hold.in_force(datetime.fromisoformat(hold.since))  # raises where a time or window is malformed
    return hold


def _check(document: Document, schema: object, type_: object) -> None:
    if schema != SCHEMA or type_ != document.type:
        raise ValueError(f"schema {schema!r} and type {type_!r}")
    if type(document.revision) is not int or document.revision < 0:
        raise ValueError(f"revision {document.revision!r}")
    held: list[tuple[str, Entry | Tombstone]] = [
        *document.algorithms.items(),
        *document.withdrawn.items(),
    ]
    for name, entry in held:
        for key, value in vars(entry).items():
            kind = dict if key == "display" else str
            if key in {"who", "previous"} and value is None:
                continue
            if not isinstance(value, kind) or (key == "sequence" and not str(value).isdecimal()):
                raise ValueError(f"algorithm {name!r}: {key} is {value!r}")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a key stands twice")
    return body
