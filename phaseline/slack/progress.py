"""Pure: computes the progress of the releases of one document revision.

The ledger has the states of releases, and CodePipeline has the progress of executions. An event
adds only facts that CodePipeline does not list yet. An event that is older than the listed facts is
ignored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from phaseline.pipeline.executions import RUNNING, SOURCES, SUCCEEDED, Execution
from phaseline.pipeline.recorder import FRONTEND
from phaseline.releases.release import DOCUMENT, OPEN, SUPERSEDED, VERIFIED, Release
from phaseline.slack.standing import RELEASES_LIMIT, StageTime, Standing, State

STAGES = ("Source", "Build", "Publish", "Announce", "Verify")
STATES = {
    "Build": State.BUILDING,
    "Publish": State.PUBLISHING,
    "Announce": State.ANNOUNCING,
    "Verify": State.VERIFYING,
}
ENDS = {
    SUCCEEDED: State.LIVE,
    "Failed": State.FAILED,
    "Stopping": State.STOPPED,
    "Stopped": State.STOPPED,
    "Cancelled": State.STOPPED,
    "Superseded": State.SUPERSEDED,
}


@dataclass(frozen=True)
class News:
    """The content of an event about an execution: the stage that it started, or the status in which
    it ended. The event of the schedule is about no execution. `at` is ISO 8601, UTC."""

    execution: str | None
    at: str
    stage: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Batch:
    """The releases of one revision of one document.

    `releases` are the first of `count`. `newer` maps each release ID to the later releases of the
    same algorithm, oldest first.
    """

    type: str
    revision: int
    releases: Sequence[Release]
    count: int
    newer: Mapping[str, Sequence[Release]]

    @property
    def document_version(self) -> str | None:
        return self.releases[0].document_version

    @property
    def written_at(self) -> str:
        """The time at which the document was written (ISO 8601, UTC)."""
        return min(map(written_at, self.releases))

    @property
    def is_open(self) -> bool:
        """Whether a release is neither verified nor superseded yet."""
        return any(release.state == OPEN for release in self.releases)


def written_at(release: Release) -> str:
    """Return the time at which the document of a release was written (ISO 8601, UTC)."""
    return release.steps[DOCUMENT].at if DOCUMENT in release.steps else release.requested_at


def updated(execution: Execution, ran: Sequence[Action], news: News) -> Execution:
    """Return the execution with the event's end status, unless the event adds nothing new."""
    if execution.id != news.execution or execution.status != RUNNING or news.status is None:
        return execution
    if ran and _second(ran[-1].started) > _second(news.at):
        return execution  # a stage was retried after the event
    return replace(execution, status=news.status)


def carries(execution: Execution, batch: Batch) -> bool:
    """Return whether an execution has the batch's document, or a later one."""
    return execution.carries(SOURCES[batch.type], batch.document_version, batch.revision)


def shows(batch: Batch, execution: Execution, executions: Sequence[Execution]) -> bool:
    """Return whether the message of a batch shows how an execution goes.

    `executions` are newest first. The message of a batch that has ended shows only the execution
    that published it, which is the first that did not fail.
    """
    if batch.is_open:
        return carries(execution, batch)
    publishing = (
        other
        for other in reversed(executions)
        if other.status in (RUNNING, SUCCEEDED) and carries(other, batch)
    )
    first = next(publishing, None)
    return first is not None and first.id == execution.id


def carrier(executions: Sequence[Execution], batch: Batch) -> Execution | None:
    """Return the execution that shows the progress of a batch, or None.

    `executions` are newest first. For a batch that has ended, it is the first execution that
    succeeded. For an open batch, it is the first that is running, which is the furthest. If no
    execution has this status, it is the newest one.
    """
    carrying = [execution for execution in executions if carries(execution, batch)]
    status = RUNNING if batch.is_open else SUCCEEDED
    matching = [execution for execution in carrying if execution.status == status]
    return next(reversed(matching), next(iter(carrying), None))


def of_batch(
    batch: Batch, execution: Execution | None, ran: Sequence[Action], news: News
) -> Standing:
    """Return the progress of a batch. `ran` are the action runs of its execution."""
    ends = _ends(batch)
    state = _state(batch, ends, execution, ran, news)
    verified = [
        release.steps["verified"].at for release in batch.releases if "verified" in release.steps
    ]
    requested = min(release.requested_at for release in batch.releases)
    overtaken_by = [
        newer.revision
        for release in batch.releases
        if release.state == SUPERSEDED
        for newer in batch.newer.get(release.release_id, ())
        if newer.state == VERIFIED and newer.revision is not None
    ]
    return Standing(
        state=state,
        document=f"{batch.type}, revision {batch.revision}",
        document_version=batch.document_version,
        releases=batch.releases[:RELEASES_LIMIT],
        count=batch.count,
        ends=ends,
        overtaken_by=min(overtaken_by, default=None),
        execution=execution.id if execution else None,
        commit=execution.revisions.get(FRONTEND) if execution else None,
        failure=newest_failure(ran) if state is State.FAILED else None,
        seconds=_seconds(requested, max(verified)) if verified else None,
        stages=stages(ran),
    )


def of_execution(
    execution: Execution, ran: Sequence[Action], news: News, *, published: bool
) -> Standing:
    """Return the progress of an execution that brings no release.

    `published` is False if a later execution published the website instead.
    """
    state = ENDS.get(execution.status) or STATES.get(stage(execution, ran, news), State.WAITING)
    if state is State.LIVE and not published:
        state = State.SUPERSEDED
    ended = state is State.LIVE and ran
    return Standing(
        state=state,
        execution=execution.id,
        commit=execution.revisions.get(FRONTEND),
        failure=newest_failure(ran) if state is State.FAILED else None,
        seconds=_seconds(ran[0].started, max(run.updated for run in ran)) if ended else None,
        stages=stages(ran),
    )


def brings_a_commit(executions: Sequence[Execution], execution: Execution) -> bool:
    """Return whether an execution has another commit than the last one that succeeded before it.

    `executions` are newest first, and contain the execution.
    """
    commit = execution.revisions.get(FRONTEND)
    ids = [other.id for other in executions]
    earlier = executions[ids.index(execution.id) + 1 :]
    before = next((other for other in earlier if other.status == SUCCEEDED), None)
    return commit is not None and (before is None or before.revisions.get(FRONTEND) != commit)


def stage(execution: Execution, ran: Sequence[Action], news: News) -> str:
    """Return the stage of the execution's newest action, or of the event if that is later."""
    newest = ran[-1] if ran else None
    if news.stage is None or news.execution != execution.id:
        return newest.stage if newest else STAGES[0]
    if newest is None:
        return news.stage
    started, event_time = _second(newest.started), _second(news.at)
    if started == event_time:
        return max(newest.stage, news.stage, key=_position)
    return newest.stage if started > event_time else news.stage


def stages(ran: Iterable[Action]) -> tuple[StageTime, ...]:
    """Return the duration of each stage, in their order.

    The duration of a retried stage is that from its first to its last attempt.
    """
    by_stage: dict[str, list[Action]] = {}
    for run in ran:
        by_stage.setdefault(run.stage, []).append(run)
    return tuple(
        StageTime(name, _seconds(runs[0].started, max(run.updated for run in runs)))
        for name, runs in by_stage.items()
    )


def newest_failure(ran: Iterable[Action]) -> Action | None:
    """Return the latest failed action, or None."""
    return max(failures(ran), key=lambda run: run.updated, default=None)


def failures(ran: Iterable[Action]) -> list[Action]:
    """Return the failed actions. Each failed retry is one of them."""
    return [run for run in ran if run.state == actions.FAILED]


def _state(
    batch: Batch,
    ends: Mapping[str, str],
    execution: Execution | None,
    ran: Sequence[Action],
    news: News,
) -> State:
    if not batch.is_open:
        if ends.keys() != {release.release_id for release in batch.releases}:
            return State.LIVE
        return State.ROLLED_BACK if "rolled back" in ends.values() else State.SUPERSEDED
    if execution is None:
        return State.WAITING
    if execution.status == RUNNING:
        return STATES.get(stage(execution, ran, news), State.WAITING)
    end = ENDS.get(execution.status)
    return end if end in {State.FAILED, State.STOPPED} else State.WAITING


def _ends(batch: Batch) -> dict[str, str]:
    """Return the end of each release that is not live, and will not become live, by release ID."""
    ends = {}
    for release in batch.releases:
        after = next(iter(batch.newer.get(release.release_id, ())), None)
        is_rollback = after and after.action == "rollback" and after.previous == release.version
        if is_rollback and after and after.state == VERIFIED:
            ends[release.release_id] = "rolled back"
        elif release.state == SUPERSEDED:
            ends[release.release_id] = "superseded"
    return ends


def _position(name: str) -> int:
    return STAGES.index(name) if name in STAGES else -1


def _second(time: str) -> str:
    """Return a time (ISO 8601, UTC) without fractions of a second, as events have it."""
    return time[:19]


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
