"""What a person asks for: promote, rollback, hold, resume, clear.

Each is one compare-and-swap of a metadata document, for one algorithm, for several or for the whole
type. A rollback also marks the version that it leaves as bad and puts the algorithm on hold, in the
same write, so that the version can't return by itself; what arrives during a hold waits in the
document, in order, until the hold ends.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from phaseline import commit, windows
from phaseline.documents import Documents, Stored
from phaseline.errors import InputError, RefusedError
from phaseline.ledger import Ledger, Release
from phaseline.live import Live
from phaseline.metadata import (
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
from phaseline.transition import NAME_PATTERN, TYPES

ACTIONS = ("promote", "rollback", "hold", "resume", "clear")
ALGORITHMS_LIMIT = 100
"""Algorithms that one request may name, or a rollback to a time may change: each costs a read of
the ledger, and each is told."""


@dataclass(frozen=True)
class Request:
    """One request. `at` is ISO 8601, UTC; `id` names the request, so that its repetition is known.

    `algorithms` are those it is about; none means the whole type, which a rollback `as_of` a time,
    a hold and a resumption may be about. `version` is what to promote or to clear, or where to roll
    back to: None for the last verified version. `as_of` rolls back to what was live at a time.
    `until` and `window` bound a hold. `run_url` is the workflow run by which it is asked.
    """

    action: str
    type: str
    algorithms: tuple[str, ...]
    reason: str
    who: str
    at: str
    id: str
    version: str | None = None
    as_of: str | None = None
    until: str | None = None
    window: str | None = None
    run_url: str | None = None

    @property
    def subject(self) -> str:
        """What it is about, in a word or a few."""
        return f"{self.type}/{', '.join(self.algorithms)}" if self.algorithms else self.type


@dataclass(frozen=True)
class TableItem:
    """An item of the algorithms table whose tests are complete."""

    type: str
    display: Mapping[str, Any]


class Lives(Protocol):
    """What was live (phaseline/live.py)."""

    def at(self, time: str) -> Live | None: ...


class Upstream(Protocol):
    """The environment that versions come from (phaseline/upstream.py)."""

    def verified(self, type_: str, algorithm: str, version: str | None, *, at: str) -> Release: ...


@dataclass(frozen=True)
class Sources:
    """Where a request finds what it is about: the algorithms table, or the environment before this
    one where there is such an order; the ledger; what was live."""

    ledger: Ledger
    tested: Callable[[str, str], TableItem | None]
    lives: Lives
    upstream: Upstream | None = None


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
    waiting = list(sources.ledger.waiting(request.type)) if request.action == "resume" else []
    before = documents.read(request.type)
    targets = _targets(request, before.document, documents, sources)

    def apply(document: Document) -> Merged:
        _refuse(request, seen or before.document, document, targets)
        return decide(request, document, targets, sources.ledger)

    if dry_run:
        merged = apply(before.document)
        after = replace(before, document=merged.document)
    else:
        after, merged = commit.write(documents, sources.ledger, request.type, apply, at=request.at)
        known = {release.release_id for release in (*merged.releases, *merged.aside)}
        left = [release for release in waiting if release.release_id not in known]
        carried = commit.settle(sources.ledger, left, after, at=request.at)
        merged = replace(merged, releases=(*merged.releases, *carried))
    return _outcome(request, before, after, merged)


def check(request: Request) -> None:
    """Raise InputError, naming the field, for a request that can't be meant."""
    for name, value in _wrong(request):
        raise InputError(
            f"the request to {request.action} {request.subject}",
            f"'{name}' can't be {value!r}",
            f"Actions are {', '.join(ACTIONS)}; types {', '.join(TYPES)}; names and versions have"
            " letters, digits, '.', '_' and '-'; times are such as 2026-11-24T20:00:00Z; a reason"
            " is required. promote and clear want a version; rollback wants algorithms or a time"
            f" to go back to; at most {ALGORITHMS_LIMIT} algorithms.",
        )
    if request.window is not None:
        windows.parse(request.window, f"the hold of {request.subject}")


def _wrong(request: Request) -> list[tuple[str, object]]:
    """The fields that are malformed or do not go together."""
    action, single = request.action, len(request.algorithms) == 1
    rules: list[tuple[str, object, bool]] = [
        ("action", action, action in ACTIONS),
        ("type", request.type, request.type in TYPES),
        ("reason", request.reason, bool(request.reason.strip())),
        *(("algorithm", name, bool(NAME_PATTERN.fullmatch(name))) for name in request.algorithms),
        ("algorithm", request.algorithms, len(request.algorithms) <= ALGORITHMS_LIMIT),
        ("version", request.version, _is_name(request.version)),
        ("as-of", request.as_of, _is_time(request.as_of)),
        ("until", request.until, _is_time(request.until)),
        (
            "algorithm",
            request.algorithms,
            bool(request.algorithms or action in {"hold", "resume"} or request.as_of),
        ),
        ("version", request.version, single or request.version is None),
        ("version", request.version, action != "clear" or request.version is not None),
        (
            "version",
            request.version,
            action in {"promote", "rollback", "clear"} or request.version is None,
        ),
        ("as-of", request.as_of, action == "rollback" or request.as_of is None),
        ("as-of", request.as_of, request.version is None or request.as_of is None),
        ("as-of", request.as_of, not request.as_of or not _is_later(request.as_of, request.at)),
        ("until", request.until, action == "hold" or request.until is None),
        ("until", request.until, _is_later(request.until, request.at)),
        ("window", request.window, action == "hold" or request.window is None),
    ]
    return [(name, value) for name, value, holds in rules if not holds]


def _is_name(value: str | None) -> bool:
    return value is None or bool(NAME_PATTERN.fullmatch(value))


def _is_time(value: str | None) -> bool:
    if value is None:
        return True
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_later(value: str | None, at: str) -> bool:
    if value is None or not _is_time(value):
        return True
    return datetime.fromisoformat(value) > datetime.fromisoformat(at)


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
        until = _utc(request.until)
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
    ended = replace(request, until=request.at)

    def over(hold: Hold | None) -> Hold | None:
        return replace(hold, until=ended.until) if hold else None

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
        active, held = algorithms.get(name), _held_by(document, name)
        if held and held.release == _wanted(request, name, target):
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
    active, held = document.algorithms.get(name), _held_by(document, name)
    order = int(held.sequence) if held else 0
    if request.action == "promote":
        waiting = [one.order for one in document.waiting() if one.algorithm == name]
        order = max([order, *waiting])
    since = _after(request.at, held.since) if held else request.at
    previous = active.version if active else None
    if target:
        return replace(target, sequence=str(order), since=since, previous=previous)
    release = _wanted(request, name, target)
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
    return max(at, following.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _utc(time: str | None) -> str | None:
    if time is None:
        return None
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def _targets(
    request: Request, document: Document, documents: Documents, sources: Sources
) -> dict[str, Entry | None]:
    """What a promotion or rollback makes active, for each algorithm that it is about."""
    if request.action not in {"promote", "rollback"}:
        return {}
    if request.as_of is not None:
        return _as_of(request, request.as_of, document, documents, sources)
    return {name: _target(request, name, document, sources) for name in request.algorithms}


def _target(request: Request, name: str, document: Document, sources: Sources) -> Entry:
    """The entry that a promotion or rollback makes active; it must be known to be good."""
    active = document.algorithms.get(name)
    if active and _is_mine(request, name, active.version, active.release):
        return active  # by this very request: a rollback that runs twice goes back once
    releases = list(sources.ledger.releases(request.type, name))
    _refuse_overtaken(request, name, active, releases)
    if request.action == "rollback":
        _refuse_rolled_back(request, name, document)
        release = _earlier(request, name, document, releases)
        return _entry(request, name, str(release.version), release.display)
    return _promoted(request, name, sources)


def _promoted(request: Request, name: str, sources: Sources) -> Entry:
    if sources.upstream:
        release = sources.upstream.verified(request.type, name, request.version, at=request.at)
        return _entry(request, name, str(release.version), release.display)
    if request.version is None:
        raise InputError(
            f"the request to promote {request.type}/{name}",
            "'version' can't be None",
            "Name the version to promote.",
        )
    item = sources.tested(name, request.version)
    if item is None or item.type != request.type:
        raise RefusedError(
            f"{request.type}/{name} {request.version}",
            "the algorithms table has no such version of this type that passed its tests",
            "Look at the item's type and phase.",
        )
    return _entry(request, name, request.version, item.display)


def _as_of(
    request: Request, time: str, document: Document, documents: Documents, sources: Sources
) -> dict[str, Entry | None]:
    """What was live at a time, of the algorithms that are not like that now."""
    live = sources.lives.at(str(_utc(time)))
    known = live.documents.get(request.type) if live else None
    if known is None:
        raise RefusedError(
            f"document '{request.type}'",
            f"nothing is known to have been live at {time}",
            "Look at what was: python -m scripts history --at TIME.",
        )
    then = documents.read_version(request.type, known.version_id).document
    known_names = then.algorithms.keys() | document.algorithms.keys() | document.withdrawn.keys()
    names = request.algorithms or sorted(known_names)
    targets: dict[str, Entry | None] = {}
    for name in names:
        entry, active = then.algorithms.get(name), document.algorithms.get(name)
        held = _held_by(document, name)
        if held and _is_mine(request, name, active.version if active else None, held.release):
            targets[name] = active
        elif (entry.version if entry else None) != (active.version if active else None):
            targets[name] = _entry(request, name, entry.version, entry.display) if entry else None
    if len(targets) > ALGORITHMS_LIMIT:
        raise RefusedError(
            f"document '{request.type}'",
            f"{len(targets)} algorithms are not as they were at {time}; at most {ALGORITHMS_LIMIT}"
            " go back at once",
            "Name the algorithms, some at a time.",
        )
    for name, target in targets.items():
        held = _held_by(document, name)
        if held and held.release == _wanted(request, name, target):
            continue
        releases = list(sources.ledger.releases(request.type, name))
        _refuse_overtaken(request, name, document.algorithms.get(name), releases)
        if target:
            _earlier(replace(request, version=target.version), name, document, releases)
    return targets


def _is_mine(request: Request, name: str, version: str | None, release: str) -> bool:
    """Whether `release`, of this version, is what the request made."""
    if request.version not in {None, version}:
        return False
    return release == _release_id(request, name, version)


def _refuse_overtaken(
    request: Request, name: str, active: Entry | None, releases: Iterable[Release]
) -> None:
    """A workflow run that is run again after others have moved on must not undo what they did."""
    for release in releases:
        if _is_mine(request, name, release.version, release.release_id):
            raise RefusedError(
                f"{request.type}/{name} {release.version or ''}".rstrip(),
                f"this {request.action} was carried out before, and"
                f" {active.version if active else 'a withdrawal'} has taken its place since",
                "If it is wanted all the same, ask for it in a new run.",
            )


def _refuse_rolled_back(request: Request, name: str, document: Document) -> None:
    """Two people who roll back the same bad version must not go back by two."""
    active = document.algorithms.get(name)
    mark = document.mark(name, active.previous) if active else None
    if active and mark and request.version is None:
        raise RefusedError(
            f"{request.type}/{name}",
            f"it was rolled back from {active.previous} to {active.version} already, by {mark.who},"
            f" {mark.since}: {mark.reason}",
            "To go back further, name the version.",
        )


def _refuse(
    request: Request,
    before: Document,
    document: Document,
    targets: Mapping[str, Entry | None],
) -> None:
    """Raise RefusedError where `document`, perhaps newer than `before`, does not let the targets
    become active: a hold, a bad version, a change that somebody else made meanwhile."""
    for name, target in targets.items():
        seen, now = _held_by(before, name), _held_by(document, name)
        if now and now.release == _wanted(request, name, target):
            continue  # by this very request
        if now and now.release != (seen.release if seen else None):
            version = now.version if isinstance(now, Entry) else "a withdrawal"
            raise RefusedError(
                f"{request.type}/{name}",
                f"{now.who or 'the table'} made {version} active at the same time ({now.release})",
                "Nothing was changed. Look at it, then ask again if it is still wanted.",
            )
        hold = document.hold(name, datetime.fromisoformat(request.at))
        if hold and request.action == "promote":
            raise RefusedError(
                f"{request.type}/{name}",
                f"it is on hold by {hold.who} since {hold.since}: {hold.reason}",
                "Resume it first.",
            )
        if target:
            _refuse_bad(request, name, target.version, document)


def _wanted(request: Request, name: str, target: Entry | None) -> str:
    """The id of the release that makes a target active, or takes the algorithm away."""
    return target.release if target else _release_id(request, name, None)


def _held_by(document: Document, name: str) -> Entry | Tombstone | None:
    return document.algorithms.get(name) or document.withdrawn.get(name)


def _refuse_bad(request: Request, name: str, version: str, document: Document) -> None:
    mark = document.mark(name, version)
    if mark:
        raise RefusedError(
            f"{request.type}/{name} {version}",
            f"it was marked bad by {mark.who}, {mark.since}: {mark.reason}",
            "Use another version. If the mark is wrong, clear it first: --action clear.",
        )


def _earlier(
    request: Request, name: str, document: Document, releases: Iterable[Release]
) -> Release:
    """The release to go back to: of the version asked for, or the newest that is not active."""
    if request.version:
        _refuse_bad(request, name, request.version, document)
    active = document.algorithms.get(name)
    candidates = [
        release
        for release in releases
        if release.can_return and not document.mark(name, release.version)
    ]
    for release in candidates:
        if request.version == release.version:
            return release
        if request.version is None and (active is None or release.version != active.version):
            return release
    known = ", ".join(dict.fromkeys(str(release.version) for release in candidates)) or "none"
    raise RefusedError(
        f"{request.type}/{name}",
        f"{request.version or 'an earlier version'} is not known as verified, or was withdrawn or"
        f" marked bad (verified: {known})",
        "Roll back to one that was verified, or promote a tested one.",
    )


def _entry(request: Request, name: str, version: str, display: Mapping[str, Any]) -> Entry:
    return Entry(
        version, display, _release_id(request, name, version), "0", request.at, request.who
    )


def _release_id(request: Request, name: str, version: str | None) -> str:
    digest = hashlib.sha256(f"{request.action} {request.id}".encode()).hexdigest()
    return f"{request.type}-{name}-{version or 'none'}-{digest[:8]}"


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
    held = _held_by(new, name)
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
