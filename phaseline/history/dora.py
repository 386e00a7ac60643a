"""Pure: computes the four DORA metrics of software delivery from the records of the ledger table.

https://dora.dev/guides/dora-metrics/ defines the metrics. This module counts them as follows:

- Deployment frequency: the number of verified publications per day.
- Lead time: the time from the request, or the change of the item, to the verification, for each
  verified promotion.
- Change failure rate: the share of failed promotions among those that an execution carried to its
  end. A promotion failed if an action of the first such execution failed, for whatever reason, or
  if the promotion was rolled back. An execution that was superseded has no result; the one that
  superseded it carries the promotion on.
- Time to restore: for each failed promotion, the time until a release of the same algorithm was
  verified. It begins with the failure, or with the verification of the version that was rolled
  back.
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
from phaseline.pipeline.executions import SUPERSEDED
from phaseline.pipeline.recorder import RecordedExecution
from phaseline.releases.release import DOCUMENT, VERIFIED, Release

SECOND = len("2026-11-25T10:00:00")
"""The length of the part that times in whole seconds and in milliseconds have in common."""


@dataclass(frozen=True)
class DeliveryMetrics:
    """The metrics of a period of `days`. Times are in seconds. None means that there is no data.

    `promotions` is the number of promotions whose result is known. `failed` of them have failed,
    and `restored` of the failed ones were restored. `change_failure_rate` is between 0 and 1.
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
class PromotionResult:
    """The result of a promotion: the times (ISO 8601, UTC) at which it failed and was restored.

    `release` is the promotion.
    """

    release: Release
    failed: str | None = None
    restored: str | None = None

    @property
    def restore_time(self) -> float | None:
        """The seconds from the failure until it was restored, or None."""
        return seconds(self.failed, self.restored) if self.failed and self.restored else None


def lead_times_of(releases: Iterable[Release]) -> list[tuple[Release, float]]:
    """Return the verified promotions among `releases` with their lead times in seconds."""
    return [
        (release, seconds(release.requested_at, release.steps[VERIFIED].at))
        for release in releases
        if release.action == "promote" and release.state == VERIFIED
    ]


def percentile(times: Sequence[float], share: float) -> float | None:
    """Return the nearest rank, which is a measured time unlike an interpolated percentile.

    `share` is between 0 and 1. Returns None without times.

    >>> percentile([10, 40, 20, 30], 0.5)
    20
    """
    return sorted(times)[math.ceil(share * len(times)) - 1] if times else None


def promotion_results(
    releases: Iterable[Release], executions: Iterable[RecordedExecution]
) -> list[PromotionResult]:
    """Return the known results of the promotions among `releases`; both are in any order."""
    in_order = sorted(releases, key=lambda release: release.revision or 0)
    by_start = sorted(executions, key=lambda execution: execution.started)
    return list(_results(in_order, by_start))


def delivery_metrics(
    releases: Iterable[Release],
    executions: Iterable[RecordedExecution],
    *,
    deployments: int,
    days: float,
) -> DeliveryMetrics:
    """Return the metrics of a period of `days`.

    `releases` are the releases that were requested in the period, and `executions` the pipeline
    executions since its beginning, both in any order. `deployments` is the number of publications
    that became live in the period.
    """
    releases = tuple(releases)
    lead_times = [took for _, took in lead_times_of(releases)]
    results = promotion_results(releases, executions)
    failed = [result for result in results if result.failed]
    restore_times = [result.restore_time for result in failed if result.restore_time is not None]
    return DeliveryMetrics(
        days=days,
        deployments=deployments,
        deployments_per_day=deployments / days,
        lead_time_median=statistics.median(lead_times) if lead_times else None,
        lead_time_p90=percentile(lead_times, 0.9),
        promotions=len(results),
        failed=len(failed),
        change_failure_rate=len(failed) / len(results) if results else None,
        restored=len(restore_times),
        time_to_restore_median=statistics.median(restore_times) if restore_times else None,
    )


def _results(
    releases: Sequence[Release], executions: Sequence[RecordedExecution]
) -> Iterator[PromotionResult]:
    """Yield the known results of the promotions among `releases`, which are sorted by time."""
    starts = [execution.started[:SECOND] for execution in executions]
    by_algorithm: dict[tuple[str, str], list[Release]] = defaultdict(list)
    for release in releases:
        by_algorithm[release.type, release.algorithm].append(release)
    for in_order in by_algorithm.values():
        for position, release in enumerate(in_order):
            if release.action == "promote":
                first = _first_carrier(release, executions, starts)
                if result := _result(release, first, in_order[position + 1 :]):
                    yield result


def _first_carrier(
    release: Release, executions: Sequence[RecordedExecution], starts: Sequence[str]
) -> RecordedExecution | None:
    """Return the first execution that carried the release and was not superseded, or None."""
    document = release.steps.get(DOCUMENT)
    if document is None:
        return None
    # The Source stage runs one execution at a time, so at most one execution that started before
    # the document was stored took the document.
    begin = max(0, bisect_left(starts, document.at[:SECOND]) - 1)
    candidates = islice(executions, begin, None)
    carriers = (execution for execution in candidates if execution.carries(release))
    return next((execution for execution in carriers if execution.state != SUPERSEDED), None)


def _result(
    release: Release, first: RecordedExecution | None, following: Sequence[Release]
) -> PromotionResult | None:
    """Return the result of a promotion, or None while it is unknown.

    `first` is the first execution that carried the promotion, and `following` are the later
    releases of its algorithm.
    """
    failure = (
        next((action for action in first.actions if action.state == FAILED), None)
        if first
        else None
    )
    if failure:
        restored = _first_verified([release, *following], failure.updated)
        return PromotionResult(release, failure.updated, restored)
    live = ended(release) if release.state == VERIFIED else None
    # A release that waited behind a hold has no document and did not replace this one.
    successor = next((later for later in following if DOCUMENT in later.steps), None)
    if live and successor and _rolls_back(successor, release):
        return PromotionResult(release, live, _first_verified(following, live))
    return PromotionResult(release) if ended(release) or (first and first.has_ended) else None


def _rolls_back(later: Release, release: Release) -> bool:
    return later.action == "rollback" and later.previous == release.version


def _first_verified(releases: Iterable[Release], since: str) -> str | None:
    """Return the earliest time from `since` on at which one of `releases` was verified, or None."""
    times = (ended(release) for release in releases if release.state == VERIFIED)
    return min((at for at in times if at and at[:SECOND] >= since[:SECOND]), default=None)
