"""Pure: computes the timeline of a release, step by step, from the records of the ledger table.

    asked, (waiting,) document, (wait,) Source, Build, Publish, Notify, Invalidate, Verify, verified

The timeline contains the steps of each execution that carried the release until its end. A wait is
the time between two steps in which an execution was queued, or in which there was none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from phaseline import times
from phaseline.pipeline.actions import RUNNING, Action
from phaseline.pipeline.executions import SUCCEEDED
from phaseline.pipeline.recorder import RecordedExecution
from phaseline.releases.release import DOCUMENT, SUPERSEDED, VERIFIED, WAITING, Release
from phaseline.slack.message_record import Posted

WAIT = 1.0
"""The shortest time in seconds that is a wait. The times in the ledger are whole seconds."""
SOURCE, VERIFY = "Source", "Verify"
"""The stage whose actions form one step, and the action that ends releases."""


@dataclass(frozen=True)
class TimelineStep:
    """A step of a timeline. Times are ISO 8601, UTC. A step without duration starts when it ends.

    `ended` and `seconds`, the duration, are None while the step lasts. `link` is a URL, or an id to
    search for. `execution` is the id of the pipeline execution to which the step belongs.
    """

    name: str
    started: str
    ended: str | None
    seconds: float | None
    link: str | None = None
    note: str | None = None
    execution: str | None = None


@dataclass(frozen=True)
class Timeline:
    """The steps of a release, in the order of their start.

    `seconds` is the time from the request to the end of the release, or None before the end.
    `slowest` is the step with the longest duration among those that have ended.
    """

    steps: tuple[TimelineStep, ...]
    seconds: float | None
    slowest: TimelineStep | None


def timeline_of(
    release: Release, executions: Iterable[RecordedExecution], message: Posted | None = None
) -> Timeline:
    """Return the timeline of a release.

    `executions` may contain executions that did not carry the release; these are left out.
    `message` is the Slack message about the release.
    """
    end = ended(release)
    steps = [*_own(release, end)]
    document = release.steps.get(DOCUMENT)
    if document:
        steps += _pipeline(release, _carriers(release, executions, end), document.at)
    if message:
        posted = times.instant(datetime.fromtimestamp(float(message.ts), UTC))
        note = f"message {message.ts} in channel {message.channel}"
        steps.append(_step("Slack message", posted, posted, note=note))
    steps.sort(key=lambda step: _time(step.started))
    if end:  # the end comes last, although its whole second may be before the last steps
        steps.append(_step(release.state, end, end, link=release.steps[release.state].link))
    timed = [step for step in steps if step.seconds]
    return Timeline(
        steps=tuple(steps),
        seconds=seconds(release.requested_at, end) if end else None,
        slowest=max(timed, key=lambda step: step.seconds or 0.0, default=None),
    )


def ended(release: Release) -> str | None:
    """Return the time at which a release was verified or superseded, or None before that."""
    step = release.steps.get(release.state) if release.state in {VERIFIED, SUPERSEDED} else None
    return step.at if step else None


def seconds(started: str, until: str) -> float:
    """Return the seconds between two times (ISO 8601).

    The result is 0 if `until` is before `started`, because the times may be of different clocks.

    >>> seconds("2026-11-25T10:00:00Z", "2026-11-25T10:01:30.500Z")
    90.5
    """
    return max(0.0, (_time(until) - _time(started)).total_seconds())


def _own(release: Release, end: str | None) -> Iterator[TimelineStep]:
    """Yield the steps that the ledger has recorded for the release itself, without its end."""
    who = release.who or f"the table's stream, record {release.sequence}"
    started = release.requested_at
    note = f"{release.action} by {who}: {release.reason}"
    yield _step("asked", started, started, link=release.run_url, note=note)
    waiting, document = release.steps.get(WAITING), release.steps.get(DOCUMENT)
    if waiting:
        yield _step(WAITING, started, document.at if document else end, note="behind a hold")
        started = document.at if document else started
    if document:
        note = f"revision {release.revision}"
        yield _step(DOCUMENT, document.started or started, document.at, document.link, note)
    for name, step in release.steps.items():
        if name not in {DOCUMENT, WAITING, VERIFIED, SUPERSEDED}:
            yield _step(name, step.started or step.at, step.at, step.link)


def _carriers(
    release: Release, executions: Iterable[RecordedExecution], end: str | None
) -> Iterator[RecordedExecution]:
    """Yield the executions that carried the release, up to the one that verified it."""
    for execution in sorted(executions, key=lambda execution: execution.started):
        # The release may have ended in the second in which the execution started.
        if end and _time(execution.started).replace(microsecond=0) > _time(end):
            return
        if execution.carries(release):
            yield execution
            if end and _verified_until(execution) >= _time(end):
                return


def _verified_until(execution: RecordedExecution) -> datetime:
    """Return the end of the last successful verification, or the earliest time if there is none."""
    ends = (
        _time(action.updated)
        for action in execution.actions
        if action.action == VERIFY and action.state == SUCCEEDED
    )
    return max(ends, default=datetime.min.replace(tzinfo=UTC))


def _pipeline(
    release: Release, executions: Iterable[RecordedExecution], since: str
) -> Iterator[TimelineStep]:
    """Yield the steps of `executions`, and the waits between them, beginning at `since`."""
    idle_since = since
    for execution in executions:
        for stage, step in _steps(release, execution):
            if seconds(idle_since, step.started) >= WAIT:
                yield _step(f"wait for {stage}", idle_since, step.started, execution=execution.id)
            yield step
            idle_since = max(idle_since, step.ended or step.started, key=_time)


def _steps(release: Release, execution: RecordedExecution) -> Iterator[tuple[str, TimelineStep]]:
    """Yield the steps of an execution with their stages.

    The actions of the Source stage form one step, and each other action is a step.
    """
    sources = [action for action in execution.actions if action.stage == SOURCE]
    if sources:
        carried = execution.documents.get(release.type)
        note = f"revision {carried.revision}" if carried and carried.revision is not None else None
        last = max(sources, key=lambda action: (action.state == RUNNING, action.updated))
        yield SOURCE, _step(SOURCE, sources[0].started, _end(last), None, note, execution.id)
    for action in execution.actions:
        if action.stage != SOURCE:
            note = None if action.state == SUCCEEDED else action.state
            note = f"{note}: {action.reason}" if action.reason else note
            started, end = action.started, _end(action)
            yield action.stage, _step(action.action, started, end, action.link, note, execution.id)


def _end(action: Action) -> str | None:
    return None if action.state == RUNNING else action.updated


def _step(
    name: str,
    started: str,
    until: str | None,
    link: str | None = None,
    note: str | None = None,
    execution: str | None = None,
) -> TimelineStep:
    duration = None if until is None else seconds(started, until)
    return TimelineStep(name, started, until, duration, link, note, execution)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
