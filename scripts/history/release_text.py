"""Pure: releases in their order, and each on one line."""

import heapq
from collections.abc import Iterable

from phaseline.releases.release import Release


def in_order(releases: Iterable[Release]) -> list[Release]:
    """Return releases from the oldest to the newest.

    The revision decides within a type. Times, which come from several clocks, only decide between
    releases of different types.
    """
    by_type: dict[str, list[Release]] = {}
    for release in sorted(releases, key=lambda release: release.revision or 0):
        by_type.setdefault(release.type, []).append(release)
    return list(heapq.merge(*by_type.values(), key=lambda release: release.requested_at))


def move(release: Release) -> str:
    """Return the change that a release makes."""
    return (
        f"{release.type}/{release.algorithm} {release.previous or 'nothing'} ->"
        f" {release.version or 'nothing'}"
    )


def line(release: Release) -> str:
    """Return a release on one line: its change, its cause, its state and its ID."""
    by = f"by {release.who}" if release.who else "by the table's stream"
    return (
        f"{release.requested_at}  {move(release)}, {release.action} {by}: {release.reason}"
        f" [{release.state}] {release.release_id}"
    )
