"""The metadata documents: which version of each algorithm is active, one document per type.

A document is a zip with one JSON file (`metadata/opt.zip` holding `opt.json`), because CodeBuild
must be able to unzip each of its input artifacts. This module is the model and the pure merge;
`phaseline.documents` reads and writes the objects.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from phaseline import archive
from phaseline.errors import DocumentError
from phaseline.ledger import Release
from phaseline.transition import Change

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """The active version of one algorithm.

    `sequence` is the stream sequence number of the record that made it active: a record with a
    lower one is stale. `since` is when the item changed (ISO 8601, UTC).
    """

    version: str
    display: Mapping[str, Any]
    release: str
    sequence: str
    since: str


@dataclass(frozen=True)
class Tombstone:
    """An algorithm whose only active version was withdrawn; keeps older records stale."""

    release: str
    sequence: str
    since: str


@dataclass(frozen=True)
class Hold:
    """An algorithm whose active version stays until a person resumes it.

    `since` is ISO 8601, UTC. `waiting` keeps the changes that arrived meanwhile, in order.
    """

    reason: str
    who: str
    since: str
    waiting: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Document:
    """One metadata document. `revision` grows by one at each write and orders its versions."""

    type: str
    revision: int = 0
    algorithms: Mapping[str, Entry] = field(default_factory=dict)
    withdrawn: Mapping[str, Tombstone] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """What a batch of changes makes of a document.

    `releases` holds the effective change of each algorithm, also one that an earlier delivery
    of the same record wrote already. `skipped` gives a reason for each change without effect.
    """

    document: Document
    releases: tuple[Release, ...]
    skipped: tuple[tuple[Change, str], ...]


def release_id(change: Change) -> str:
    """The correlation id of a change: the same for each delivery of the same record."""
    digest = hashlib.sha256(f"{change.action} {change.sequence}".encode()).hexdigest()
    return f"{change.type}-{change.algorithm}-{change.version}-{digest[:8]}"


def merge(
    document: Document, changes: Iterable[Change], fallbacks: Mapping[str, Release]
) -> Merged:
    """Apply `changes`, in their order, to `document`.

    `fallbacks` names, per withdrawal's sequence number, the release whose version comes back. A
    change that is older than what the document holds is skipped, one that it holds already
    changes nothing; of several for one algorithm only the last is a release. A change of an
    algorithm on hold waits in the document.
    """
    algorithms, withdrawn = dict(document.algorithms), dict(document.withdrawn)
    holds = dict(document.holds)
    effective: dict[str, Release] = {}
    skipped: list[tuple[Change, str]] = []
    for change in changes:
        name = change.algorithm
        active = algorithms.get(name)
        held = active or withdrawn.get(name)
        if held and held.release == release_id(change):
            effective[name] = _release(change, active, document.algorithms.get(name))
        elif held and change.order <= int(held.sequence):
            skipped.append((change, f"stale: {held.release} is newer"))
        elif name in holds:
            holds[name] = _waiting(holds[name], change)
            skipped.append((change, f"on hold by {holds[name].who}: it waits"))
        elif change.action == "withdraw" and (active is None or active.version != change.version):
            skipped.append((change, "the withdrawn version is not the active one"))
        else:
            after = _entry(change, fallbacks.get(change.sequence))
            algorithms.pop(name, None)
            withdrawn.pop(name, None)
            if after is None:
                withdrawn[name] = Tombstone(
                    release_id(change), change.sequence, change.requested_at
                )
            else:
                algorithms[name] = after
            effective[name] = _release(change, after, document.algorithms.get(name))
    merged = revise(document, algorithms=algorithms, withdrawn=withdrawn, holds=holds)
    return Merged(merged, tuple(effective.values()), tuple(skipped))


def revise(document: Document, **parts: Any) -> Document:
    """`document` with other `parts` and the next revision, or itself where they are the same."""
    revised = replace(document, **parts)
    if revised == document:
        return document
    return replace(revised, revision=document.revision + 1)


def _waiting(hold: Hold, change: Change) -> Hold:
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
        )
        _check(document, body["schema"], body["type"])
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DocumentError(
            where,
            f"expected a zip with {type_}.json of schema {SCHEMA},"
            f" found {type(error).__name__}: {error}",
            "It is left as it is.",
        ) from error
    return document


def _hold(entry: Mapping[str, Any]) -> Hold:
    waiting = tuple(Change(**change) for change in entry["waiting"])
    return Hold(**{**entry, "waiting": waiting})


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
            if not isinstance(value, kind) or (key == "sequence" and not str(value).isdecimal()):
                raise ValueError(f"algorithm {name!r}: {key} is {value!r}")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a key stands twice")
    return body
