"""Pure: the four figures of software delivery, counted from what the ledger's table holds.

What they mean: https://dora.dev/guides/dora-metrics/
What is counted here:

- deployment frequency: publications that visitors were seen to get, per day;
- lead time: from the request, or the change of the item, to the proof that visitors get it, of each
  verified promotion;
- change failure rate: of the promotions that an execution carried to its end, those where an action
  of the first such execution failed, whatever was to blame, and those that were rolled back;
- time to restore: for each of these, from that failure, or from the proof that the version was live
  which was rolled back, until a release of the same algorithm was verified.
"""

import math
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from phaseline.history.timeline import ended, seconds
from phaseline.pipeline.actions import FAILED
from phaseline.pipeline.recorder import Execution
from phaseline.releases.release import VERIFIED, Release

SECOND = len("2026-11-25T10:00:00")
"""The part of a time that is the same in whole seconds and in milliseconds."""


@dataclass(frozen=True)
class Figures:
    """The figures of a number of `days`. Times are in seconds, None where nothing was counted.

    `promotions` are those whose outcome is known; `failed` of them count for the rate, and
    `restored` of these were mended.
    """

    days: float
    deployments: int
    deployments_per_day: float
    lead_time_median: float | None
    lead_time_p90: float | None
    promotions: int
    failed: int
    change_failure_rate: float | None
    restored: int
    time_to_restore_median: float | None


@dataclass(frozen=True)
class Outcome:
    """What became of a promotion: it failed at a time, or not, and was restored at one, or not."""

    failed: str | None = None
    restored: str | None = None


def count(
    releases: Iterable[Release], executions: Iterable[Execution], *, deployments: int, days: float
) -> Figures:
    """The figures of `days` days, from the `releases` that were asked for in them.

    `executions` are those since then; `deployments` publications became live.
    """
    known = sorted(releases, key=lambda one: (one.requested_at, int(one.sequence)))
    lead = [
        seconds(release.requested_at, release.steps[VERIFIED].at)
        for release in known
        if release.action == "promote" and release.state == VERIFIED
    ]
    outcomes = list(_outcomes(known, sorted(executions, key=lambda one: one.started)))
    failed = [each for each in outcomes if each.failed]
    restored = [
        seconds(each.failed, each.restored) for each in failed if each.failed and each.restored
    ]
    return Figures(
        days=days,
        deployments=deployments,
        deployments_per_day=deployments / days,
        lead_time_median=statistics.median(lead) if lead else None,
        # The nearest rank: a time that was measured.
        lead_time_p90=sorted(lead)[math.ceil(0.9 * len(lead)) - 1] if lead else None,
        promotions=len(outcomes),
        failed=len(failed),
        change_failure_rate=len(failed) / len(outcomes) if outcomes else None,
        restored=len(restored),
        time_to_restore_median=statistics.median(restored) if restored else None,
    )


def _outcomes(releases: Sequence[Release], executions: Sequence[Execution]) -> Iterator[Outcome]:
    """The outcome of each promotion among `releases`, oldest first, that has one."""
    starts = [execution.started[:SECOND] for execution in executions]
    courses: dict[tuple[str, str], list[Release]] = defaultdict(list)
    for release in releases:
        courses[release.type, release.algorithm].append(release)
    for course in courses.values():
        for place, release in enumerate(course):
            if release.action == "promote":
                first = _first_carrier(release, executions, starts)
                if outcome := _outcome(release, first, course[place + 1 :]):
                    yield outcome


def _first_carrier(
    release: Release, executions: Sequence[Execution], starts: Sequence[str]
) -> Execution | None:
    document = release.steps.get("document")
    if document is None:
        return None
    # Source takes one execution at a time, so one at most began earlier and took the document.
    begin = max(0, bisect_left(starts, document.at[:SECOND]) - 1)
    return next((one for one in islice(executions, begin, None) if one.carries(release)), None)


def _outcome(
    release: Release, first: Execution | None, following: Sequence[Release]
) -> Outcome | None:
    """What became of a promotion, by the execution that carried it first and the releases of its
    algorithm that followed; None while that is not known."""
    failure = (
        next((each for each in first.actions if each.state == FAILED), None) if first else None
    )
    if failure:
        return Outcome(failure.updated, _restored([release, *following], failure.updated))
    live = ended(release) if release.state == VERIFIED else None
    # What waited behind a hold took no place of it.
    next_ = next((one for one in following if "document" in one.steps), None)
    if live and next_ and _rolls_back(next_, release):
        return Outcome(live, _restored(following, live))
    return Outcome() if ended(release) or (first and first.has_ended) else None


def _rolls_back(later: Release, release: Release) -> bool:
    return later.action == "rollback" and later.previous == release.version


def _restored(releases: Iterable[Release], since: str) -> str | None:
    """When the first of `releases` was verified that was so from a time on."""
    proven = (ended(release) for release in releases if release.state == VERIFIED)
    return min((at for at in proven if at and at[:SECOND] >= since[:SECOND]), default=None)
