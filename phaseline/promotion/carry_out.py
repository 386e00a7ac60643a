"""Carries out what a person asks for, by one compare-and-swap of a metadata document.

A rollback also marks the version that it leaves as bad and puts the algorithm on hold, in the same
write, so that the version can't return by itself; what arrives during a hold waits in the document,
in order, until the hold ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from phaseline import times
from phaseline.documents import commit
from phaseline.documents.document import (
    Document,
    Entry,
    Hold,
    Mark,
    Merged,
    Tombstone,
    let_go,
    merge,
    revise,
)
from phaseline.documents.store import Documents, Stored
from phaseline.promotion.eligibility import Sources, choose, held_by, refuse, wanted
from phaseline.promotion.request import Request, check, utc
from phaseline.releases.ledger import Ledger, Release


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

    def apply(document: Document) -> Merged:
        refuse(request, seen or before.document, document, targets)
        return decide(request, document, targets, sources.ledger)

    if dry_run:
        merged = apply(before.document)
        after = replace(before, document=merged.document)
    else:
        put = commit.let_go if request.action == "resume" else commit.write
        after, merged = put(documents, sources.ledger, request.type, apply, at=request.at)
    return _outcome(request, before, after, merged)


def decide(
    request: Request, document: Document, targets: Mapping[str, Entry | None], ledger: Ledger
) -> Merged:
    """What the request makes of `document`. `targets` has the entry to make active, or None for
    none, for each algorithm that a promotion or rollback is about."""
    if request.action == "hold":
        return Merged(_held(request, document))
    if request.action == "resume":
        return _resumed(request, document, ledger)
    if request.action == "clear":
        return Merged(_cleared(request, document))
    return _activated(request, document, targets)


def _held(request: Request, document: Document) -> Document:
    """The document with a hold of each algorithm, or of the whole type.

    Who asks again for what is held already changes until when and why, never what waits.
    """

    def hold(known: Hold | None) -> Hold:
        until = utc(request.until)
        if known and (known.until, known.window) == (until, request.window):
            return known
        waiting = known.waiting if known else ()
        return Hold(request.reason, request.who, request.at, until, request.window, waiting)

    if not request.algorithms:
        return revise(document, freeze=hold(document.freeze))
    made = {name: hold(document.holds.get(name)) for name in request.algorithms}
    return revise(document, holds={**document.holds, **made})


def _resumed(request: Request, document: Document, ledger: Ledger) -> Merged:
    """End the holds and apply what waited, in the order in which it arrived."""

    def over(hold: Hold | None) -> Hold | None:
        return replace(hold, until=request.at) if hold else None

    if request.algorithms:
        holds = {name: over(document.holds.get(name)) for name in request.algorithms}
        kept = {name: hold for name, hold in holds.items() if hold}
        free = replace(document, holds={**document.holds, **kept})
    else:
        free = replace(document, freeze=over(document.freeze))
    if free == document:
        return Merged(document)
    at = datetime.fromisoformat(request.at)
    _, due = let_go(free, at)
    return merge(free, (), commit.fallbacks(ledger, due), at)


def _cleared(request: Request, document: Document) -> Document:
    """The document without the bad mark of the version."""
    (name,) = request.algorithms
    marks = {
        key: mark for key, mark in document.bad.get(name, {}).items() if key != request.version
    }
    others = {key: value for key, value in document.bad.items() if key != name}
    return revise(document, bad={**others, name: marks} if marks else others)


def _activated(request: Request, document: Document, targets: Mapping[str, Entry | None]) -> Merged:
    """Make each target active; a rollback also holds what it changes and marks what it leaves."""
    algorithms, withdrawn = dict(document.algorithms), dict(document.withdrawn)
    holds = dict(document.holds)
    bad = {name: dict(marks) for name, marks in document.bad.items()}
    releases = []
    for name, target in targets.items():
        active, held = algorithms.get(name), held_by(document, name)
        if held and held.release == wanted(request, name, target):
            # A release whose request died before the ledger had it is recorded by its repetition.
            releases.append(_release(request, name, held))
            continue
        if request.action == "rollback":
            holds[name] = _sticking(request, holds.get(name))
        if (active.version if active else None) == (target.version if target else None):
            continue
        if request.action == "rollback" and active:
            mark = Mark(request.reason, request.who, request.at)
            bad.setdefault(name, {}).setdefault(active.version, mark)
        made = _made(request, document, name, target)
        algorithms.pop(name, None)
        withdrawn.pop(name, None)
        if isinstance(made, Entry):
            algorithms[name] = made
        else:
            withdrawn[name] = made
        releases.append(_release(request, name, made))
    revised = revise(document, algorithms=algorithms, withdrawn=withdrawn, holds=holds, bad=bad)
    return Merged(revised, tuple(releases))


def _made(
    request: Request, document: Document, name: str, target: Entry | None
) -> Entry | Tombstone:
    """What takes the place of an algorithm's active version.

    The stream's place is kept: what the table said until now stays stale. A promotion overtakes
    also what waited behind a hold that is over, and was not let go yet.
    """
    active, held = document.algorithms.get(name), held_by(document, name)
    order = int(held.sequence) if held else 0
    if request.action == "promote":
        waiting = [one.order for one in document.waiting() if one.algorithm == name]
        order = max([order, *waiting])
    since = _after(request.at, held.since) if held else request.at
    previous = active.version if active else None
    if target:
        return replace(target, sequence=str(order), since=since, previous=previous)
    release = wanted(request, name, target)
    return Tombstone(release, str(order), since, request.who, previous)


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


def _release(request: Request, algorithm: str, made: Entry | Tombstone) -> Release:
    return Release(
        release_id=made.release,
        type=request.type,
        algorithm=algorithm,
        version=made.version if isinstance(made, Entry) else None,
        action=request.action,
        previous=made.previous,
        requested_at=made.since,
        sequence=made.sequence,
        reason=request.reason,
        who=request.who,
        run_url=request.run_url,
        display=made.display if isinstance(made, Entry) else {},
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
    was, now = old.algorithms.get(name), new.algorithms.get(name)
    held = held_by(new, name)
    return Move(
        algorithm=name,
        before=was.version if was else None,
        after=now.version if now else None,
        release=held.release if held else None,
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
