"""The metadata documents: which version of each algorithm is active, one document per type.

A document is a zip with one JSON file (`metadata/opt.zip` holding `opt.json`), because CodeBuild
must be able to unzip each of its input artifacts. This module is the model and the pure merge;
`phaseline.documents` reads and writes the objects.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from phaseline import archive, windows
from phaseline.errors import DocumentError, InputError
from phaseline.ledger import SUPERSEDED, WAITING, Release
from phaseline.transition import Change

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """The active version of one algorithm.

    `sequence` is the stream sequence number of the record that made it active: a record with a
    lower one is stale. `since` is when the item changed (ISO 8601, UTC). `who` asked for it, None
    where the table's stream did.
    """

    version: str
    display: Mapping[str, Any]
    release: str
    sequence: str
    since: str
    who: str | None = None


@dataclass(frozen=True)
class Tombstone:
    """An algorithm without an active version any more; keeps older records stale."""

    release: str
    sequence: str
    since: str
    who: str | None = None


@dataclass(frozen=True)
class Hold:
    """What keeps the active version of an algorithm, or of a whole type, as it is.

    `since` and `until` are ISO 8601, UTC; without `until` it lasts until a person resumes. With a
    `window` (see `phaseline.windows`) it is in force only while the window is open. `waiting` keeps
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
        changes = [change for hold in holds for change in hold.waiting]
        return tuple(sorted(changes, key=lambda change: change.order))


@dataclass(frozen=True)
class Merged:
    """What a batch of changes makes of a document.

    `releases` holds the effective change of each algorithm, also one that an earlier delivery
    of the same record wrote already. `aside` are releases that the document does not carry: they
    wait behind a hold, or were overtaken there. `skipped` gives a reason for each change without
    effect.
    """

    document: Document
    releases: tuple[Release, ...] = ()
    skipped: tuple[tuple[Change, str], ...] = ()
    aside: tuple[Release, ...] = ()


def release_id(change: Change) -> str:
    """The correlation id of a change: the same for each delivery of the same record."""
    digest = hashlib.sha256(f"{change.action} {change.sequence}".encode()).hexdigest()
    return f"{change.type}-{change.algorithm}-{change.version}-{digest[:8]}"


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
    still = {change.sequence for change in free.waiting()}
    due = (change for change in document.waiting() if change.sequence not in still)
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

    `fallbacks` has, per withdrawal's sequence number, the releases whose version may come back,
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
        self._effective: dict[str, tuple[Change, Release]] = {}
        self._aside: dict[str, Release] = {}
        self._skipped: list[tuple[Change, str]] = []

    def apply(self, change: Change) -> None:
        """Apply one change, or note why not."""
        name = change.algorithm
        active = self._algorithms.get(name)
        held = active or self._withdrawn.get(name)
        mark = self._before.mark(name, change.version) if change.action == "promote" else None
        if held and held.release == release_id(change):
            self._is_effective(change, active)
        elif mark:
            self._skip(
                change,
                f"refused: {change.version} was marked bad by {mark.who}, {mark.since}:"
                f" {mark.reason}",
            )
        elif held and change.order <= int(held.sequence):
            self._skip(change, f"stale: {held.release} is newer")
        elif name in self._held:
            hold = self._holds[name] = _behind(self._holds[name], change)
            self._wait(change, hold)
        elif self._freeze and self._is_frozen:
            self._freeze = _behind(self._freeze, change)
            self._wait(change, self._freeze)
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
            holds=self._holds,
            freeze=self._freeze,
        )
        effective = {change.sequence for change, _ in self._effective.values()}
        aside = dict(self._aside)
        for change in due:
            if change.sequence not in effective:
                overtaken = replace(self._aside_release(change), state=SUPERSEDED)
                aside.setdefault(change.sequence, overtaken)
        releases = tuple(release for _, release in self._effective.values())
        return Merged(document, releases, tuple(self._skipped), tuple(aside.values()))

    def _activate(self, change: Change) -> None:
        name = change.algorithm
        entry = _entry(change, self._fallback(change))
        self._algorithms.pop(name, None)
        self._withdrawn.pop(name, None)
        if entry is None:
            tombstone = Tombstone(release_id(change), change.sequence, change.requested_at)
            self._withdrawn[name] = tombstone
        else:
            self._algorithms[name] = entry
        self._is_effective(change, entry)

    def _fallback(self, change: Change) -> Release | None:
        for release in self._fallbacks.get(change.sequence, ()):
            if release.version != change.version and not self._before.mark(
                change.algorithm, release.version
            ):
                return release
        return None

    def _is_effective(self, change: Change, after: Entry | None) -> None:
        before = self._before.algorithms.get(change.algorithm)
        self._effective[change.algorithm] = change, _release(change, after, before)

    def _wait(self, change: Change, hold: Hold) -> None:
        self._aside[change.sequence] = replace(self._aside_release(change), state=WAITING)
        self._skip(change, f"on hold by {hold.who}: it waits")

    def _aside_release(self, change: Change) -> Release:
        """The release of a change that the document does not carry."""
        entry = _entry(change, None)
        return _release(change, entry, self._before.algorithms.get(change.algorithm))

    def _skip(self, change: Change, why: str) -> None:
        self._skipped.append((change, why))


def revise(document: Document, **parts: Any) -> Document:
    """`document` with other `parts` and the next revision, or itself where they are the same."""
    revised = replace(document, **parts)
    if revised == document:
        return document
    return replace(revised, revision=document.revision + 1)


def _behind(hold: Hold, change: Change) -> Hold:
    """`hold` with `change` among those that wait, once and in order."""
    others = [known for known in hold.waiting if known.sequence != change.sequence]
    return replace(hold, waiting=tuple(sorted([*others, change], key=lambda known: known.order)))


def _entry(change: Change, fallback: Release | None) -> Entry | None:
    """What is active after `change`: the promoted version, or the one that was before."""
    if change.action == "promote":
        version, display = change.version, change.display
    elif fallback is not None and fallback.version is not None:
        version, display = fallback.version, fallback.display
    else:
        return None
    return Entry(version, display, release_id(change), change.sequence, change.requested_at)


def _release(change: Change, after: Entry | None, before: Entry | None) -> Release:
    # A redelivery finds its own entry in the document, which is not what was there before.
    previous = before.version if before and before.sequence != change.sequence else None
    return Release(
        release_id=release_id(change),
        type=change.type,
        algorithm=change.algorithm,
        version=after.version if after else None,
        action=change.action,
        previous=change.version if change.action == "withdraw" else previous,
        requested_at=change.requested_at,
        sequence=change.sequence,
        reason="its phase was set" if change.action == "promote" else "its phase was left",
        display=after.display if after else {},
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
            if key == "who" and value is None:
                continue
            if not isinstance(value, kind) or (key == "sequence" and not str(value).isdecimal()):
                raise ValueError(f"algorithm {name!r}: {key} is {value!r}")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a key stands twice")
    return body
