"""Records in the ledger what a stored document carries, and reads there what a document needs.

The document is always written first, since it decides which of several writers wins. A writer that
dies before the ledger is written is followed by its repetition, or by `settle_waiting`: it finds
what waits in the ledger and in no document any more.
"""

from collections.abc import Iterable
from dataclasses import replace

from phaseline.algorithms.changes import Change
from phaseline.documents.merge import Fallbacks, Merged
from phaseline.documents.store import Stored
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import OPEN, SUPERSEDED, Release


def record(ledger: Ledger, stored: Stored, merged: Merged, *, at: str) -> Merged:
    """Record the releases of a document that was stored at a time (ISO 8601, UTC).

    Returns `merged` with its releases as this version of the document carries them.
    """
    carried = tuple(carry(release, stored) for release in merged.releases)
    ledger.record((*merged.aside, *carried), at=at)
    return replace(merged, releases=carried)


def carry(release: Release, stored: Stored) -> Release:
    """The release as this version of its document carries it."""
    return replace(
        release, document_version=stored.version_id, revision=stored.document.revision, state=OPEN
    )


def settle_waiting(
    ledger: Ledger, stored: Stored, merged: Merged, waiting: Iterable[Release], *, at: str
) -> Merged:
    """Record the end of those of `waiting` that neither the write nor the document accounts for: a
    writer died before the ledger had them. Those that the document carries join its releases.

    Read `waiting` from the ledger before the document: what waits in the ledger has stood in a
    document before, so that a release is missing in the document only if it waits no more.
    """
    known = {release.release_id for release in (*merged.releases, *merged.aside)}
    known |= {change.release_id for change in stored.document.waiting()}
    document = stored.document
    entries = {
        entry.release: entry
        for entry in (*document.withdrawn.values(), *document.algorithms.values())
    }
    carried, overtaken = [], []
    for release in (release for release in waiting if release.release_id not in known):
        if entry := entries.get(release.release_id):
            # Which version a withdrawal brings back is not known while it waits.
            made = replace(
                release, version=entry.version, display=entry.display, previous=entry.previous
            )
            carried.append(carry(made, stored))
        else:
            overtaken.append(replace(release, state=SUPERSEDED))
    ledger.record((*carried, *overtaken), at=at)
    return replace(merged, releases=(*merged.releases, *carried))


def fallbacks(ledger: Ledger, changes: Iterable[Change]) -> Fallbacks:
    """For each withdrawal among `changes`: the older releases whose version may return."""
    return {
        change.release_id: [
            release
            for release in ledger.releases(change.type, change.algorithm)
            if release.can_return and int(release.sequence) < change.order
        ]
        for change in changes
        if change.action == "withdraw"
    }
