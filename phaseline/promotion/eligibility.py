"""Finds the versions that a promotion or rollback makes active, and refuses ineligible ones.

All refusals happen here, before anything is written, and name the responsible person and reason.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from phaseline.algorithms.schema import AlgorithmVersion
from phaseline.documents.document import Document
from phaseline.documents.entry import Entry
from phaseline.documents.store import Documents
from phaseline.errors import InputError, RefusedError
from phaseline.promotion.request import ALGORITHMS_LIMIT, Request, in_utc
from phaseline.promotion.upstream import Upstream
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release, identify
from phaseline.site.live import Live, Lives


@dataclass(frozen=True)
class Sources:
    """The sources of the versions that a request may make active.

    A promotion takes its version from the `upstream` environment. Without one, it takes the version
    from the algorithms table: `tested` returns a version whose tests are complete, by its algorithm
    and version. A rollback takes its version from the `ledger`, or from the publication that was
    live at a time (`lives`).
    """

    ledger: Ledger
    tested: Callable[[str, str], AlgorithmVersion | None]
    lives: Lives
    upstream: Upstream | None = None


def eligible_entries(
    request: Request,
    document: Document,
    documents: Documents,
    sources: Sources,
    *,
    was_carried_out: bool,
) -> dict[str, Entry | None]:
    """Return the entries that a promotion or rollback makes active, by algorithm.

    None stands for no version. Other requests have no entries. `was_carried_out` says whether the
    ledger has the request. The `document` must be settled (see documents/commit.py), so that the
    ledger has each request that the document contains.
    Raises RefusedError if a version is not known to be good, or if the request was carried out and
    another change has followed. Raises InputError if a promotion needs a version and names none.
    """
    if request.action not in {"promote", "rollback"}:
        return {}
    if request.as_of is not None or request.publication is not None:
        return _entries_of(
            request,
            document,
            documents,
            sources,
            was_carried_out=was_carried_out,
        )
    return {
        name: _target(request, name, document, sources, was_carried_out=was_carried_out)
        for name in request.algorithms
    }


def _target(
    request: Request, name: str, document: Document, sources: Sources, *, was_carried_out: bool
) -> Entry:
    """Return the entry that a promotion or rollback of one algorithm makes active."""
    active = document.algorithms.get(name)
    if active and _is_result_of(request, name, active.version, active.release):
        return active  # the request was carried out: a repeated rollback must not go back further
    if was_carried_out:
        if active and request.version == active.version:
            return active  # the version was active already, so the request started no release
        raise overtaken(request, name, document.version(name))
    if request.action == "rollback":
        _refuse_rolled_back(request, name, document)
        releases = sources.ledger.releases(request.type, name)
        release = _rollback_release(request, name, document, releases)
        return _entry(request, name, str(release.version), release.display)
    return _promotion_entry(request, name, sources)


def _promotion_entry(request: Request, name: str, sources: Sources) -> Entry:
    if sources.upstream:
        release = sources.upstream.verified(request.type, name, request.version, at=request.at)
        return _entry(request, name, str(release.version), release.display)
    if request.version is None:
        raise InputError(
            f"the request to promote {request.type}/{name}",
            "'version' can't be None",
            "Name the version to promote.",
        )
    version = sources.tested(name, request.version)
    if version is None or version.type != request.type:
        raise RefusedError(
            f"{request.type}/{name} {request.version}",
            "the algorithms table has no such version of this type that passed its tests",
            "Check the type and the phase of the item.",
        )
    return _entry(request, name, request.version, version.display)


def _live(request: Request, sources: Sources) -> tuple[Live | None, str]:
    """Return the publication to which a rollback returns, and the time or name of it."""
    if request.publication is not None:
        return sources.lives.numbered(request.publication), f"publication {request.publication}"
    return sources.lives.at(str(in_utc(request.as_of))), str(request.as_of)


def _entries_of(
    request: Request,
    document: Document,
    documents: Documents,
    sources: Sources,
    *,
    was_carried_out: bool,
) -> dict[str, Entry | None]:
    """Return the entries of a publication, of the algorithms that have changed since."""
    live, time = _live(request, sources)
    live_document = live.documents.get(request.type) if live else None
    if live_document is None:
        raise RefusedError(
            f"document '{request.type}'",
            f"no publication is known to have been live at {time}",
            "List the publications: phaseline history --at TIME.",
        )
    then = documents.read_version(request.type, live_document.version_id).document
    all_names = then.algorithms.keys() | document.algorithms.keys() | document.withdrawn.keys()
    names = request.algorithms or sorted(all_names)
    targets: dict[str, Entry | None] = {}
    for name in names:
        past, present = then.algorithms.get(name), document.entry(name)
        if present and _is_result_of(request, name, present.version, present.release):
            targets[name] = document.algorithms.get(name)
        elif then.version(name) != document.version(name):
            targets[name] = past and _entry(request, name, str(past.version), past.display)
    if len(targets) > ALGORITHMS_LIMIT:
        raise RefusedError(
            f"document '{request.type}'",
            f"{len(targets)} algorithms have changed since {time}; a request can roll back"
            f" {ALGORITHMS_LIMIT} at most",
            "Name some of the algorithms in each request.",
        )
    for name, target in targets.items():
        entry = document.entry(name)
        if entry and entry.release == release_id_of(request, name, target):
            continue
        if was_carried_out:
            raise overtaken(request, name, document.version(name))
        if target:
            releases = sources.ledger.releases(request.type, name)
            _rollback_release(replace(request, version=target.version), name, document, releases)
    return targets


def _is_result_of(request: Request, name: str, version: str | None, release: str) -> bool:
    """Return whether the request started this release of this version."""
    if request.version not in {None, version}:
        return False
    return release == _release_id(request, name, version)


def overtaken(request: Request, name: str, active: str | None) -> RefusedError:
    """Return the error for a repeated request that would undo later changes of other people."""
    return RefusedError(
        f"{request.type}/{name} {request.version or ''}".rstrip(),
        f"this {request.action} was carried out before, and"
        f" {active or 'a withdrawal'} has taken its place since",
        "To repeat the request, start a new run.",
    )


def _refuse_rolled_back(request: Request, name: str, document: Document) -> None:
    """Refuse to go back by two versions when two people roll back the same bad version."""
    active = document.algorithms.get(name)
    mark = document.mark(name, active.previous) if active else None
    if active and mark and request.version is None:
        raise RefusedError(
            f"{request.type}/{name}",
            f"{mark.who} rolled it back from {active.previous} to {active.version} already,"
            f" {mark.since}: {mark.reason}",
            "To go back further, name the version.",
        )


def refuse_ineligible(
    request: Request,
    before: Document,
    document: Document,
    targets: Mapping[str, Entry | None],
) -> None:
    """Raise RefusedError if `document` does not allow the targets to become active.

    The reason may be a hold, a bad mark, or another version that somebody else has made active
    since `before`. If somebody else made the same version active, the request is not refused.
    """
    for name, target in targets.items():
        seen, present = before.entry(name), document.entry(name)
        if present and present.release == release_id_of(request, name, target):
            continue  # an earlier attempt of this request wrote the entry
        is_other = document.version(name) != (target.version if target else None)
        if present and present.release != (seen.release if seen else None) and is_other:
            change = f"made {present.version} active" if present.version else "withdrew it"
            raise RefusedError(
                f"{request.type}/{name}",
                f"{present.who or 'the table'} {change} at the same time ({present.release})",
                "Nothing was changed. Repeat the request in a new run if you still need it.",
            )
        hold = document.hold(name, datetime.fromisoformat(request.at))
        if hold and request.action == "promote":
            raise RefusedError(
                f"{request.type}/{name}",
                f"it is on hold by {hold.who} since {hold.since}: {hold.reason}",
                "Resume it first.",
            )
        if target:
            _refuse_bad(request, name, str(target.version), document)


def refuse_to_replace(request: Request, document: Document) -> None:
    """Raise RefusedError if a hold would take the place of a different one of another person."""
    if request.action != "hold" or request.replace:
        return
    wanted, at = (in_utc(request.until), request.window), datetime.fromisoformat(request.at)
    holds = {request.type: document.freeze}
    if request.algorithms:
        holds = {f"{request.type}/{name}": document.holds.get(name) for name in request.algorithms}
    for subject, hold in holds.items():
        if hold is None or hold.ended(at) or hold.who == request.who:
            continue
        if (hold.until, hold.window) != wanted:
            end = f"until {hold.until}" if hold.until else "until somebody resumes it"
            window = f", at {hold.window}" if hold.window else ""
            raise RefusedError(
                subject,
                f"{hold.who} holds it since {hold.since} {end}{window}: {hold.reason}",
                "Talk to each other. To replace this hold, repeat the request with --replace.",
            )


def refuse_withdrawn(
    request: Request,
    checked: Document,
    document: Document,
    targets: Mapping[str, Entry | None],
    sources: Sources,
) -> None:
    """Raise RefusedError if a target was withdrawn since the document `checked` was read.

    Each withdrawal of a version is in the document, in the entry of its algorithm or behind a hold.
    So only the algorithms for which one of them has changed are checked again. The `document` must
    be settled.
    """
    for name, target in targets.items():
        present = document.entry(name)
        if target is None or (present and present.release == target.release):
            continue
        if _records(checked, name) == _records(document, name):
            continue
        version = str(target.version)
        if request.action == "promote":
            _promotion_entry(replace(request, version=version), name, sources)
        else:
            releases = sources.ledger.releases(request.type, name)
            _rollback_release(replace(request, version=version), name, document, releases)


def _records(document: Document, name: str) -> tuple[object, ...]:
    """Return the parts of a document that the stream records of an algorithm change."""
    return document.entry(name), document.holds.get(name), document.freeze


def release_id_of(request: Request, name: str, target: Entry | None) -> str:
    """Return the id of the release that makes a target active, or removes the algorithm if None."""
    return target.release if target else _release_id(request, name, None)


def _refuse_bad(request: Request, name: str, version: str, document: Document) -> None:
    mark = document.mark(name, version)
    if mark:
        raise RefusedError(
            f"{request.type}/{name} {version}",
            f"it was marked bad by {mark.who}, {mark.since}: {mark.reason}",
            "Use another version. If the mark is wrong, clear it first: --action clear.",
        )


def _rollback_release(
    request: Request, name: str, document: Document, releases: Iterable[Release]
) -> Release:
    """Return the release to go back to.

    It is the release of the requested version, or else the newest one that is not active.
    """
    if request.version:
        _refuse_bad(request, name, request.version, document)
    active = document.version(name)
    good: dict[str, None] = {}
    for release in releases:
        version = str(release.version)
        if not release.can_return or document.mark(name, version):
            continue
        if request.version == version or (request.version is None and version != active):
            return release
        good[version] = None
    versions = ", ".join(good) or "none"
    entry = document.algorithms.get(name)
    if entry and request.version == entry.version:
        raise RefusedError(
            f"{request.type}/{name} {entry.version}",
            f"it is active already since {entry.since}, by {entry.who or 'the table'}"
            f" ({entry.release}), and is not known as verified (verified: {versions})",
            "Nothing was changed. To keep this version, put the algorithm on hold. Otherwise roll"
            " back to a verified version.",
        )
    raise RefusedError(
        f"{request.type}/{name}",
        f"{request.version or 'an earlier version'} is not known as verified, or was withdrawn or"
        f" marked bad (verified: {versions})",
        "Roll back to a verified version, or promote a tested one.",
    )


def _entry(request: Request, name: str, version: str, display: Mapping[str, Any]) -> Entry:
    release = _release_id(request, name, version)
    return Entry(version, display, release, "", "0", request.at, request.who)


def _release_id(request: Request, name: str, version: str | None) -> str:
    return identify(request.type, name, version or "none", f"{request.action} {request.id}")
