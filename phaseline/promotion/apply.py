"""Pure: applies a request of a person to a metadata document.

The same write that rolls an algorithm back also marks its previous version as bad and puts the
algorithm on hold, so that the version cannot become active again on its own. Changes that arrive
during a hold wait in the document, in order, until the hold ends.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from phaseline.algorithms.changes import Change
from phaseline.documents import windows
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.documents.fallback import Fallbacks
from phaseline.documents.hold import Hold
from phaseline.documents.merge import (
    Draft,
    Merged,
    due_changes,
    merge,
    release_of,
    replaced_version,
)
from phaseline.promotion.eligibility import release_id_of
from phaseline.promotion.request import Request, in_utc
from phaseline.releases.release import Release


def apply_request(
    request: Request,
    document: Document,
    targets: Mapping[str, Entry | None],
    fallbacks: Fallbacks,
) -> Merged:
    """Return the document after the request, and the releases that the request starts.

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


def changes_to_resume(request: Request, document: Document) -> tuple[Change, ...]:
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
            continue  # an earlier attempt wrote this entry
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

    It keeps the position of the present entry in the stream, so that older records have no effect.
    A promotion also supersedes changes that still wait behind a hold that has ended.
    """
    present = document.entry(name)
    stream, sequence = (present.stream, present.sequence) if present else ("", "0")
    if request.action == "promote":
        for change in document.waiting():
            if change.algorithm == name and not (present and present.is_newer_than(change)):
                stream, sequence = change.stream, change.sequence
    released = release_id_of(request, name, target)
    entry = target or Entry(None, {}, released, "", "0", request.at, request.who)
    return replace(
        entry,
        stream=stream,
        sequence=sequence,
        left=present.left if present else None,
        previous=replaced_version(document.algorithms.get(name), entry.version),
    )


def _hold_without_end(request: Request, present: Hold | None) -> Hold:
    """Return the hold that a rollback leaves, which lasts until a person resumes the algorithm."""
    if present and present.until is None and present.window is None:
        return present
    waiting = present.waiting if present else ()
    return Hold(f"rolled back: {request.reason}", request.who, request.at, waiting=waiting)


def _release(request: Request, algorithm: str, entry: Entry) -> Release:
    return release_of(
        entry,
        request.type,
        algorithm,
        action=request.action,
        reason=request.reason,
        run_url=request.run_url,
    )
