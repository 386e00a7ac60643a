"""The changes that visitors saw between two times, with the releases that caused them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from phaseline.documents import diff
from phaseline.documents.diff import Difference
from phaseline.releases.release import Release
from phaseline.site.live import Live
from scripts.cli.text import Line
from scripts.history import release_text
from scripts.history.live import document_of
from scripts.history.release_text import Event
from scripts.history.requests import quiet_requests
from scripts.history.result import Result
from scripts.services import Services


@dataclass(frozen=True)
class VisibleChanges:
    """The changes that visitors saw from `since` to `until` (ISO 8601, UTC).

    `before` and `after` are the publications that were live then. `releases` caused the
    `differences` or were requested meanwhile, the oldest first.
    """

    since: str
    until: str
    before: Live | None
    after: Live | None
    differences: Sequence[Difference]
    releases: Sequence[Release]

    @property
    def commits(self) -> tuple[str | None, str | None]:
        """The frontend's commits that were live then."""
        return (
            self.before.commit if self.before else None,
            self.after.commit if self.after else None,
        )


def changes(
    services: Services, types: Sequence[str], algorithm: str | None, since: str, until: str
) -> Result:
    """Return the changes that visitors saw between two times, as a result of the command."""
    seen = visible_changes(services, types, algorithm, since, until)
    requests = [*quiet_requests(services, types, algorithm, since, until)]
    value = {
        "since": since,
        "until": until,
        "commits": list(seen.commits),
        "differences": list(map(asdict, seen.differences)),
        "releases": list(map(asdict, seen.releases)),
        "requests": list(map(asdict, requests)),
    }
    return value, _change_lines(seen, release_text.merged(seen.releases, requests))


def visible_changes(
    services: Services, types: Sequence[str], algorithm: str | None, since: str, until: str
) -> VisibleChanges:
    """Return the changes that visitors saw between two times, and their releases."""
    before, after = services.lives.at(since), services.lives.at(until)
    differences: list[Difference] = []
    releases: dict[str, Release] = {}
    for type_ in types:
        visible = [
            difference
            for difference in _differences(services, before, after, type_)
            if difference.is_visible and algorithm in {None, difference.algorithm}
        ]
        causes = _causes(services, visible, _revision(before, type_), _revision(after, type_))
        requested = services.ledger.between(type_, since, until)
        differences += visible
        releases |= {
            release.release_id: release
            for release in chain(causes, requested)
            if algorithm in {None, release.algorithm}
        }
    ordered = release_text.in_order(releases.values())
    return VisibleChanges(since, until, before, after, differences, ordered)


def _differences(
    services: Services, before: Live | None, after: Live | None, type_: str
) -> Sequence[Difference]:
    if _revision(before, type_) == _revision(after, type_):
        return ()
    return diff.compare_documents(
        document_of(services, before, type_), document_of(services, after, type_)
    )


def _causes(
    services: Services, differences: Iterable[Difference], first: int, last: int
) -> Iterator[Release]:
    """Return the releases of these differences, after revision `first` and up to `last`.

    Some may have been requested long before, and waited behind a hold.
    """
    for type_, name in dict.fromkeys(
        (difference.type, difference.algorithm) for difference in differences
    ):
        for release in services.ledger.releases(type_, name) if name else ():
            if release.revision is not None and first < release.revision <= last:
                yield release


def _revision(live: Live | None, type_: str) -> int:
    """Return the revision of a type's document that was live, or -1."""
    return live.documents[type_].revision if live and type_ in live.documents else -1


def _change_lines(seen: VisibleChanges, events: Sequence[Event]) -> Iterator[Line]:
    yield f"from {seen.since} to {seen.until}, for visitors:"
    before, after = seen.commits
    if before != after:
        yield f"  commit: {before or 'nothing'} -> {after or 'nothing'}"
    elif not seen.differences:
        yield "  nothing changed"
    yield from (f"  {difference}" for difference in seen.differences)
    yield "releases:" if events else "no release"
    yield from release_text.rows(events, seen.until)
