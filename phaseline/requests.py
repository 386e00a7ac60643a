"""What a person asks for: promote, rollback, hold, resume.

Each is one compare-and-swap of a metadata document. A rollback also puts the algorithm on hold, so
that the version which was left can't return by itself; what arrives during a hold waits in the
document, in order, until it is resumed.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from phaseline.documents import Documents, Stored
from phaseline.errors import InputError, RefusedError
from phaseline.ledger import Ledger, Release
from phaseline.metadata import Document, Entry, Hold, Merged, merge, revise
from phaseline.transition import NAME_PATTERN, TYPES

ACTIONS = ("promote", "rollback", "hold", "resume")


@dataclass(frozen=True)
class Request:
    """One request. `at` is ISO 8601, UTC; `id` names the request, so that its repetition is known.

    `version` is what to promote, or where to roll back to: None for the last verified version.
    """

    action: str
    type: str
    algorithm: str
    version: str | None
    reason: str
    who: str
    at: str
    id: str


@dataclass(frozen=True)
class TableItem:
    """An item of the algorithms table whose tests are complete."""

    type: str
    display: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a request made of its document.

    `release` is the release it started, if its algorithm's active version changed; `before` and
    `after` are that version. `changed` is False where all was as asked for already; `note` says
    in a sentence what happened.
    """

    document: Stored
    release: Release | None
    before: str | None
    after: str | None
    changed: bool
    note: str


def carry_out(
    request: Request,
    *,
    documents: Documents,
    ledger: Ledger,
    tested: Callable[[str, str], TableItem | None],
    dry_run: bool = False,
) -> Outcome:
    """Do what is asked for, or find it done. With `dry_run` only say what would be.

    Raises InputError for a malformed request and RefusedError for one that is not carried out (a
    version that is unknown, of another type, never verified or marked bad; an algorithm on hold; a
    request that was carried out before and has been overtaken since),
    both before anything is changed. One that died on its way may be carried out again.
    """
    check(request)
    stored = documents.read(request.type)
    active = stored.document.algorithms.get(request.algorithm)
    target = _target(request, active, ledger, tested)

    def apply(document: Document) -> Merged:
        return decide(request, document, target, ledger)

    if dry_run:
        merged = apply(stored.document)
        after = replace(stored, document=merged.document)
    else:
        if request.action == "rollback" and active and target and active.version != target.version:
            # First: repeated after the document was written, it no longer knows what it left.
            ledger.mark_bad(request.type, request.algorithm, active.version, at=request.at)
        after, merged = documents.update(request.type, apply)
    return _outcome(request, stored, after, merged, ledger, dry_run=dry_run)


def check(request: Request) -> None:
    """Raise InputError, naming the field, for a request that can't be meant."""
    names = {"algorithm": request.algorithm, "version": request.version}
    wrong: list[tuple[str, str | None]] = [
        (name, value)
        for name, value in names.items()
        if value is not None and not NAME_PATTERN.fullmatch(value)
    ]
    if request.action not in ACTIONS:
        wrong.append(("action", request.action))
    if request.type not in TYPES:
        wrong.append(("type", request.type))
    if not request.reason.strip():
        wrong.append(("reason", request.reason))
    if request.action == "promote" and request.version is None:
        wrong.append(("version", request.version))
    for name, value in wrong:
        raise InputError(
            f"the request to {request.action} {request.algorithm}",
            f"'{name}' can't be {value!r}",
            f"Actions are {', '.join(ACTIONS)}; types {', '.join(TYPES)}; names and versions have"
            " letters, digits, '.', '_' and '-'; a reason is required.",
        )


def decide(request: Request, document: Document, target: Entry | None, ledger: Ledger) -> Merged:
    """What the request makes of `document`. `target` is the entry to make active, if any."""
    name = request.algorithm
    hold = document.holds.get(name)
    if request.action == "hold":
        made = hold or Hold(request.reason, request.who, request.at)
        return Merged(revise(document, holds={**document.holds, name: made}), (), ())
    if request.action == "resume":
        return _resume(request, document, ledger)
    if target is None:
        raise ValueError(request.action)
    if request.action == "promote" and hold:
        raise RefusedError(
            f"{request.type}/{name}",
            f"it is on hold by {hold.who} since {hold.since}: {hold.reason}",
            "Resume it first.",
        )
    return _activate(request, document, target)


def _activate(request: Request, document: Document, target: Entry) -> Merged:
    name = request.algorithm
    active = document.algorithms.get(name)
    tombstone = document.withdrawn.get(name)
    held = active or tombstone
    holds = dict(document.holds)
    if request.action == "rollback" and name not in holds:
        holds[name] = Hold(f"rolled back: {request.reason}", request.who, request.at)
    if active and active.version == target.version:
        # A release whose request died before the ledger had it is recorded by its repetition.
        mine = (_release(request, active, None),) if active.release == target.release else ()
        return Merged(revise(document, holds=holds), mine, ())
    # The stream's place is kept: what the table said until now stays stale.
    sequence, since = (held.sequence, _after(request.at, held.since)) if held else ("0", request.at)
    entry = replace(target, sequence=sequence, since=since)
    withdrawn = {key: value for key, value in document.withdrawn.items() if key != name}
    revised = revise(
        document,
        algorithms={**document.algorithms, name: entry},
        withdrawn=withdrawn,
        holds=holds,
    )
    release = _release(request, entry, active.version if active else None)
    return Merged(revised, (release,), ())


def _after(at: str, earlier: str) -> str:
    """The time `at`, or a second after `earlier` where that is not past yet: the ledger tells the
    order of an algorithm's releases by their times, which are whole seconds of several clocks."""
    following = datetime.fromisoformat(earlier) + timedelta(seconds=1)
    return max(at, following.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _release(request: Request, entry: Entry, previous: str | None) -> Release:
    return Release(
        release_id=entry.release,
        type=request.type,
        algorithm=request.algorithm,
        version=entry.version,
        action=request.action,
        previous=previous,
        requested_at=entry.since,
        sequence=entry.sequence,
        reason=request.reason,
        who=request.who,
        display=entry.display,
    )


def _resume(request: Request, document: Document, ledger: Ledger) -> Merged:
    """End the hold and apply what waited, in the order in which it arrived."""
    hold = document.holds.get(request.algorithm)
    if hold is None:
        # As in _activate: what was resumed before the ledger had it is recorded by the repetition.
        active = document.algorithms.get(request.algorithm)
        return Merged(document, (_release(request, active, None),) if active else (), ())
    holds = {key: value for key, value in document.holds.items() if key != request.algorithm}
    free = replace(document, holds=holds)
    fallbacks = {
        change.sequence: release
        for change in hold.waiting
        if change.action == "withdraw"
        and (release := _fall_back(ledger, request, change.version)) is not None
    }
    merged = merge(free, hold.waiting, fallbacks)
    return replace(merged, document=replace(merged.document, revision=document.revision + 1))


def _fall_back(ledger: Ledger, request: Request, version: str) -> Release | None:
    others = ledger.candidates(request.type, request.algorithm)
    return next((release for release in others if release.version != version), None)


def _target(
    request: Request,
    active: Entry | None,
    ledger: Ledger,
    tested: Callable[[str, str], TableItem | None],
) -> Entry | None:
    """The entry that a promotion or rollback makes active; it must be known to be good."""
    if active and _is_mine(request, active.version, active.release):
        return active  # by this very request: a rollback that runs twice goes back once
    if request.action in {"promote", "rollback"}:
        _refuse_overtaken(request, active, ledger)
    if request.action == "promote" and request.version is not None:
        item = tested(request.algorithm, request.version)
        if item is None or item.type != request.type:
            raise RefusedError(
                f"{request.type}/{request.algorithm} {request.version}",
                "the algorithms table has no such version of this type that passed its tests",
                "Look at the item's type and phase.",
            )
        return _entry(request, request.version, item.display)
    if request.action == "rollback":
        release = _earlier(request, active.version if active else None, ledger)
        return _entry(request, str(release.version), release.display)
    return None


def _is_mine(request: Request, version: str | None, release: str) -> bool:
    """Whether `release`, of this version, is what the request made."""
    if version is None or request.version not in {None, version}:
        return False
    return release == _entry(request, version, {}).release


def _refuse_overtaken(request: Request, active: Entry | None, ledger: Ledger) -> None:
    """A workflow run that is run again after others have moved on must not undo what they did."""
    for release in ledger.releases(request.type, request.algorithm):
        if _is_mine(request, release.version, release.release_id):
            raise RefusedError(
                f"{request.type}/{request.algorithm} {release.version}",
                f"this {request.action} was carried out before, and"
                f" {active.version if active else 'a withdrawal'} has taken its place since",
                "If it is wanted all the same, ask for it in a new run.",
            )


def _earlier(request: Request, active: str | None, ledger: Ledger) -> Release:
    """The release to go back to: of the version asked for, or the newest that is not active."""
    candidates = ledger.candidates(request.type, request.algorithm)
    for release in candidates:
        if release.version == request.version or not (request.version or release.version == active):
            return release
    known = ", ".join(dict.fromkeys(str(release.version) for release in candidates)) or "none"
    raise RefusedError(
        f"{request.type}/{request.algorithm}",
        f"{request.version or 'an earlier version'} is not known as verified, or was withdrawn or"
        f" marked bad (verified: {known})",
        "Roll back to one that was verified, or promote a tested one.",
    )


def _entry(request: Request, version: str, display: Mapping[str, Any]) -> Entry:
    digest = hashlib.sha256(f"{request.action} {request.id}".encode()).hexdigest()
    release = f"{request.type}-{request.algorithm}-{version}-{digest[:8]}"
    return Entry(version, display, release, "0", request.at)


def _outcome(
    request: Request,
    before: Stored,
    after: Stored,
    merged: Merged,
    ledger: Ledger,
    *,
    dry_run: bool,
) -> Outcome:
    was, now = (_active(each.document, request.algorithm) for each in (before, after))
    releases = tuple(
        replace(release, document_version=after.version_id, revision=after.document.revision)
        for release in merged.releases
    )
    if not dry_run:
        ledger.record(releases, at=request.at)
    changed = after.document != before.document
    note = _note(request, was, now, changed=changed)
    return Outcome(after, releases[-1] if releases else None, was, now, changed, note)


def _active(document: Document, algorithm: str) -> str | None:
    entry = document.algorithms.get(algorithm)
    return entry.version if entry else None


def _note(request: Request, was: str | None, now: str | None, *, changed: bool) -> str:
    if was != now:
        return f"{request.algorithm}: {was or 'nothing'} -> {now or 'nothing'}"
    if changed:
        return f"{request.algorithm} stays at {now or 'nothing'}; {request.action} is recorded"
    return f"{request.algorithm}: already done, it is at {now or 'nothing'}"
