"""Pure: where the time of a release went, step by step, from what the ledger's table holds.

    asked, (waiting,) document, (wait,) Source, Build, Publish, Notify, Invalidate, Verify, verified

A step of the pipeline is there once for each execution that carried the release until its end; a
wait is what is left between two steps, when an execution had to queue or nobody started one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from phaseline import times
from phaseline.pipeline.actions import RUNNING, Action
from phaseline.pipeline.executions import SUCCEEDED
from phaseline.pipeline.recorder import Execution
from phaseline.releases.release import SUPERSEDED, VERIFIED, WAITING, Release
from phaseline.slack.message_record import Posted

WAIT = 1.0
"""Seconds between two steps from which on they are told as a wait; the ledger's times are whole
seconds."""
SOURCE, VERIFY = "Source", "Verify"
"""The stage whose actions are told as one step, and the action that closes releases."""


@dataclass(frozen=True)
class TimelineStep:
    """One step. Times are ISO 8601, UTC; `started` is `ended` for what took no time to speak of.

    `ended` and `seconds` are None while it lasts. `link` is an address or the id to look for,
    `execution` the pipeline execution of which the step is a part.
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
    """The steps in the order of their start. `seconds` is from the request to the release's end,
    None before that; `slowest` is the step that took longest of those that have ended."""

    steps: tuple[TimelineStep, ...]
    seconds: float | None
    slowest: TimelineStep | None


def of(
    release: Release, executions: Iterable[Execution], message: Posted | None = None
) -> Timeline:
    """The course of `release`. `executions` may hold others than those that carried it."""
    end = ended(release)
    steps = [*_own(release, end)]
    document = release.steps.get("document")
    if document:
        steps += _pipeline(release, _carriers(release, executions, end), document.at)
    if message:
        posted = times.instant(datetime.fromtimestamp(float(message.ts), UTC))
        note = f"message {message.ts} in channel {message.channel}"
        steps.append(_step("Slack message", posted, posted, note=note))
    steps.sort(key=lambda step: _time(step.started))
    if end:  # last, although it is noted in whole seconds
        steps.append(_step(release.state, end, end, link=release.steps[release.state].link))
    took = [step for step in steps if step.seconds]
    return Timeline(
        steps=tuple(steps),
        seconds=seconds(release.requested_at, end) if end else None,
        slowest=max(took, key=lambda step: step.seconds or 0.0, default=None),
    )


def ended(release: Release) -> str | None:
    """When a release was verified or superseded; None while it is open."""
    step = release.steps.get(release.state) if release.state in {VERIFIED, SUPERSEDED} else None
    return step.at if step else None


def seconds(started: str, until: str) -> float:
    """The seconds from one time to another; 0 where two clocks disagree on their order."""
    return max(0.0, (_time(until) - _time(started)).total_seconds())


def _own(release: Release, end: str | None) -> Iterator[TimelineStep]:
    """The steps that the ledger knows of the release itself, but for its end."""
    by = release.who or f"the table's stream, record {release.sequence}"
    begun = release.requested_at
    note = f"{release.action} by {by}: {release.reason}"
    yield _step("asked", begun, begun, link=release.run_url, note=note)
    waiting, document = release.steps.get(WAITING), release.steps.get("document")
    if waiting:
        yield _step(WAITING, begun, document.at if document else end, note="behind a hold")
        begun = document.at if document else begun
    if document:
        note = f"revision {release.revision}"
        yield _step("document", document.started or begun, document.at, document.link, note)
    for name, step in release.steps.items():
        if name not in {"document", WAITING, VERIFIED, SUPERSEDED}:
            yield _step(name, step.started or step.at, step.at, step.link)


def _carriers(
    release: Release, executions: Iterable[Execution], end: str | None
) -> Iterator[Execution]:
    """The executions that carried the release, up to the one whose proof ended it."""
    for execution in sorted(executions, key=lambda one: one.started):
        # The ledger's times are whole seconds, within which a whole execution may have its place.
        if end and _time(execution.started).replace(microsecond=0) > _time(end):
            return
        if execution.carries(release):
            yield execution
            if end and _verified_until(execution) >= _time(end):
                return


def _verified_until(execution: Execution) -> datetime:
    verified = (
        _time(each.updated)
        for each in execution.actions
        if each.action == VERIFY and each.state == SUCCEEDED
    )
    return max(verified, default=datetime.min.replace(tzinfo=UTC))


def _pipeline(
    release: Release, executions: Iterable[Execution], since: str
) -> Iterator[TimelineStep]:
    """The steps of `executions`, and the waits before them from `since` on."""
    free = since
    for execution in executions:
        for stage, step in _steps(release, execution):
            if seconds(free, step.started) >= WAIT:
                yield _step(f"wait for {stage}", free, step.started, execution=execution.id)
            yield step
            free = max(free, step.ended or step.started, key=_time)


def _steps(release: Release, execution: Execution) -> Iterator[tuple[str, TimelineStep]]:
    """The steps of one execution, each with its stage: the sources as one, each other action."""
    sources = [each for each in execution.actions if each.stage == SOURCE]
    if sources:
        taken = execution.documents.get(release.type)
        note = f"revision {taken.revision}" if taken and taken.revision is not None else None
        last = max(sources, key=lambda each: (each.state == RUNNING, each.updated))
        yield SOURCE, _step(SOURCE, sources[0].started, _end(last), None, note, execution.id)
    for each in execution.actions:
        if each.stage != SOURCE:
            note = None if each.state == SUCCEEDED else each.state
            note = f"{note}: {each.reason}" if each.reason else note
            step = _step(each.action, each.started, _end(each), each.link, note, execution.id)
            yield each.stage, step


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
    took = None if until is None else seconds(started, until)
    return TimelineStep(name, started, until, took, link, note, execution)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
