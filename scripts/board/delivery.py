"""Pure: the four DORA metrics over time, for the plots of the board."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from phaseline import times
from phaseline.history import dora
from phaseline.history.dora import DeliveryMetrics, PromotionResult
from phaseline.pipeline.recorder import RecordedExecution
from phaseline.releases.release import VERIFIED, Release
from phaseline.site.live import Live
from scripts.board import plots
from scripts.board.plots import Column, Dot, Plot

PERIODS = (7, 30, 90)
"""The periods in days that the board offers."""
DAILY = 31
"""The longest period in days that is shown by day; a longer one is shown by week."""
DOTS = 400
"""The most dots of a plot; of more, some are left out evenly. The lines count all of them."""


@dataclass(frozen=True)
class Delivery:
    """The delivery of `days` days until `until` (ISO 8601, UTC), with one plot for each metric."""

    days: int
    until: str
    metrics: DeliveryMetrics
    frequency: Plot
    lead_time: Plot
    failures: Plot
    restores: Plot


@dataclass(frozen=True)
class _Axis:
    """The buckets of a period: `count` of `step`, the last of which contains `until`."""

    start: datetime
    step: timedelta
    count: int

    def place(self, time: str) -> float:
        """Return the position of a time: 0 is the start of the axis, and 1 its end."""
        return (times.parse(time, "the ledger") - self.start) / (self.step * self.count)

    def bucket(self, time: str) -> int:
        """Return the number of the bucket of a time, from 0."""
        return min(self.count - 1, max(0, math.floor(self.place(time) * self.count)))

    @property
    def labels(self) -> list[str]:
        """The first day of each bucket (ISO 8601)."""
        return [(self.start + self.step * n).date().isoformat() for n in range(self.count)]


def delivery_of(
    releases: Iterable[Release],
    executions: Iterable[RecordedExecution],
    lives: Iterable[Live],
    *,
    days: int,
    until: str,
) -> Delivery:
    """Return the delivery of a period. The arguments are those that it contains, in any order."""
    releases, executions, lives = tuple(releases), tuple(executions), tuple(lives)
    axis = _axis(days, until)
    results = dora.promotion_results(releases, executions)
    metrics = dora.delivery_metrics(releases, executions, deployments=len(lives), days=days)
    return Delivery(
        days=days,
        until=until,
        metrics=metrics,
        frequency=_frequency(axis, lives),
        lead_time=_lead_time(axis, releases, metrics),
        failures=_failures(axis, results),
        restores=_restores(axis, results, metrics),
    )


def _axis(days: int, until: str) -> _Axis:
    step = timedelta(days=1 if days <= DAILY else 7)
    end = times.parse(until, "now").replace(hour=0, minute=0, second=0, microsecond=0)
    end += timedelta(days=1)
    count = math.ceil(timedelta(days=days) / step)
    return _Axis(end - step * count, step, count)


def _frequency(axis: _Axis, lives: Iterable[Live]) -> Plot:
    counts = Counter(axis.bucket(live.at) for live in lives)
    columns = [
        Column(label, (counts[number],), str(counts[number]))
        for number, label in enumerate(axis.labels)
    ]
    return plots.columns(columns)


def _lead_time(axis: _Axis, releases: Iterable[Release], metrics: DeliveryMetrics) -> Plot:
    timed = [
        (release, release.steps[VERIFIED].at, seconds)
        for release, seconds in dora.lead_times_of(releases)
    ]
    lines = {"median": metrics.lead_time_median, "9 of 10": metrics.lead_time_p90}
    return _durations(axis, timed, lines)


def _failures(axis: _Axis, results: Iterable[PromotionResult]) -> Plot:
    failed: Counter[int] = Counter()
    passed: Counter[int] = Counter()
    for result in results:
        counter = failed if result.failed else passed
        counter[axis.bucket(result.release.requested_at)] += 1
    columns = [
        Column(label, (passed[n], failed[n]), f"{failed[n]} of {passed[n] + failed[n]} failed")
        for n, label in enumerate(axis.labels)
    ]
    return plots.columns(columns)


def _restores(axis: _Axis, results: Iterable[PromotionResult], metrics: DeliveryMetrics) -> Plot:
    restored = [
        (result.release, result.failed, result.restore_time)
        for result in results
        if result.failed and result.restore_time is not None
    ]
    return _durations(axis, restored, {"median": metrics.time_to_restore_median})


def _durations(
    axis: _Axis,
    timed: Sequence[tuple[Release, str, float]],
    lines: Mapping[str, float | None],
) -> Plot:
    """Return the plot of releases, each with a time (ISO 8601) and a duration in seconds."""
    dots = [
        Dot(axis.place(at), seconds, f"{release.type}/{release.algorithm} {release.version}")
        for release, at, seconds in timed
    ]
    by_bucket: dict[int, list[float]] = defaultdict(list)
    for _, at, seconds in timed:
        by_bucket[axis.bucket(at)].append(seconds)
    return plots.dots(_thinned(dots), lines, axis.labels, by_bucket)


def _thinned(dots: Sequence[Dot]) -> Sequence[Dot]:
    return dots[:: max(1, math.ceil(len(dots) / DOTS))]
