"""Carries out a request of a person by one compare-and-swap of a metadata document."""

from dataclasses import dataclass, replace
from datetime import datetime

from phaseline.documents.commit import Attempt, Commits
from phaseline.documents.document import Document
from phaseline.documents.merge import Merged
from phaseline.documents.store import Stored
from phaseline.errors import RefusedError
from phaseline.promotion.apply import apply_request, changes_to_resume
from phaseline.promotion.eligibility import (
    Sources,
    eligible_entries,
    refuse_ineligible,
    refuse_to_replace,
    refuse_withdrawn,
    release_id_of,
)
from phaseline.promotion.request import Request, check_request
from phaseline.releases.release import Release


@dataclass(frozen=True)
class Move:
    """The active version of an algorithm before and after a request; None stands for no version.

    `release` is the id of the release that wrote the entry after the request, or None.
    """

    algorithm: str
    before: str | None
    after: str | None
    release: str | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request, with its document before and after it.

    `releases` are the releases that the request started, now or in an earlier attempt, and
    `superseded` the releases that were superseded while they waited. `moves` describes the
    algorithms that the request named or changed. `changed` is False if the document already had the
    requested state. `note` describes the outcome in a sentence.
    """

    before: Stored
    document: Stored
    releases: tuple[Release, ...]
    superseded: tuple[Release, ...]
    moves: tuple[Move, ...]
    changed: bool
    note: str


def carry_out(
    request: Request,
    *,
    commits: Commits,
    sources: Sources,
    seen: Document | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Carry out a request, or find that it was carried out before.

    With `dry_run`, the outcome only describes the result, and nothing is written. `seen` is the
    document on which the request is based; None stands for the newest. A promotion or rollback is
    refused if somebody else has changed one of its algorithms since then.

    Raises InputError if the request is malformed. Raises RefusedError in these cases:

    - The version is unknown, of another type, never verified, withdrawn or marked bad.
    - The algorithm is on hold, or another person holds it in a different way.
    - Somebody else changed the algorithm at the same time.
    - The request was carried out before, and another change has followed.

    Nothing is changed before either error is raised. An interrupted request may be repeated.
    """
    check_request(request)
    if dry_run:
        preview = commits.preview(request.type)
        return _Run(request, commits, sources, preview, seen).preview(preview)
    run: _Run | None = None
    for attempt in commits.attempts(request.type):
        run = run or _Run(request, commits, sources, attempt, seen)
        if outcome := run.write(attempt):
            return outcome
    raise commits.contended(request.type)


class _Run:
    """Carries out one request. Its targets are found in the document that it reads first."""

    def __init__(
        self,
        request: Request,
        commits: Commits,
        sources: Sources,
        first: Attempt,
        seen: Document | None,
    ) -> None:
        self._request, self._commits, self._ledger = request, commits, sources.ledger
        self._before, self._sources = first.stored, sources
        self._seen, self._checked = seen or first.document, first.document
        carried_out = self._ledger.request(request.type, request.record.key)
        self._was_carried_out = carried_out is not None
        self._targets = eligible_entries(
            request,
            first.document,
            commits.documents,
            sources,
            was_carried_out=self._was_carried_out,
        )

    def preview(self, attempt: Attempt) -> Outcome:
        """Return the outcome that `write` would have."""
        merged = self._merged(attempt.document)
        after = replace(attempt.stored, document=merged.document)
        return _outcome(self._request, self._before, after, merged.releases, merged.superseded)

    def write(self, attempt: Attempt) -> Outcome | None:
        """Return the outcome of the request, or None if another writer was faster."""
        request = self._request
        merged = self._merged(attempt.document)
        committed = self._commits.write(merged, over=attempt, at=request.at, request=request.record)
        if committed is None:
            return None
        if merged.document == attempt.document and not self._was_carried_out:
            # A repetition must not do later what was needless now.
            self._ledger.record_request(
                request.type, request.record, revision=attempt.document.revision
            )
        releases = (*committed.releases, *self._earlier_releases(attempt.document))
        return _outcome(request, self._before, committed.stored, releases, committed.superseded)

    def _merged(self, document: Document) -> Merged:
        request = self._request
        refuse_ineligible(request, self._seen, document, self._targets)
        refuse_to_replace(request, document)
        refuse_withdrawn(request, self._checked, document, self._targets, self._sources)
        self._checked = document
        changes = changes_to_resume(request, document)
        fallbacks = self._commits.fallbacks(document, changes)
        merged = apply_request(request, document, self._targets, fallbacks)
        if self._was_carried_out and merged.document != document:
            raise RefusedError(
                f"{request.type}/{', '.join(request.algorithms)}".rstrip("/"),
                f"this {request.action} was carried out before, and somebody has changed"
                " the hold or mark since",
                "To repeat the request, start a new run.",
            )
        return merged

    def _earlier_releases(self, document: Document) -> tuple[Release, ...]:
        """Return the active releases that an earlier attempt of the request has started."""
        releases = []
        for name, target in self._targets.items():
            entry, id_ = document.entry(name), release_id_of(self._request, name, target)
            if entry and entry.release == id_:
                newest = next(self._ledger.releases(self._request.type, name), None)
                if newest and newest.release_id == id_:
                    releases.append(newest)
        return tuple(releases)


def _outcome(
    request: Request,
    before: Stored,
    after: Stored,
    releases: tuple[Release, ...],
    superseded: tuple[Release, ...],
) -> Outcome:
    old, new = before.document, after.document
    released = [release.algorithm for release in releases]
    names = dict.fromkeys([*request.algorithms, *released])
    moves = tuple(_move(name, old, new) for name in names)
    changed = new != old
    note = _note(request, moves, changed=changed) + _remaining_holds(request, new)
    return Outcome(before, after, releases, superseded, moves, changed, note)


def _remaining_holds(request: Request, document: Document) -> str:
    """Name the holds that a resumption does not end: a resumed algorithm's type may be frozen."""
    if request.action != "resume":
        return ""
    at = datetime.fromisoformat(request.at)
    return "".join(
        f"; {name} is still on hold by {hold.who}: {hold.reason}"
        for name in request.algorithms
        if (hold := document.hold(name, at))
    )


def _move(name: str, old: Document, new: Document) -> Move:
    entry = new.entry(name)
    return Move(
        algorithm=name,
        before=old.version(name),
        after=new.version(name),
        release=entry.release if entry else None,
    )


def _note(request: Request, moves: tuple[Move, ...], *, changed: bool) -> str:
    moved = [move for move in moves if move.before != move.after]
    if moved:
        return "; ".join(
            f"{move.algorithm}: {move.before or 'nothing'} -> {move.after or 'nothing'}"
            for move in moved
        )
    at = ", ".join(f"{move.algorithm} at {move.after or 'nothing'}" for move in moves)
    if changed:
        return f"{at or request.type} stays; {request.action} is recorded"
    return f"{at or request.type}: already done"
