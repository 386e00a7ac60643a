"""Keeps the ledger in step with the metadata documents.

A writer always stores the document first, because the compare-and-swap of the document decides
which of several writers wins. A writer may die before it writes the ledger. In this case either its
retry writes the ledger, or `settle_waiting` does, which finds releases that wait in the ledger but
no longer in a document.
"""

from collections.abc import Iterable
from dataclasses import replace

from phaseline.algorithms.changes import Change
from phaseline.documents.merge import Fallbacks, Merged
from phaseline.documents.store import Stored
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import OPEN, SUPERSEDED, Release


def record(ledger: Ledger, stored: Stored, merged: Merged, *, at: str) -> Merged:
    """Record the releases of a document that was stored `at` a time (ISO 8601, UTC).

    Returns `merged` with releases that name the stored version of the document.
    """
    carried = tuple(carry(release, stored) for release in merged.releases)
    ledger.record((*merged.not_carried, *carried), at=at)
    return replace(merged, releases=carried)


def carry(release: Release, stored: Stored) -> Release:
    """Return the release, open, with the version and revision of the document that carries it."""
    return replace(
        release, document_version=stored.version_id, revision=stored.document.revision, state=OPEN
    )


def settle_waiting(
    ledger: Ledger, stored: Stored, merged: Merged, waiting: Iterable[Release], *, at: str
) -> Merged:
    """Record waiting releases whose writer died before it updated the ledger.

    These are the releases of `waiting` that are neither part of `merged` nor wait in the stored
    document. Each becomes open if the document carries it, and superseded otherwise. Returns
    `merged` with the open ones added to its releases.

    Read `waiting` from the ledger before you read the document. A release waits in a document
    before it waits in the ledger, so a release that is missing from the document no longer waits.
    """
    document = stored.document
    accounted = {release.release_id for release in (*merged.releases, *merged.not_carried)}
    accounted |= {change.release_id for change in document.waiting()}
    entries = {
        entry.release: entry
        for entry in (*document.withdrawn.values(), *document.algorithms.values())
    }
    carried, superseded = [], []
    for release in (release for release in waiting if release.release_id not in accounted):
        if entry := entries.get(release.release_id):
            # The version that a withdrawal restores was unknown while the withdrawal waited.
            completed = replace(
                release, version=entry.version, display=entry.display, previous=entry.previous
            )
            carried.append(carry(completed, stored))
        else:
            superseded.append(replace(release, state=SUPERSEDED))
    ledger.record((*carried, *superseded), at=at)
    return replace(merged, releases=(*merged.releases, *carried))


def fallbacks(ledger: Ledger, changes: Iterable[Change]) -> Fallbacks:
    """Return the older releases to which each withdrawal of `changes` may return.

    The keys are the release ids of the withdrawals; the releases are sorted newest first.
    """
    return {
        change.release_id: [
            release
            for release in ledger.releases(change.type, change.algorithm)
            if release.can_return and int(release.sequence) < change.order
        ]
        for change in changes
        if change.action == "withdraw"
    }
