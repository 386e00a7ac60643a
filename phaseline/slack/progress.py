"""Pure: how far the releases of one revision of a document have come.

The ledger says what became of releases, CodePipeline how far an execution is. An event is only a
hint, for what CodePipeline does not list yet: one that is older than what it lists says nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from phaseline.pipeline.executions import RUNNING, SOURCES, SUCCEEDED, Execution
from phaseline.pipeline.recorder import FRONTEND
from phaseline.releases.release import OPEN, SUPERSEDED, VERIFIED, Release
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
    """What an event says of an execution: the stage that it has begun, or the status in which it
    ended. `at` is ISO 8601, UTC."""

    execution: str
    at: str
    stage: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Batch:
    """The releases of one revision of one document: the first of them, and their number.

    `newer` has, for each release id, the later releases of the same algorithm, oldest first.
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
        """When the document was written (ISO 8601, UTC)."""
        return min(
            release.steps["document"].at if "document" in release.steps else release.requested_at
            for release in self.releases
        )

    @property
    def is_open(self) -> bool:
        """Whether nobody has seen it served, nor something newer in its place."""
        return any(release.state == OPEN for release in self.releases)


def updated(execution: Execution, ran: Sequence[Action], news: News) -> Execution:
    """The execution as the event says that it ended, unless that is known or was long ago."""
    if execution.id != news.execution or execution.status != RUNNING or news.status is None:
        return execution
    if ran and _second(ran[-1].started) > _second(news.at):
        return execution  # a stage was retried since
    return replace(execution, status=news.status)


def carries(execution: Execution, batch: Batch) -> bool:
    """Whether an execution took the batch's document, or a later one."""
    action = SOURCES[batch.type]
    if execution.documents.get(action, -1) >= batch.revision:
        return True
    version = execution.revisions.get(action)
    return version is not None and version == batch.document_version


def carrier(executions: Sequence[Execution], batch: Batch) -> Execution | None:
    """The execution that a batch depends on, of all (newest first), if any.

    Where it has ended: the first that succeeded with it. Else the first of those that are running,
    which is the farthest, or the newest, which says how it went.
    """
    carrying = [each for each in executions if carries(each, batch)]
    wanted = RUNNING if batch.is_open else SUCCEEDED
    fitting = [each for each in carrying if each.status == wanted]
    return next(reversed(fitting), next(iter(carrying), None))


def of_batch(
    batch: Batch, execution: Execution | None, ran: Sequence[Action], news: News
) -> Standing:
    """How far a batch has come, with the actions of its execution."""
    ends = _ends(batch)
    state = _state(batch, ends, execution, ran, news)
    verified = [one.steps["verified"].at for one in batch.releases if "verified" in one.steps]
    asked = min(release.requested_at for release in batch.releases)
    overtaken = [
        newer.revision
        for one in batch.releases
        if one.state == SUPERSEDED
        for newer in batch.newer.get(one.release_id, ())
        if newer.state == VERIFIED and newer.revision is not None
    ]
    return Standing(
        state=state,
        document=f"{batch.type}, revision {batch.revision}",
        document_version=batch.document_version,
        releases=batch.releases[:RELEASES_LIMIT],
        count=batch.count,
        ends=ends,
        overtaken_by=min(overtaken, default=None),
        execution=execution.id if execution else None,
        commit=execution.revisions.get(FRONTEND) if execution else None,
        failure=newest_failure(ran) if state is State.FAILED else None,
        seconds=_seconds(asked, max(verified)) if verified else None,
        stages=stages(ran),
    )


def of_execution(
    execution: Execution, ran: Sequence[Action], news: News, *, published: bool
) -> Standing:
    """How far an execution has come that brings no release. `published` is False where it left the
    website to a later one."""
    state = ENDS.get(execution.status) or STATES.get(stage(execution, ran, news), State.WAITING)
    if state is State.LIVE and not published:
        state = State.SUPERSEDED
    ended = state is State.LIVE and ran
    return Standing(
        state=state,
        execution=execution.id,
        commit=execution.revisions.get(FRONTEND),
        failure=newest_failure(ran) if state is State.FAILED else None,
        seconds=_seconds(ran[0].started, max(one.updated for one in ran)) if ended else None,
        stages=stages(ran),
    )


def brings_a_commit(executions: Sequence[Execution], execution: Execution) -> bool:
    """Whether an execution's commit of the website is another than the last one that succeeded
    before it; `executions` are all, newest first."""
    commit = execution.revisions.get(FRONTEND)
    ids = [each.id for each in executions]
    earlier = executions[ids.index(execution.id) + 1 :]
    before = next((each for each in earlier if each.status == SUCCEEDED), None)
    return commit is not None and (before is None or before.revisions.get(FRONTEND) != commit)


def stage(execution: Execution, ran: Sequence[Action], news: News) -> str:
    """The stage that an execution is in: that of its newest action, or of the event if later."""
    newest = ran[-1] if ran else None
    if news.stage is None or news.execution != execution.id:
        return newest.stage if newest else STAGES[0]
    if newest is None:
        return news.stage
    began, told = _second(newest.started), _second(news.at)
    if began == told:
        return max(newest.stage, news.stage, key=_place)
    return newest.stage if began > told else news.stage


def stages(ran: Iterable[Action]) -> tuple[StageTime, ...]:
    """How long each stage took, in their order; a retried one from its first try to its last."""
    spans: dict[str, list[Action]] = {}
    for one in ran:
        spans.setdefault(one.stage, []).append(one)
    return tuple(
        StageTime(name, _seconds(all_[0].started, max(one.updated for one in all_)))
        for name, all_ in spans.items()
    )


def newest_failure(ran: Iterable[Action]) -> Action | None:
    """The failure that ended an execution, where one did."""
    return max(failures(ran), key=lambda one: one.updated, default=None)


def failures(ran: Iterable[Action]) -> list[Action]:
    """The actions that failed, each retry of its own."""
    return [one for one in ran if one.state == actions.FAILED]


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
    ended = ENDS.get(execution.status)
    return ended if ended in {State.FAILED, State.STOPPED} else State.WAITING


def _ends(batch: Batch) -> dict[str, str]:
    """A word for each release that is not live, or soon, any more."""
    ends = {}
    for one in batch.releases:
        after = next(iter(batch.newer.get(one.release_id, ())), None)
        left = after and after.action == "rollback" and after.previous == one.version
        if left and after and after.state == VERIFIED:
            ends[one.release_id] = "rolled back"
        elif one.state == SUPERSEDED:
            ends[one.release_id] = "superseded"
    return ends


def _place(name: str) -> int:
    return STAGES.index(name) if name in STAGES else -1


def _second(time: str) -> str:
    """A time (ISO 8601, UTC) to the second, as events tell it."""
    return time[:19]


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
