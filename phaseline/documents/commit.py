"""Writes documents, and records what follows from each write.

The ledger, the outbox and the messages are projections of the documents. The write of a document
contains all that follows from it (`Write`), so the compare-and-swap decides everything at once::

    read document N -> settle N -> decide -> write N+1 -> settle N+1

To settle a revision is to record its releases in the ledger and its dispatch in the outbox. A
writer may die before it settles its own write. Then the next writer, the listener's schedule or a
drift check settles it, and nobody writes the next revision before that. Every step is conditional
or idempotent, so two writers may settle the same revision at once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document, Write
from phaseline.documents.fallback import Fallbacks, candidates
from phaseline.documents.held_back import held_back
from phaseline.documents.merge import Merged
from phaseline.documents.store import Documents, Stored
from phaseline.errors import RemoteCallError
from phaseline.github.outbox import Dispatch, Outbox, Settled
from phaseline.releases.ledger import WRITERS, Ledger, each
from phaseline.releases.release import OPEN, Release, RequestRecord


@dataclass(frozen=True)
class Attempt:
    """An attempt to write a document: the version that was read, and what is settled."""

    stored: Stored
    settled: Settled

    @property
    def document(self) -> Document:
        """The document that was read."""
        return self.stored.document


@dataclass(frozen=True)
class Committed:
    """A version of a document that is settled.

    `releases` are the releases that the write started, and `superseded` those that it superseded;
    both are empty if the document was not changed. `owed` is the dispatch that is still owed.
    """

    stored: Stored
    releases: tuple[Release, ...]
    superseded: tuple[Release, ...]
    owed: Dispatch | None


@dataclass(frozen=True)
class Commits:
    """Writes the documents of one environment, and records what follows from them."""

    documents: Documents
    ledger: Ledger

    @property
    def outbox(self) -> Outbox:
        """The outbox, which is part of the ledger table."""
        return Outbox(self.ledger.client, self.ledger.table)

    def attempts(self, type_: str) -> Iterator[Attempt]:
        """Yield the newest version, settled, once for each attempt to write it.

        Another writer may change the document between a read and its write. So the caller decides
        again in each attempt::

            for attempt in commits.attempts("opt"):
                if committed := commits.write(decide(attempt.document), over=attempt, at=now):
                    return committed
            raise commits.contended("opt")
        """
        for stored in self.documents.attempts(type_):
            yield _attempt(stored, self.settle(stored))

    def preview(self, type_: str) -> Attempt:
        """Return the newest version without settling it, for a decision that is not written."""
        return _attempt(self.documents.read(type_), self.outbox.read(type_))

    def contended(self, type_: str) -> RemoteCallError:
        """Return the error to raise when all attempts to write have failed."""
        return self.documents.contended(type_)

    def write(
        self, merged: Merged, *, over: Attempt, at: str, request: RequestRecord | None = None
    ) -> Committed | None:
        """Store the document of `merged` and settle it.

        `at` is the present time (ISO 8601, UTC). `request` is the request that this carries out.
        Returns None if another writer was faster. An equal document is not written.
        """
        document = merged.document
        if document == over.document:
            return Committed(over.stored, (), (), over.settled.owed)
        releases = (*merged.releases, *merged.superseded)
        started = tuple(
            replace(release, display={}, revision=document.revision) for release in releases
        )
        write = Write(at, document.revision, started, merged.withdrawn, request)
        stored = self.documents.write(replace(document, write=write), over=over.stored)
        if stored is None:
            return None
        settled = self.settle(stored, over.settled)
        recorded = _releases(stored, write)
        return Committed(
            stored,
            releases=tuple(release for release in recorded if release.state == OPEN),
            superseded=tuple(release for release in recorded if release.state != OPEN),
            owed=settled.owed,
        )

    def settle(self, stored: Stored, settled: Settled | None = None) -> Settled:
        """Record what follows from the newest write of a document, unless that was done.

        `settled` is the state that is known already.
        """
        document = stored.document
        settled = settled or self.outbox.read(document.type)
        write = document.write_after(settled.revision)
        if write is None:
            return settled
        releases = _releases(stored, write)
        self.ledger.record(releases, at=write.at)
        self._withdraw(document.type, write.withdrawn, revision=write.revision, at=write.at)
        if write.request:
            self.ledger.record_request(document.type, write.request, revision=write.revision)
        # A person's workflow follows its own releases; it needs no dispatch.
        tested = [
            release.release_id
            for release in releases
            if release.state == OPEN and release.who is None
        ]
        following = settled.following(
            document.type, stored.version_id, write.revision, tested, held_back(document)
        )
        self.outbox.settle(document.type, following)
        return following

    def _withdraw(
        self, type_: str, withdrawn: Iterable[tuple[str, str]], *, revision: int, at: str
    ) -> None:
        """Record that versions left their phase, so that no rollback returns to them."""

        def record(each: tuple[str, str]) -> None:
            self.ledger.withdraw(type_, *each, revision=revision, at=at)

        each(record, withdrawn)

    def fallbacks(self, document: Document, changes: Iterable[Change]) -> Fallbacks:
        """Return the releases to which each withdrawal of `changes` may return, newest first.

        Only the newest versions are read: as many as the withdrawals of the same algorithm can
        exclude, and one more.
        """
        withdrawals = [change for change in changes if change.action == "withdraw"]
        counts = Counter(change.algorithm for change in withdrawals)

        def find(change: Change) -> tuple[Release, ...]:
            releases = self.ledger.releases(change.type, change.algorithm)
            return candidates(releases, change, document, counts[change.algorithm] + 1)

        with ThreadPoolExecutor(WRITERS) as pool:
            ids = (change.release_id for change in withdrawals)
            return dict(zip(ids, pool.map(find, withdrawals), strict=True))


def _attempt(stored: Stored, settled: Settled) -> Attempt:
    # Revisions never go back, also if somebody has restored an older version of the object.
    revision = max(stored.document.revision, settled.revision)
    return Attempt(replace(stored, document=replace(stored.document, revision=revision)), settled)


def _releases(stored: Stored, write: Write) -> tuple[Release, ...]:
    """Return the releases of the newest write, with the version of the document and displays."""
    document = stored.document

    def complete(release: Release) -> Release:
        entry = document.entry(release.algorithm)
        display = entry.display if entry and entry.release == release.release_id else {}
        return replace(release, document_version=stored.version_id, display=display)

    return tuple(map(complete, write.releases))
