"""Writes a document, then what the ledger knows of it: the one order in which both may change.

The document comes first, since it decides who wins. A writer that dies before the ledger knows is
followed by its repetition, or by `let_go`: what waits in the ledger and in no document any more.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document, Entry, Merged, Tombstone, release_id
from phaseline.documents.store import Documents, Stored
from phaseline.releases.ledger import OPEN, SUPERSEDED, Ledger, Release


def write(
    documents: Documents,
    ledger: Ledger,
    type_: str,
    merge: Callable[[Document], Merged],
    *,
    at: str,
) -> tuple[Stored, Merged]:
    """Store what `merge` makes of a document and record its releases, with the version that
    carries them; `at` is the time (ISO 8601, UTC)."""
    stored, merged = documents.update(type_, merge)
    carried = replace(merged, releases=tuple(carry(one, stored) for one in merged.releases))
    ledger.record((*carried.aside, *carried.releases), at=at)
    return stored, carried


def carry(release: Release, stored: Stored) -> Release:
    """The release as this version of its document carries it."""
    return replace(
        release, document_version=stored.version_id, revision=stored.document.revision, state=OPEN
    )


def let_go(
    documents: Documents,
    ledger: Ledger,
    type_: str,
    merge: Callable[[Document], Merged],
    *,
    at: str,
) -> tuple[Stored, Merged]:
    """The same as `write` of a merge that ends holds; its releases are also those which somebody
    let go who died before the ledger knew."""
    # Before the document: what is new in the ledger stands in the document first.
    waiting = list(ledger.waiting(type_))
    stored, merged = write(documents, ledger, type_, merge, at=at)
    known = {release.release_id for release in (*merged.releases, *merged.aside)}
    left = [release for release in waiting if release.release_id not in known]
    carried = _settle(ledger, left, stored, at=at)
    return stored, replace(merged, releases=(*merged.releases, *carried))


def _settle(
    ledger: Ledger, waiting: Iterable[Release], stored: Stored, *, at: str
) -> tuple[Release, ...]:
    """Record what became of those of `waiting` that the document does not keep back any more; the
    ones that it carries."""
    document = stored.document
    kept = set(map(release_id, document.waiting()))
    gone = [release for release in waiting if release.release_id not in kept]
    held: list[Entry | Tombstone] = [*document.withdrawn.values(), *document.algorithms.values()]
    made = {one.release: one for one in held}
    carried = tuple(
        carry(_as_made(one, made[one.release_id]), stored) for one in gone if one.release_id in made
    )
    overtaken = [replace(one, state=SUPERSEDED) for one in gone if one.release_id not in made]
    ledger.record((*carried, *overtaken), at=at)
    return carried


def _as_made(release: Release, made: Entry | Tombstone) -> Release:
    """The release as the document has it: what a withdrawal brings back is not known before."""
    return replace(
        release,
        version=made.version if isinstance(made, Entry) else None,
        display=made.display if isinstance(made, Entry) else {},
        previous=made.previous,
    )


def fallbacks(ledger: Ledger, changes: Iterable[Change]) -> Mapping[str, list[Release]]:
    """For each withdrawal among `changes`, by its release's id, the releases whose version may come
    back."""
    return {
        release_id(change): [
            release
            for release in ledger.releases(change.type, change.algorithm)
            if release.can_return and int(release.sequence) < change.order
        ]
        for change in changes
        if change.action == "withdraw"
    }
