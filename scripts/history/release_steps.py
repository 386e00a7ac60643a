"""The steps of one release, from its request until visitors were served it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta

from phaseline import times
from phaseline.history import timeline
from phaseline.history.timeline import Timeline, TimelineStep
from phaseline.pipeline.actions import FAILED
from phaseline.pipeline.recorder import RecordedExecution
from phaseline.releases.release import DOCUMENT, Release
from phaseline.slack import message_record
from phaseline.slack.message_record import Posted
from scripts.cli import invocation
from scripts.cli.console import duration
from scripts.history import release_text
from scripts.history.result import Result
from scripts.release.build_log import cause
from scripts.services import Services

LOOKBACK = timedelta(hours=1)
"""How long before its document was written the execution of a release may have started."""


def release_steps(services: Services, release: Release) -> Result:
    """Return a release and its timeline."""
    executions = [*executions_of(services, release)]
    steps = timeline.timeline_of(release, executions, message_of(services, release))
    causes = {
        action.started: cause(services, action)
        for execution in executions
        for action in execution.actions
        if execution.carries(release) and action.state == FAILED
    }
    value = {"release": asdict(release), "timeline": asdict(steps), "causes": causes}
    return value, _release_lines(services, release, steps, causes)


def executions_of(services: Services, release: Release) -> Iterable[RecordedExecution]:
    """Return the executions from the release's document until its end.

    Those without a record, or that were retried since, are read from CodePipeline.
    """
    document = release.steps.get(DOCUMENT)
    if document is None:
        return []
    since = times.parse(document.at, release.release_id) - LOOKBACK
    until = timeline.ended(release) or invocation.now()
    # Times of releases are whole seconds.
    end = times.parse(until, release.release_id) + timedelta(seconds=1)
    kept = {one.id: one for one in services.recorder.between(times.instant(since), until)}
    for found in services.executions.newest():
        inside = found.started and since <= found.started < end
        if inside and (found.id not in kept or kept[found.id].state != found.status):
            told = services.recorder.read(found.id)
            kept |= {found.id: told} if told else {}
    return kept.values()


def message_of(services: Services, release: Release) -> Posted | None:
    """Return the Slack message about a release, or None."""
    if release.revision is None:
        return None
    name = message_record.of_revision(release.type, release.revision)
    return message_record.read(services.ledger.client, services.ledger.table, name).posted


def _release_lines(
    services: Services, release: Release, steps: Timeline, causes: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    took = "" if steps.seconds is None else f" after {duration(steps.seconds)}"
    yield f"{release.release_id}: {release_text.move(release)}, {release.state}{took}"
    execution = None
    for step in steps.steps:
        if step.execution and step.execution != execution:
            execution = step.execution
            yield f"execution {execution}: {services.executions.url(execution)}"
        yield _step_line(step, slowest=step is steps.slowest)
        yield from (f"      {line}" for line in causes.get(step.started, ()) if step.execution)


def _step_line(step: TimelineStep, *, slowest: bool) -> str:
    took = "not ended" if step.seconds is None else duration(step.seconds)
    words = [took if step.seconds != 0 else "", "the slowest" if slowest else ""]
    words += [step.note or "", step.link or ""]
    return f"  {step.started}  {step.name}: " + ", ".join(word for word in words if word)
