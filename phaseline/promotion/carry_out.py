"""Carries out a request of a person by one compare-and-swap of a metadata document.

The same write that rolls an algorithm back also marks its previous version as bad and puts the
algorithm on hold, so that the version cannot become active again on its own. Changes that arrive
during a hold wait in the document, in order, until the hold ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from phaseline import times
from phaseline.algorithms.changes import Change
from phaseline.documents import commit, windows
from phaseline.documents.document import Document, Entry, Hold, Mark
from phaseline.documents.merge import Draft, Fallbacks, Merged, due_changes, merge, release_of
from phaseline.documents.store import Documents, Stored
from phaseline.promotion.eligibility import (
    Sources,
    eligible_entries,
    refuse_ineligible,
    release_id_of,
)
from phaseline.promotion.request import Request, check_request, in_utc
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

    `releases` are the releases that the request started, and `not_carried` the releases that were
    superseded while they waited. `moves` describes the algorithms that the request named or
    changed. `changed` is False if the document already had the requested state. `note` describes
    the outcome in a sentence.
    """

    before: Stored
    document: Stored
    releases: tuple[Release, ...]
    not_carried: tuple[Release, ...]
    moves: tuple[Move, ...]
    changed: bool
    note: str


def carry_out(
    request: Request,
    *,
    documents: Documents,
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
    - The algorithm is on hold.
    - Somebody else changed the algorithm at the same time.
    - The request was carried out before, and another change has followed.

    Nothing is changed before either error is raised. An interrupted request may be repeated.
    """
    check_request(request)
    before = documents.read(request.type)
    targets = eligible_entries(request, before.document, documents, sources)

    ledger = sources.ledger
    waiting = list(ledger.waiting(request.type)) if request.action == "resume" else []
    for read in [before] if dry_run else documents.attempts(request.type):
        refuse_ineligible(request, seen or before.document, read.document, targets)
        fallbacks = commit.fallbacks(ledger, _changes_to_resume(request, read.document))
        merged = apply_request(request, read.document, targets, fallbacks)
        if dry_run:
            return _outcome(request, before, replace(read, document=merged.document), merged)
        if stored := documents.write(merged.document, over=read):
            recorded = commit.record(ledger, stored, merged, at=request.at)
            settled = commit.settle_waiting(ledger, stored, recorded, waiting, at=request.at)
            return _outcome(request, before, stored, settled)
    raise documents.contended(request.type)


def apply_request(
    request: Request,
    document: Document,
    targets: Mapping[str, Entry | None],
    fallbacks: Fallbacks,
) -> Merged:
    """Pure: return the document after the request, and the releases that the request starts.

    `targets` maps algorithms to the entries that a promotion or rollback makes active, or to None
    for no version. `fallbacks` belong to the withdrawals that a resumption applies.
    """
    match request.action:
        case "hold":
            return Merged(_hold(request, document))
        case "resume":
            return _resume(request, document, fallbacks)
        case "clear":
            return Merged(_clear(request, document))
        case _:
            return _activate(request, document, targets)


def _hold(request: Request, document: Document) -> Document:
    """Put each algorithm of the request, or the whole type, on hold.

    A request for an existing hold updates its end and its reason, and keeps its waiting changes.
    """

    until, zone = in_utc(request.until), None
    if request.window is not None:
        zone = windows.parse(request.window, f"the hold of {request.subject}").zone_data

    def updated(hold: Hold | None) -> Hold:
        if hold and (hold.until, hold.window) == (until, request.window):
            return hold
        waiting = hold.waiting if hold else ()
        return Hold(request.reason, request.who, request.at, until, request.window, zone, waiting)

    if not request.algorithms:
        return document.revise(freeze=updated(document.freeze))
    holds = {name: updated(document.holds.get(name)) for name in request.algorithms}
    return document.revise(holds={**document.holds, **holds})


def _resume(request: Request, document: Document, fallbacks: Fallbacks) -> Merged:
    """End the holds and apply the changes that waited, in the order in which they arrived."""
    ended = _end_holds(request, document)
    if ended == document:
        return Merged(document)
    return merge(ended, (), fallbacks, datetime.fromisoformat(request.at))


def _changes_to_resume(request: Request, document: Document) -> tuple[Change, ...]:
    """Return the waiting changes that a resumption applies; other requests apply none."""
    if request.action != "resume":
        return ()
    return due_changes(_end_holds(request, document), datetime.fromisoformat(request.at))


def _end_holds(request: Request, document: Document) -> Document:
    """Set the end of the holds that the request names to the time of the request."""

    def end(hold: Hold | None) -> Hold | None:
        return replace(hold, until=request.at) if hold else None

    if not request.algorithms:
        return replace(document, freeze=end(document.freeze))
    ended = {name: end(document.holds.get(name)) for name in request.algorithms}
    holds = {name: hold for name, hold in ended.items() if hold}
    return replace(document, holds={**document.holds, **holds})


def _clear(request: Request, document: Document) -> Document:
    """Remove the bad mark of the version."""
    (algorithm,) = request.algorithms
    marks = {
        version: mark
        for version, mark in document.bad.get(algorithm, {}).items()
        if version != request.version
    }
    others = {name: marks for name, marks in document.bad.items() if name != algorithm}
    return document.revise(bad={**others, algorithm: marks} if marks else others)


def _activate(request: Request, document: Document, targets: Mapping[str, Entry | None]) -> Merged:
    """Make each target active.

    A rollback also marks each version that it replaces as bad, and puts its algorithm on hold.
    """
    draft = Draft(document)
    holds = dict(document.holds)
    bad = {name: dict(marks) for name, marks in document.bad.items()}
    releases = []
    for name, target in targets.items():
        entry, active = document.entry(name), document.version(name)
        if entry and entry.release == release_id_of(request, name, target):
            # An earlier attempt wrote this entry, but may have died before it wrote the ledger.
            releases.append(_release(request, name, entry))
            continue
        if request.action == "rollback":
            holds[name] = _hold_without_end(request, holds.get(name))
        if active == (target.version if target else None):
            continue
        if request.action == "rollback" and active:
            mark = Mark(request.reason, request.who, request.at)
            bad.setdefault(name, {}).setdefault(active, mark)
        new = _new_entry(request, document, name, target)
        draft.put(name, new)
        releases.append(_release(request, name, new))
    revised = document.revise(**vars(draft), holds=holds, bad=bad)
    return Merged(revised, tuple(releases))


def _new_entry(request: Request, document: Document, name: str, target: Entry | None) -> Entry:
    """Return the entry that replaces the present entry of an algorithm.

    It keeps the sequence number of the present entry, so that older records stay stale. A promotion
    also supersedes changes that still wait behind a hold that has ended.
    """
    present = document.entry(name)
    order = int(present.sequence) if present else 0
    if request.action == "promote":
        waiting = [change.order for change in document.waiting() if change.algorithm == name]
        order = max([order, *waiting])
    since = _after(request.at, present.since) if present else request.at
    entry = target or Entry(None, {}, release_id_of(request, name, None), "0", since, request.who)
    return replace(entry, sequence=str(order), since=since, previous=document.version(name))


def _hold_without_end(request: Request, present: Hold | None) -> Hold:
    """Return the hold that a rollback leaves, which lasts until a person resumes the algorithm."""
    if present and present.until is None and present.window is None:
        return present
    waiting = present.waiting if present else ()
    return Hold(f"rolled back: {request.reason}", request.who, request.at, waiting=waiting)


def _after(at: str, earlier: str) -> str:
    """Return `at`, but at least one second after `earlier`.

    The ledger orders the releases of an algorithm by their times, which are whole seconds of
    several clocks.
    """
    following = datetime.fromisoformat(earlier) + timedelta(seconds=1)
    return max(at, times.second(following))


def _release(request: Request, algorithm: str, entry: Entry) -> Release:
    return release_of(
        entry,
        request.type,
        algorithm,
        action=request.action,
        reason=request.reason,
        run_url=request.run_url,
    )


def _outcome(request: Request, before: Stored, after: Stored, merged: Merged) -> Outcome:
    old, new = before.document, after.document
    released = [release.algorithm for release in merged.releases]
    names = dict.fromkeys([*request.algorithms, *released])
    moves = tuple(_move(name, old, new) for name in names)
    changed = new != old
    note = _note(request, moves, changed=changed) + _remaining_holds(request, new)
    return Outcome(before, after, merged.releases, merged.not_carried, moves, changed, note)


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
