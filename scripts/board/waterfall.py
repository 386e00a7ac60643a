"""Pure: the steps of a release or an execution as bars on one scale of time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from phaseline.history.timeline import Timeline, TimelineStep, seconds
from phaseline.pipeline.actions import FAILED, RUNNING
from phaseline.pipeline.recorder import RecordedExecution

WIDTH = 1000.0
"""The length of the scale."""
NARROWEST = 4.0
"""The length of the shortest bar, which a person can still see."""
WAITS = ("wait", "waiting")
"""The first words of steps in which nothing happens."""


@dataclass(frozen=True)
class Bar:
    """A step on the scale: `x` and `width` are between 0 and WIDTH.

    `kind` is "wait", "moment" for a step without duration, "failed", "running" or "work". Times are
    ISO 8601, UTC, and `seconds` is None while the step lasts.
    """

    name: str
    kind: str
    x: float
    width: float
    started: str
    seconds: float | None
    note: str | None
    link: str | None
    execution: str | None
    is_slowest: bool = False


def of_timeline(timeline: Timeline, now: str) -> Sequence[Bar]:
    """Return the bars of a release. The scale ends at the end of the release, or `now`."""
    if not timeline.steps:
        return []
    begun = timeline.steps[0].started
    ends = (step.ended or now for step in timeline.steps)
    length = max((seconds(begun, end) for end in ends), default=0.0)
    return [
        _bar(step, begun, length, now, is_slowest=step is timeline.slowest)
        for step in timeline.steps
    ]


def of_execution(execution: RecordedExecution, now: str) -> Sequence[Bar]:
    """Return the bars of an execution's actions, in the order of their start."""
    steps = [
        TimelineStep(
            name=action.action,
            started=action.started,
            ended=None if action.state == RUNNING else action.updated,
            seconds=action.seconds,
            link=action.link,
            note=(action.reason and f"{action.state}: {action.reason}") or _told(action.state),
        )
        for action in execution.actions
    ]
    return of_timeline(Timeline(tuple(steps), None, _slowest(steps)), now)


def _told(state: str) -> str | None:
    return None if state in {"Succeeded", RUNNING} else state


def _slowest(steps: Iterable[TimelineStep]) -> TimelineStep | None:
    return max(steps, key=lambda step: step.seconds or 0.0, default=None)


def _bar(step: TimelineStep, begun: str, length: float, now: str, *, is_slowest: bool) -> Bar:
    scale = WIDTH / length if length else 0.0
    took = seconds(step.started, step.ended or now) if step.seconds is None else step.seconds
    width = min(WIDTH, max(NARROWEST, took * scale))
    return Bar(
        name=step.name,
        kind=_kind(step),
        x=round(min(seconds(begun, step.started) * scale, WIDTH - width), 2),
        width=round(width, 2),
        started=step.started,
        seconds=step.seconds,
        note=step.note,
        link=step.link,
        execution=step.execution,
        is_slowest=is_slowest,
    )


def _kind(step: TimelineStep) -> str:
    if step.note and step.note.startswith(FAILED):
        return "failed"
    if step.name.split()[0] in WAITS:
        return "wait"
    if step.seconds is None:
        return "running"
    return "work" if step.seconds else "moment"
