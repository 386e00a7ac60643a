"""Processes a batch of stream records: updates the documents and the ledger, and notifies GitHub.

The order of the effects makes each step repeatable. The document comes first (a compare-and-swap,
in which a record that the document contains changes nothing), then the ledger (whose first stamp
stays), then the outbox and the dispatch. After a crash between two steps, Lambda delivers the
records again, and the missing steps follow.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.changes import Change, Ignored, changes_of
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.records import sequence_number
from phaseline.algorithms.schema import Schema
from phaseline.documents import commit
from phaseline.documents.merge import Merged, due_changes, merge
from phaseline.documents.store import Documents, Stored
from phaseline.errors import PhaselineError, RemoteCallError
from phaseline.github.outbox import Dispatch, Outbox
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release

RELEASES_IN_A_DISPATCH = 150
"""The number of release ids that a dispatch lists; the ledger has the others. With the longest
names they fit into the 65,535 characters of a payload (github/dispatch.py)."""


class Send(Protocol):
    """Sends the payload of a dispatch. Raises PhaselineError if GitHub does not accept it."""

    def __call__(self, payload: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class BatchChanges:
    """The changes that the records of a batch request, up to the first malformed record.

    `failure` is the position of this record in the batch and its error, or None.
    """

    changes: tuple[Change, ...]
    ignored: tuple[Ignored, ...]
    failure: tuple[int, PhaselineError] | None


@dataclass(frozen=True)
class BatchResult:
    """The result of a batch.

    `skipped` holds the sequence number and the reason of each record without effect. `failed` is
    the sequence number from which Lambda must deliver the records again, or None; `errors` holds
    the causes. `undelivered` holds the errors of dispatches that stay in the outbox.
    """

    releases: tuple[Release, ...]
    skipped: tuple[tuple[str, str], ...]
    errors: tuple[PhaselineError, ...]
    undelivered: tuple[PhaselineError, ...]
    failed: str | None


def batch_changes(records: Sequence[object], schema: Schema, now: str) -> BatchChanges:
    """Pure: return the changes that records request, in order, up to the first malformed record.

    `now` is the time of the invocation (ISO 8601, UTC).
    """
    changes: list[Change] = []
    ignored: list[Ignored] = []
    for position, record in enumerate(records):
        try:
            requested = changes_of(record, schema, now=now)
        except PhaselineError as error:
            return BatchChanges(tuple(changes), tuple(ignored), (position, error))
        if isinstance(requested, Ignored):
            ignored.append(requested)
        else:
            changes += requested
    return BatchChanges(tuple(changes), tuple(ignored), None)


@dataclass(frozen=True)
class Listener:
    """Processes batches of stream records. `now` returns the present time (ISO 8601, UTC)."""

    documents: Documents
    ledger: Ledger
    outbox: Outbox
    send: Send
    now: Callable[[], str]

    def process(self, records: Sequence[Mapping[str, Any]], schema: Schema) -> BatchResult:
        """Carry out the changes that `records` request.

        Each document that changes is read once and written once, unless writers conflict. Errors
        are part of the result: a failed record or document does not stop the other documents.
        Raises InputError if a record has no sequence number (see `records_in`).
        """
        batch = batch_changes(records, schema, self.now())
        failures = [batch.failure] if batch.failure else []
        skipped = [(item.sequence, item.reason) for item in batch.ignored]
        releases: list[Release] = []
        written: list[tuple[Stored, tuple[Release, ...]]] = []
        sound = records[: batch.failure[0]] if batch.failure else records
        positions = {sequence_number(record): position for position, record in enumerate(sound)}
        for type_, changes in _by_type(batch.changes).items():
            try:
                stored, merged = self._write(type_, changes)
            except (PhaselineError, BotoCoreError, ClientError) as error:
                failure = _phaseline_error(type_, error, "Its records are delivered again.")
                failures.append((positions[changes[0].sequence], failure))
                continue
            releases += merged.releases
            skipped += [(change.sequence, reason) for change, reason in merged.skipped]
            if merged.releases:
                written.append((stored, merged.releases))
        dispatch_errors = [self._dispatch(*each) for each in written]
        first = min((position for position, _ in failures), default=None)
        return BatchResult(
            releases=tuple(releases),
            skipped=tuple(skipped),
            errors=tuple(error for _, error in failures),
            undelivered=tuple(error for error in dispatch_errors if error),
            failed=None
            if first is None
            else sequence_number(records[first], f"record {first + 1} of {len(records)}"),
        )

    def apply_due(self) -> tuple[PhaselineError, ...]:
        """Apply the due changes of each document, and put their dispatches in the outbox.

        Returns the errors of the types for which this failed.
        """
        return tuple(error for type_ in TYPES if (error := self._apply_due(type_)))

    def _apply_due(self, type_: str) -> PhaselineError | None:
        try:
            waiting = list(self.ledger.waiting(type_))
            stored, merged = self._write(type_, ())
            settled = commit.settle_waiting(self.ledger, stored, merged, waiting, at=self.now())
            if settled.releases:
                self._owe(stored, settled.releases)
        except (PhaselineError, BotoCoreError, ClientError) as error:
            return _phaseline_error(type_, error, "It is tried again every few minutes.")
        return None

    def _write(self, type_: str, changes: Sequence[Change]) -> tuple[Stored, Merged]:
        """Apply the due changes and `changes` to the document of a type; record the releases."""
        for change in changes:
            if change.action == "withdraw":
                self.ledger.withdraw(
                    change.type,
                    change.algorithm,
                    change.version,
                    before=change.order,
                    at=change.requested_at,
                )
        now = self.now()
        at = datetime.fromisoformat(now)
        for read in self.documents.attempts(type_):
            due = due_changes(read.document, at)
            fallbacks = commit.fallbacks(self.ledger, (*due, *changes))
            merged = merge(read.document, changes, fallbacks, at)
            if stored := self.documents.write(merged.document, over=read):
                return stored, commit.record(self.ledger, stored, merged, at=now)
        raise self.documents.contended(type_)

    def _dispatch(self, stored: Stored, releases: Iterable[Release]) -> PhaselineError | None:
        """Send the dispatch for one version of a document, unless it was sent already."""
        dispatch = self._owe(stored, releases)
        return self._send(dispatch) if dispatch else None

    def _owe(self, stored: Stored, releases: Iterable[Release]) -> Dispatch | None:
        """Add a dispatch with these and all unsent releases to the outbox, unless it was sent."""
        type_ = stored.document.type
        previous = self.outbox.newest(type_)
        if previous and previous.sent and previous.document_version == stored.version_id:
            return None
        unsent = previous.releases if previous and not previous.sent else ()
        ids = dict.fromkeys([*unsent, *(release.release_id for release in releases)])
        dispatch = Dispatch(type_, stored.version_id, stored.document.revision, tuple(ids), False)
        self.outbox.owe(dispatch)
        return dispatch

    def send_owed(self) -> tuple[PhaselineError, ...]:
        """Send the dispatches that are still in the outbox, and return the errors of the others."""
        dispatches = [self.outbox.newest(type_) for type_ in TYPES]
        return tuple(
            error
            for dispatch in dispatches
            if dispatch and not dispatch.sent and (error := self._send(dispatch))
        )

    def _send(self, dispatch: Dispatch) -> PhaselineError | None:
        try:
            self.send(payload(dispatch))
        except PhaselineError as error:
            return error
        self.outbox.mark_sent(replace(dispatch, sent=True))
        return None


def payload(dispatch: Dispatch) -> dict[str, Any]:
    """Return the client_payload of a repository_dispatch: the document version and the releases."""
    return {
        "schema": 1,
        "type": dispatch.type,
        "document_version": dispatch.document_version,
        "revision": dispatch.revision,
        "releases": list(dispatch.releases[:RELEASES_IN_A_DISPATCH]),
        "release_count": len(dispatch.releases),
    }


def _phaseline_error(type_: str, error: Exception, remedy: str) -> PhaselineError:
    """Convert an error of AWS to a PhaselineError that names the document."""
    if isinstance(error, PhaselineError):
        return error
    return RemoteCallError(f"metadata document '{type_}'", str(error), remedy)


def _by_type(changes: Iterable[Change]) -> dict[str, list[Change]]:
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.type, []).append(change)
    return grouped
