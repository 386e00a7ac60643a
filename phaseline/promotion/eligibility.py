"""Which versions a promotion or a rollback means, and whether they may become active.

Everything that can be refused is refused here, with who and why, before anything is written.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from phaseline.algorithms.schema import AlgorithmVersion
from phaseline.documents.document import Document, Entry
from phaseline.documents.store import Documents
from phaseline.errors import InputError, RefusedError
from phaseline.promotion.request import ALGORITHMS_LIMIT, Request, utc
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release, identify
from phaseline.site.live import Live


class Lives(Protocol):
    """What was live (phaseline/site/live.py)."""

    def at(self, time: str) -> Live | None: ...


class Upstream(Protocol):
    """The environment that versions come from (phaseline/promotion/upstream.py)."""

    def verified(self, type_: str, algorithm: str, version: str | None, *, at: str) -> Release: ...


@dataclass(frozen=True)
class Sources:
    """Where a request finds what it is about: the algorithms table, or the environment before this
    one where there is such an order; the ledger; what was live."""

    ledger: Ledger
    tested: Callable[[str, str], AlgorithmVersion | None]
    lives: Lives
    upstream: Upstream | None = None


def choose(
    request: Request, document: Document, documents: Documents, sources: Sources
) -> dict[str, Entry | None]:
    """What a promotion or rollback makes active, for each algorithm that it is about: an entry, or
    None for no version. Raises RefusedError where that is not known to be good."""
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
    _refuse_overtaken(request, name, document.version(name), releases)
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
    live = sources.lives.at(str(utc(time)))
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
        past, present = then.algorithms.get(name), document.entry(name)
        if present and _is_mine(request, name, present.version, present.release):
            targets[name] = document.algorithms.get(name)
        elif then.version(name) != document.version(name):
            targets[name] = past and _entry(request, name, str(past.version), past.display)
    if len(targets) > ALGORITHMS_LIMIT:
        raise RefusedError(
            f"document '{request.type}'",
            f"{len(targets)} algorithms are not as they were at {time}; at most {ALGORITHMS_LIMIT}"
            " go back at once",
            "Name the algorithms, some at a time.",
        )
    for name, target in targets.items():
        entry = document.entry(name)
        if entry and entry.release == wanted(request, name, target):
            continue
        releases = list(sources.ledger.releases(request.type, name))
        _refuse_overtaken(request, name, document.version(name), releases)
        if target:
            _earlier(replace(request, version=target.version), name, document, releases)
    return targets


def _is_mine(request: Request, name: str, version: str | None, release: str) -> bool:
    """Whether `release`, of this version, is what the request made."""
    if request.version not in {None, version}:
        return False
    return release == _release_id(request, name, version)


def _refuse_overtaken(
    request: Request, name: str, active: str | None, releases: Iterable[Release]
) -> None:
    """A workflow run that is run again after others have moved on must not undo what they did."""
    for release in releases:
        if _is_mine(request, name, release.version, release.release_id):
            raise RefusedError(
                f"{request.type}/{name} {release.version or ''}".rstrip(),
                f"this {request.action} was carried out before, and"
                f" {active or 'a withdrawal'} has taken its place since",
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


def refuse(
    request: Request,
    before: Document,
    document: Document,
    targets: Mapping[str, Entry | None],
) -> None:
    """Raise RefusedError where `document`, perhaps newer than `before`, does not let the targets
    become active: a hold, a bad version, another version that somebody else made active meanwhile.
    Who made the same one active did what is asked for."""
    for name, target in targets.items():
        seen, now = before.entry(name), document.entry(name)
        if now and now.release == wanted(request, name, target):
            continue  # by this very request
        is_other = document.version(name) != (target.version if target else None)
        if now and now.release != (seen.release if seen else None) and is_other:
            made = now.version or "a withdrawal"
            raise RefusedError(
                f"{request.type}/{name}",
                f"{now.who or 'the table'} made {made} active at the same time ({now.release})",
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
            _refuse_bad(request, name, str(target.version), document)


def wanted(request: Request, name: str, target: Entry | None) -> str:
    """The id of the release that makes a target active, or takes the algorithm away."""
    return target.release if target else _release_id(request, name, None)


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
    active = document.version(name)
    candidates = [
        release
        for release in releases
        if release.can_return and not document.mark(name, release.version)
    ]
    for release in candidates:
        if request.version == release.version:
            return release
        if request.version is None and release.version != active:
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
    return identify(request.type, name, version or "none", f"{request.action} {request.id}")
