"""Processes a batch of stream records: updates the documents, and notifies GitHub.

The write of a document contains everything that follows from it (documents/commit.py). After a
crash, Lambda delivers the records again; a record that the document takes into account already
changes nothing, and what its writer did not settle is settled first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.changes import Change, Ignored, changes_of
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.records import sequence_number
from phaseline.algorithms.schema import Schema
from phaseline.aws.wording import wording
from phaseline.documents.commit import Commits, Committed
from phaseline.documents.document import Document
from phaseline.documents.merge import Merged, due_changes, merge
from phaseline.errors import DocumentError, PhaselineError, RemoteCallError
from phaseline.github.outbox import Dispatch
from phaseline.promotion.parking import Parking
from phaseline.releases.release import Release

PARKED = "parked: its document cannot be read"
"""The reason why a change that waits in the parking has no effect yet."""


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
    """Processes batches of stream records.

    `now` returns the present time (ISO 8601, UTC). `measure` gets each document after its write, or
    as it is if nothing changed.
    """

    commits: Commits
    send: Send
    now: Callable[[], str]
    measure: Callable[[Document], None] = lambda _: None

    @property
    def parking(self) -> Parking:
        """The parking, which is part of the ledger table."""
        return Parking(self.commits.outbox)

    def process(self, records: Sequence[Mapping[str, Any]], schema: Schema) -> BatchResult:
        """Carry out the changes that `records` request.

        Each document that changes is read once and written once, unless writers conflict. Errors
        are part of the result: a failed record or document does not stop the other documents. The
        changes of a document that cannot be read are parked until it can, so that the records
        behind them do not wait for it. Raises InputError if a record has no sequence number (see
        `records_in`).
        """
        batch = batch_changes(records, schema, self.now())
        failures = [batch.failure] if batch.failure else []
        skipped = [(item.sequence, item.reason) for item in batch.ignored]
        results: list[BatchResult] = []
        sound = records[: batch.failure[0]] if batch.failure else records
        positions = {sequence_number(record): position for position, record in enumerate(sound)}
        for type_, changes in _by_type(batch.changes).items():
            try:
                results.append(self._apply(type_, changes))
            except (PhaselineError, BotoCoreError, ClientError) as error:
                failure = _phaseline_error(type_, error, "Its records are delivered again.")
                failures.append((positions[changes[0].sequence], failure))
        first = min((position for position, _ in failures), default=None)
        return BatchResult(
            releases=tuple(each for result in results for each in result.releases),
            skipped=(*skipped, *(each for result in results for each in result.skipped)),
            errors=(
                *(error for _, error in failures),
                *(error for result in results for error in result.errors),
            ),
            undelivered=tuple(error for result in results for error in result.undelivered),
            failed=None
            if first is None
            else sequence_number(records[first], f"record {first + 1} of {len(records)}"),
        )

    def _apply(self, type_: str, changes: Sequence[Change]) -> BatchResult:
        """Apply the due changes, the parked changes and `changes` to the document of a type."""
        try:
            committed, merged = self._write(type_, changes)
        except DocumentError as error:
            self.parking.park(type_, changes)
            skipped = tuple((change.sequence, PARKED) for change in changes)
            return BatchResult((), skipped, (error,), (), None)
        undelivered = self._send(committed.owed) if committed.owed else None
        return BatchResult(
            releases=committed.releases,
            skipped=tuple((change.sequence, reason) for change, reason in merged.skipped),
            errors=(),
            undelivered=(undelivered,) if undelivered else (),
            failed=None,
        )

    def _write(self, type_: str, changes: Sequence[Change]) -> tuple[Committed, Merged]:
        now = self.now()
        at = datetime.fromisoformat(now)
        for attempt in self.commits.attempts(type_):
            document, mark = attempt.document, attempt.settled.parked
            parked = self.parking.read(type_) if mark else ()
            arrived = (*parked, *changes)
            fallbacks = self.commits.fallbacks(document, (*due_changes(document, at), *arrived))
            merged = merge(document, arrived, fallbacks, at)
            if committed := self.commits.write(merged, over=attempt, at=now):
                if mark:
                    self.parking.empty(type_, parked, mark)
                self.measure(committed.stored.document)
                return committed, merged
        raise self.commits.contended(type_)

    def apply_due(self) -> tuple[PhaselineError, ...]:
        """Apply the due and the parked changes of each document, and settle each document.

        Returns the errors of the types for which this failed.
        """
        errors = []
        for type_ in TYPES:
            try:
                self._write(type_, ())
            except (PhaselineError, BotoCoreError, ClientError) as error:
                remedy = "It is tried again every few minutes."
                errors.append(_phaseline_error(type_, error, remedy))
        return tuple(errors)

    def send_owed(self) -> tuple[PhaselineError, ...]:
        """Send the dispatches that are still in the outbox, and return the errors of the others."""
        owed = [self.commits.outbox.read(type_).owed for type_ in TYPES]
        return tuple(error for dispatch in owed if dispatch and (error := self._send(dispatch)))

    def _send(self, dispatch: Dispatch) -> PhaselineError | None:
        try:
            self.send(payload(dispatch))
        except PhaselineError as error:
            return error
        self.commits.outbox.mark_sent(dispatch)
        return None


def payload(dispatch: Dispatch) -> dict[str, Any]:
    """Return the client_payload of a repository_dispatch: the document version and the releases."""
    return {
        "schema": 1,
        "type": dispatch.type,
        "document_version": dispatch.document_version,
        "revision": dispatch.revision,
        "releases": list(dispatch.releases),
        "release_count": dispatch.release_count,
    }


def _phaseline_error(type_: str, error: Exception, remedy: str) -> PhaselineError:
    """Convert an error of AWS to a PhaselineError that names the document."""
    if isinstance(error, PhaselineError):
        return error
    return RemoteCallError(f"metadata document '{type_}'", wording(error), remedy)


def _by_type(changes: Iterable[Change]) -> dict[str, list[Change]]:
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.type, []).append(change)
    return grouped
