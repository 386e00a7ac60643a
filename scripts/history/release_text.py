"""Pure: releases in their order, and in a table."""

import heapq
from collections.abc import Iterable, Iterator

from phaseline.releases.release import Release
from phaseline.slack.rendering import TEST_FLOW
from scripts.cli.ages import age
from scripts.cli.text import STRONG, Cell, Line, state, table

HEADS = ("REQUESTED", "ALGORITHM", "CHANGE", "ACTION", "BY", "STATE", "ID", "REASON")


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


def rows(releases: Iterable[Release], now: str) -> Iterator[Line]:
    """Return a table of releases, with their ages at a time."""
    shown: list[list[Cell | str]] = [
        [
            age(release.requested_at, now),
            f"{release.type}/{release.algorithm}",
            change(release),
            release.action,
            release.who or TEST_FLOW,
            state(release.state),
            digest(release.release_id),
            release.reason,
        ]
        for release in releases
    ]
    if shown:
        yield from table([[Cell(head, STRONG) for head in HEADS], *shown])
