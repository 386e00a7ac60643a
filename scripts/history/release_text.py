"""Pure: releases in their order, and in a table."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from phaseline.releases.release import Release
from phaseline.slack.rendering import TEST_FLOW
from scripts.cli.ages import age
from scripts.cli.text import STRONG, Cell, Line, state, table

HEADS = ("REQUESTED", "ALGORITHM", "CHANGE", "ACTION", "BY", "STATE", "ID", "REASON")


@dataclass(frozen=True)
class QuietRequest:
    """A hold, a resumption or a clearing of a scope, such as opt/route-planner or opt."""

    scope: str
    action: str
    who: str
    reason: str
    at: str


Event = Release | QuietRequest


def merged(releases: Iterable[Release], requests: Iterable[QuietRequest]) -> list[Event]:
    """Return releases, which are in order, with requests between them by time, oldest first."""
    in_time: list[Iterable[Event]] = [releases, sorted(requests, key=_time)]
    return list(heapq.merge(*in_time, key=_time))


def _time(event: Event) -> str:
    return event.requested_at if isinstance(event, Release) else event.at


def in_order(releases: Iterable[Release]) -> list[Release]:
    """Return releases from the oldest to the newest.

    The revision decides within a type. Times, which come from several clocks, only decide between
    releases of different types.
    """
    by_type: dict[str, list[Release]] = {}
    for release in sorted(releases, key=lambda release: release.revision or 0):
        by_type.setdefault(release.type, []).append(release)
    return list(heapq.merge(*by_type.values(), key=lambda release: release.requested_at))


def digest(release_id: str) -> str:
    """Return the short ID of a release, which is the end of its ID.

    >>> digest("opt-route-planner-2.1.0-eb519411")
    'eb519411'
    """
    return release_id.rpartition("-")[2]


def change(release: Release) -> str:
    """Return the versions before and after a release."""
    return f"{release.previous or 'nothing'} -> {release.version or 'nothing'}"


def move(release: Release) -> str:
    """Return the change that a release makes."""
    return f"{release.type}/{release.algorithm} {change(release)}"


def rows(events: Iterable[Event], now: str) -> Iterator[Line]:
    """Return a table of releases and of requests that released nothing, with their ages."""
    shown = [_row(event, now) for event in events]
    if shown:
        yield from table([[Cell(head, STRONG) for head in HEADS], *shown])


def _row(event: Event, now: str) -> list[Cell | str]:
    if isinstance(event, Release):
        return [
            age(event.requested_at, now),
            f"{event.type}/{event.algorithm}",
            change(event),
            event.action,
            event.who or TEST_FLOW,
            state(event.state),
            digest(event.release_id),
            event.reason,
        ]
    return [age(event.at, now), event.scope, "", event.action, event.who, "", "", event.reason]
