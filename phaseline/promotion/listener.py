"""Takes a batch of stream records to the documents, the ledger and GitHub.

The order of effects makes each step repeatable: the document first (compare-and-swap, and a
record that it holds changes nothing), then the ledger (first stamp stays), then the outbox and
the dispatch. A crash between two of them leaves the record undelivered, and its next delivery
does what is missing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.changes import Change, Ignored, change_of
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.schema import Schema
from phaseline.documents import commit
from phaseline.documents.merge import Merged, due, merge
from phaseline.documents.store import Documents, Stored
from phaseline.errors import PhaselineError, RemoteCallError
from phaseline.github.outbox import Dispatch, Outbox
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release

RELEASES_IN_A_DISPATCH = 150
"""Release ids that a dispatch lists: with the longest names still below GitHub's 65,535
characters. The ledger knows the rest."""


class Send(Protocol):
    """Sends one dispatch; raises PhaselineError where GitHub did not take it."""

    def __call__(self, payload: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Decided:
    """What the records up to the first bad one ask for."""

    changes: tuple[Change, ...]
    ignored: tuple[Ignored, ...]
    failure: tuple[int, PhaselineError] | None


@dataclass(frozen=True)
class Result:
    """What became of a batch.

    `failed` is the sequence number from which Lambda must deliver again, or None; `errors` says
    why. `undelivered` holds the errors of dispatches that stay in the outbox.
    """

    releases: tuple[Release, ...]
    skipped: tuple[tuple[str, str], ...]
    errors: tuple[PhaselineError, ...]
    undelivered: tuple[PhaselineError, ...]
    failed: str | None


def changes_of(records: Sequence[Mapping[str, Any]], schema: Schema) -> Decided:
    """Pure: the changes asked for, in order, up to the first record that can't be read."""
    changes: list[Change] = []
    ignored: list[Ignored] = []
    for position, record in enumerate(records):
        try:
            decision = change_of(record, schema)
        except PhaselineError as error:
            return Decided(tuple(changes), tuple(ignored), (position, error))
        if isinstance(decision, Change):
            changes.append(decision)
        else:
            ignored.append(decision)
    return Decided(tuple(changes), tuple(ignored), None)


@dataclass(frozen=True)
class Listener:
    """The effects of a batch. `now` gives the time as ISO 8601, UTC."""

    documents: Documents
    ledger: Ledger
    outbox: Outbox
    send: Send
    now: Callable[[], str]

    def take(self, records: Sequence[Mapping[str, Any]], schema: Schema) -> Result:
        """Carry out what `records` ask for, and say where delivery must start again.

        One read and one write for each document that changes, however many records there are.
        """
        decided = changes_of(records, schema)
        failures = [decided.failure] if decided.failure else []
        skipped = [(item.sequence, item.reason) for item in decided.ignored]
        releases: list[Release] = []
        written: list[tuple[Stored, tuple[Release, ...]]] = []
        positions = {
            record["dynamodb"]["SequenceNumber"]: position
            for position, record in enumerate(records)
        }
        for type_, changes in _by_type(decided.changes).items():
            try:
                stored, merged = self._write(type_, changes)
            except (PhaselineError, BotoCoreError, ClientError) as problem:
                error = _as_ours(type_, problem, "Its records are delivered again.")
                failures.append((positions[changes[0].sequence], error))
                continue
            releases += merged.releases
            skipped += [(change.sequence, reason) for change, reason in merged.skipped]
            if merged.releases:
                written.append((stored, merged.releases))
        dispatched = [self._dispatch(*each) for each in written]
        first = min((position for position, _ in failures), default=None)
        return Result(
            releases=tuple(releases),
            skipped=tuple(skipped),
            errors=tuple(error for _, error in failures),
            undelivered=tuple(error for error in dispatched if error),
            failed=None if first is None else records[first]["dynamodb"]["SequenceNumber"],
        )

    def apply_due(self) -> tuple[PhaselineError, ...]:
        """Apply the changes that no hold keeps back any more, and owe their dispatches; the errors
        of the types for which that failed."""
        return tuple(error for type_ in TYPES if (error := self._apply_due(type_)))

    def _apply_due(self, type_: str) -> PhaselineError | None:
        try:
            waiting = list(self.ledger.waiting(type_))
            stored, merged = self._write(type_, ())
            settled = commit.settle_waiting(self.ledger, stored, merged, waiting, at=self.now())
            if settled.releases:
                self._owe(stored, settled.releases)
        except (PhaselineError, BotoCoreError, ClientError) as problem:
            return _as_ours(type_, problem, "It is tried again every few minutes.")
        return None

    def _write(self, type_: str, changes: Sequence[Change]) -> tuple[Stored, Merged]:
        """Apply due changes and `changes` to the document of a type."""
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
            fallbacks = commit.fallbacks(self.ledger, (*due(read.document, at), *changes))
            merged = merge(read.document, changes, fallbacks, at)
            if stored := self.documents.write(merged.document, over=read):
                return stored, commit.record(self.ledger, stored, merged, at=now)
        raise self.documents.contended(type_)

    def _dispatch(self, stored: Stored, releases: Iterable[Release]) -> PhaselineError | None:
        """Owe and send the dispatch for one version of a document, unless it was sent."""
        owed = self._owe(stored, releases)
        return self._send(owed) if owed else None

    def _owe(self, stored: Stored, releases: Iterable[Release]) -> Dispatch | None:
        type_ = stored.document.type
        before = self.outbox.newest(type_)
        if before and before.sent and before.document_version == stored.version_id:
            return None
        waiting = before.releases if before and not before.sent else ()
        names = dict.fromkeys([*waiting, *(release.release_id for release in releases)])
        owed = Dispatch(type_, stored.version_id, stored.document.revision, tuple(names), False)
        self.outbox.owe(owed)
        return owed

    def send_owed(self) -> tuple[PhaselineError, ...]:
        """Send what GitHub did not take when it was due; the errors of what it still refuses."""
        owed = [self.outbox.newest(type_) for type_ in TYPES]
        return tuple(
            error
            for dispatch in owed
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
    """The client_payload of a repository_dispatch: which document, which releases."""
    return {
        "schema": 1,
        "type": dispatch.type,
        "document_version": dispatch.document_version,
        "revision": dispatch.revision,
        "releases": list(dispatch.releases[:RELEASES_IN_A_DISPATCH]),
        "release_count": len(dispatch.releases),
    }


def _as_ours(type_: str, problem: Exception, remedy: str) -> PhaselineError:
    """What went wrong with a document of a type, as an error of ours."""
    if isinstance(problem, PhaselineError):
        return problem
    return RemoteCallError(f"metadata document '{type_}'", str(problem), remedy)


def _by_type(changes: Iterable[Change]) -> dict[str, list[Change]]:
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.type, []).append(change)
    return grouped
