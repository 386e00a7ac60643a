"""Carries out what a person asks for, by one compare-and-swap of a metadata document.

A rollback also marks the version that it leaves as bad and puts the algorithm on hold, in the same
write, so that the version can't return by itself; what arrives during a hold waits in the document,
in order, until the hold ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from phaseline import times
from phaseline.algorithms.changes import Change
from phaseline.documents import commit, windows
from phaseline.documents.document import Document, Entry, Hold, Mark
from phaseline.documents.merge import Draft, Fallbacks, Merged, due, merge, release_of
from phaseline.documents.store import Documents, Stored
from phaseline.promotion.eligibility import Sources, choose, refuse, wanted
from phaseline.promotion.request import Request, check, utc
from phaseline.releases.release import Release


@dataclass(frozen=True)
class Move:
    """One algorithm's active version before and after a request; None where there is none.

    `release` is the release by which it is so.
    """

    algorithm: str
    before: str | None
    after: str | None
    release: str | None


@dataclass(frozen=True)
class Outcome:
    """What a request made of its document.

    `releases` are those that it started, `aside` those that waited and were overtaken. `moves` are
    the algorithms that it named or changed. `changed` is False where all was as asked for already;
    `note` says in a sentence what happened.
    """

    before: Stored
    document: Stored
    releases: tuple[Release, ...]
    aside: tuple[Release, ...]
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
    """Do what is asked for, or find it done. With `dry_run` only say what would be.

    `seen` is the document on which the request was decided, None for the newest: what somebody else
    has changed since is not changed by it.

    Raises InputError for a malformed request and RefusedError for one that is not carried out (a
    version that is unknown, of another type, never verified, withdrawn or marked bad; an algorithm
    on hold; one that somebody else changed at the same time; a request that was carried out before
    and has been overtaken since), both before anything is changed. One that died on its way may be
    carried out again.
    """
    check(request)
    before = documents.read(request.type)
    targets = choose(request, before.document, documents, sources)

    ledger = sources.ledger
    waiting = list(ledger.waiting(request.type)) if request.action == "resume" else []
    for read in [before] if dry_run else documents.attempts(request.type):
        refuse(request, seen or before.document, read.document, targets)
        fallbacks = commit.fallbacks(ledger, _due(request, read.document))
        merged = applied(request, read.document, targets, fallbacks)
        if dry_run:
            return _outcome(request, before, replace(read, document=merged.document), merged)
        if stored := documents.write(merged.document, over=read):
            recorded = commit.record(ledger, stored, merged, at=request.at)
            settled = commit.settle_waiting(ledger, stored, recorded, waiting, at=request.at)
            return _outcome(request, before, stored, settled)
    raise documents.contended(request.type)


def applied(
    request: Request,
    document: Document,
    targets: Mapping[str, Entry | None],
    fallbacks: Fallbacks,
) -> Merged:
    """Pure: `document` after the request, and the releases that it starts.

    `targets` are the entries that a promotion or rollback makes active, by algorithm; None for no
    version. `fallbacks` are for the withdrawals that a resumption applies.
    """
    match request.action:
        case "hold":
            return Merged(_held(request, document))
        case "resume":
            return _resumed(request, document, fallbacks)
        case "clear":
            return Merged(_cleared(request, document))
        case _:
            return _activated(request, document, targets)


def _held(request: Request, document: Document) -> Document:
    """The document with a hold of each algorithm, or of the whole type.

    Who asks again for what is held already changes until when and why, never what waits.
    """

    until, zone = utc(request.until), None
    if request.window is not None:
        zone = windows.parse(request.window, f"the hold of {request.subject}").zone_data

    def hold(known: Hold | None) -> Hold:
        if known and (known.until, known.window) == (until, request.window):
            return known
        waiting = known.waiting if known else ()
        return Hold(request.reason, request.who, request.at, until, request.window, zone, waiting)

    if not request.algorithms:
        return document.revise(freeze=hold(document.freeze))
    made = {name: hold(document.holds.get(name)) for name in request.algorithms}
    return document.revise(holds={**document.holds, **made})


def _resumed(request: Request, document: Document, fallbacks: Fallbacks) -> Merged:
    """End the holds and apply the changes that waited, in the order in which they arrived."""
    ended = _ended(request, document)
    if ended == document:
        return Merged(document)
    return merge(ended, (), fallbacks, datetime.fromisoformat(request.at))


def _due(request: Request, document: Document) -> tuple[Change, ...]:
    """The waiting changes that a resumption applies."""
    if request.action != "resume":
        return ()
    return due(_ended(request, document), datetime.fromisoformat(request.at))


def _ended(request: Request, document: Document) -> Document:
    """The document with the end of the holds that the request names, at the time of the request."""

    def end(hold: Hold | None) -> Hold | None:
        return replace(hold, until=request.at) if hold else None

    if not request.algorithms:
        return replace(document, freeze=end(document.freeze))
    ended = {name: end(document.holds.get(name)) for name in request.algorithms}
    holds = {name: hold for name, hold in ended.items() if hold}
    return replace(document, holds={**document.holds, **holds})


def _cleared(request: Request, document: Document) -> Document:
    """The document without the bad mark of the version."""
    (name,) = request.algorithms
    marks = {
        key: mark for key, mark in document.bad.get(name, {}).items() if key != request.version
    }
    others = {key: value for key, value in document.bad.items() if key != name}
    return document.revise(bad={**others, name: marks} if marks else others)


def _activated(request: Request, document: Document, targets: Mapping[str, Entry | None]) -> Merged:
    """Make each target active; a rollback also holds what it changes and marks what it leaves."""
    draft = Draft(document)
    holds = dict(document.holds)
    bad = {name: dict(marks) for name, marks in document.bad.items()}
    releases = []
    for name, target in targets.items():
        entry, active = document.entry(name), document.version(name)
        if entry and entry.release == wanted(request, name, target):
            # A release whose request died before the ledger had it is recorded by its repetition.
            releases.append(_release(request, name, entry))
            continue
        if request.action == "rollback":
            holds[name] = _sticking(request, holds.get(name))
        if active == (target.version if target else None):
            continue
        if request.action == "rollback" and active:
            mark = Mark(request.reason, request.who, request.at)
            bad.setdefault(name, {}).setdefault(active, mark)
        made = _made(request, document, name, target)
        draft.put(name, made)
        releases.append(_release(request, name, made))
    revised = document.revise(**vars(draft), holds=holds, bad=bad)
    return Merged(revised, tuple(releases))


def _made(request: Request, document: Document, name: str, target: Entry | None) -> Entry:
    """The entry that takes the place of an algorithm's present one.

    It keeps the present entry's place in the stream, so that older records stay stale. A promotion
    also overtakes the changes that waited behind a hold that is over and were not applied yet.
    """
    entry = document.entry(name)
    order = int(entry.sequence) if entry else 0
    if request.action == "promote":
        waiting = [change.order for change in document.waiting() if change.algorithm == name]
        order = max([order, *waiting])
    since = _after(request.at, entry.since) if entry else request.at
    made = target or Entry(None, {}, wanted(request, name, None), "0", since, request.who)
    return replace(made, sequence=str(order), since=since, previous=document.version(name))


def _sticking(request: Request, known: Hold | None) -> Hold:
    """The hold that a rollback leaves, which ends when a person resumes, and not by itself."""
    if known and known.until is None and known.window is None:
        return known
    waiting = known.waiting if known else ()
    return Hold(f"rolled back: {request.reason}", request.who, request.at, waiting=waiting)


def _after(at: str, earlier: str) -> str:
    """The time `at`, or a second after `earlier` where that is not past yet: the ledger tells the
    order of an algorithm's releases by their times, which are whole seconds of several clocks."""
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
    names = dict.fromkeys([*request.algorithms, *(one.algorithm for one in merged.releases)])
    moves = tuple(_move(name, old, new) for name in names)
    changed = new != old
    note = _note(request, moves, changed=changed) + _still_held(request, new)
    return Outcome(before, after, merged.releases, merged.aside, moves, changed, note)


def _still_held(request: Request, document: Document) -> str:
    """What keeps the algorithms of a resumption back all the same: their type is frozen too."""
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
