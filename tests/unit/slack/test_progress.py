"""The progress of the releases of a revision, from the ledger and CodePipeline."""

from collections.abc import Sequence
from typing import Any

import pytest

from phaseline.pipeline.actions import Action
from phaseline.pipeline.executions import Execution
from phaseline.releases.release import OPEN, SUPERSEDED, VERIFIED, Release, Step
from phaseline.slack import progress
from phaseline.slack.progress import Batch, News
from phaseline.slack.standing import StageTime, State

E1, E2, E3 = "e1", "e2", "e3"
EARLIER = "2026-11-24T19:00:00Z"


def at(second: int) -> str:
    """Return a time in the format of the ledger and of events."""
    return f"2026-11-24T20:00:{second:02}Z"


def release(state: str = OPEN, number: int = 1, **changes: Any) -> Release:
    """Return a release in revision 7 of the opt document, which was written at second 1."""
    steps = {"document": Step(at(1), link="v7")}
    if state != OPEN:
        steps[state] = Step(at(50))
    fields: dict[str, Any] = {
        "release_id": f"r{number}",
        "type": "opt",
        "algorithm": f"a{number}",
        "version": "2.0.0",
        "action": "promote",
        "previous": "1.0.0",
        "requested_at": at(0),
        "sequence": str(number),
        "reason": "why",
        "state": state,
        "document_version": "v7",
        "revision": 7,
        "steps": steps,
    }
    return Release(**(fields | changes))


def batch(*releases: Release, **newer: Sequence[Release]) -> Batch:
    """Return the batch of revision 7."""
    return Batch("opt", 7, releases or (release(),), max(len(releases), 1), newer)


def execution(
    id_: str = E1, status: str = "InProgress", opt: str | None = "v7", revision: int | None = None
) -> Execution:
    """Return an execution with this version of the opt document."""
    taken = {"Frontend": "c0ffee"} | ({"Opt": opt} if opt else {})
    known = {} if revision is None else {"Opt": revision}
    return Execution(id_, status, taken, None, known)


def action(stage: str, second: int, state: str = "Succeeded", **changes: Any) -> Action:
    """Return an action run that started in this second and took one second."""
    fields: dict[str, Any] = {
        "stage": stage,
        "action": stage,
        "state": state,
        "started": f"2026-11-24T20:00:{second:02}.250Z",
        "updated": f"2026-11-24T20:00:{second + 1:02}.250Z",
    }
    return Action(**(fields | changes))


def news(**changes: Any) -> News:
    """Return an event, by default an old one of another execution, which has no effect."""
    return News(**({"execution": "another", "at": EARLIER} | changes))


@pytest.mark.parametrize(
    ("opt", "revision", "carried"),
    [
        ("v7", 7, True),
        ("v8", 8, True),
        ("v6", 6, False),
        ("v7", None, True),
        ("v8", None, False),
        (None, None, False),
    ],
)
def test_execution_carries_its_revision_and_earlier_ones(
    opt: str | None, revision: int | None, carried: bool
) -> None:
    """Without a revision number, it carries only the batch with the same document version."""
    assert progress.carries(execution(opt=opt, revision=revision), batch()) is carried


def test_open_batch_depends_on_the_first_running_execution() -> None:
    """If none is running, on the newest one, whatever its status."""
    failed, queued = execution(E1, "Failed"), execution(E3)
    running = execution(E2)
    executions = [queued, running, failed, execution("e0", "InProgress", "v6")]
    assert progress.carrier(executions, batch()) == running
    assert progress.carrier([failed], batch()) == failed
    assert progress.carrier([], batch()) is None


def test_failure_counts_for_all_batches_that_the_execution_carried() -> None:
    """Also for those whose own execution it superseded."""
    overtaking = execution(E2, "Failed", "v8", 8)
    executions = [overtaking, execution(E1, "Superseded", "v7", 7)]
    carrying = progress.carrier(executions, batch())
    assert carrying == overtaking
    failed = action("Build", 4, "Failed", reason="exit status 1")
    standing = progress.of_batch(batch(), carrying, [failed], news())
    assert (standing.state, standing.failure) == (State.FAILED, failed)


def test_ended_batch_depends_on_the_first_execution_that_succeeded() -> None:
    """Later executions have the same document, but they did not release it."""
    first = execution(E2, "Succeeded")
    executions = [execution(E3, "Succeeded"), first, execution(E1, "Failed")]
    assert progress.carrier(executions, batch(release(VERIFIED))) == first


@pytest.mark.parametrize(
    ("status", "stage", "state"),
    [
        ("InProgress", "Source", State.WAITING),
        ("InProgress", "Build", State.BUILDING),
        ("InProgress", "Publish", State.PUBLISHING),
        ("InProgress", "Announce", State.ANNOUNCING),
        ("InProgress", "Verify", State.VERIFYING),
        ("InProgress", "Another", State.WAITING),
        ("Failed", "Build", State.FAILED),
        ("Stopped", "Build", State.STOPPED),
        ("Cancelled", "Build", State.STOPPED),
        ("Superseded", "Source", State.WAITING),
        ("Succeeded", "Verify", State.WAITING),
    ],
)
def test_open_batch_has_the_state_of_its_execution(status: str, stage: str, state: State) -> None:
    """It waits if its execution succeeded without it, or was superseded."""
    ran = [action("Source", 2), action(stage, 4)]
    standing = progress.of_batch(batch(), execution(status=status), ran, news())
    assert standing.state is state
    assert (standing.execution, standing.commit, standing.seconds) == (E1, "c0ffee", None)


def test_batch_without_an_execution_waits() -> None:
    standing = progress.of_batch(batch(), None, (), news())
    assert (standing.state, standing.execution) == (State.WAITING, None)


def test_verified_batch_is_live_with_its_durations() -> None:
    """The total is counted from the first request to the last proof."""
    ran = [action("Source", 2), action("Build", 4), action("Build", 6)]
    first = release(VERIFIED, requested_at=EARLIER)
    standing = progress.of_batch(
        batch(release(VERIFIED, 2), first), execution(status="Succeeded"), ran, news()
    )
    assert (standing.state, standing.seconds) == (State.LIVE, 3650.0)
    assert standing.stages == (StageTime("Source", 1.0), StageTime("Build", 3.0))


def test_batch_without_a_live_release_is_superseded_by_a_revision() -> None:
    """A batch with one live release is live, and has the end of the other."""
    later = release(VERIFIED, 9, revision=8)
    superseded = release(SUPERSEDED)
    standing = progress.of_batch(batch(superseded, r1=[later]), None, (), news())
    assert (standing.state, standing.overtaken_by) == (State.SUPERSEDED, 8)
    partly_live = batch(superseded, release(VERIFIED, 2), r1=[later])
    standing = progress.of_batch(partly_live, None, (), news())
    assert (standing.state, standing.ends) == (State.LIVE, {"r1": "superseded"})


@pytest.mark.parametrize("state", [VERIFIED, SUPERSEDED])
def test_batch_is_rolled_back_once_the_rollback_is_verified(state: str) -> None:
    """Whether the replaced version had been live or not."""
    replaced = release(state)
    rollback = release(VERIFIED, 9, action="rollback", version="1.0.0", previous="2.0.0")
    standing = progress.of_batch(batch(replaced, r1=[rollback]), None, (), news())
    assert standing.state is State.ROLLED_BACK
    unverified = release(OPEN, 9, action="rollback", version="1.0.0", previous="2.0.0")
    standing = progress.of_batch(batch(replaced, r1=[unverified]), None, (), news())
    assert standing.state is not State.ROLLED_BACK


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (news(execution=E1, at=at(9), stage="Build"), State.BUILDING),
        (news(execution=E2, at=at(9), stage="Build"), State.WAITING),
        (news(execution=E1, at=at(1), stage="Build"), State.WAITING),
        (news(execution=E1, at=at(2), stage="Build"), State.BUILDING),
    ],
)
def test_stage_of_an_event_counts_unless_a_later_action_is_listed(
    event: News, state: State
) -> None:
    ran = [action("Source", 2)]
    assert progress.of_batch(batch(), execution(), ran, event).state is state


def test_stage_of_an_event_counts_if_no_action_is_listed() -> None:
    event = news(execution=E1, stage="Verify")
    assert progress.of_batch(batch(), execution(), (), event).state is State.VERIFYING


def test_later_stage_counts_within_one_second() -> None:
    """Events have times in whole seconds."""
    event = news(execution=E1, at=at(4), stage="Build")
    ran = [action("Source", 2), action("Publish", 4)]
    assert progress.of_batch(batch(), execution(), ran, event).state is State.PUBLISHING


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (news(execution=E1, at=at(9), status="Failed"), "Failed"),
        (news(execution=E2, at=at(9), status="Failed"), "InProgress"),
        (news(execution=E1, at=at(3), status="Failed"), "InProgress"),
        (news(execution=E1, at=at(9), stage="Build"), "InProgress"),
    ],
)
def test_end_of_an_event_counts_unless_a_stage_was_retried_since(event: News, status: str) -> None:
    """CodePipeline may list the execution as running for some time."""
    assert progress.updated(execution(), [action("Build", 4)], event).status == status


def test_event_does_not_change_a_listed_end() -> None:
    ended = execution(status="Succeeded")
    assert progress.updated(ended, (), news(execution=E1, at=at(9), status="Failed")) == ended


def test_message_has_the_newest_failure_and_the_thread_has_all() -> None:
    first = action("Build", 2, "Failed", reason="first")
    second = action("Build", 5, "Failed", reason="second")
    standing = progress.of_batch(batch(), execution(status="Failed"), [first, second], news())
    assert standing.failure == second
    assert progress.failures([first, action("Verify", 9), second]) == [first, second]


@pytest.mark.parametrize(
    ("status", "published", "state"),
    [
        ("InProgress", True, State.BUILDING),
        ("Succeeded", True, State.LIVE),
        ("Succeeded", False, State.SUPERSEDED),
        ("Failed", True, State.FAILED),
    ],
)
def test_execution_without_releases_has_a_state_and_a_duration_once_live(
    status: str, published: bool, state: State
) -> None:
    ran = [action("Source", 2), action("Build", 4)]
    standing = progress.of_execution(execution(status=status), ran, news(), published=published)
    assert standing.state is state
    assert standing.seconds == (3.0 if state is State.LIVE else None)


def test_commit_is_compared_with_the_last_execution_that_succeeded() -> None:
    """Without such an execution, any commit is a new one."""
    same, failed = execution(E2, "Succeeded"), Execution("e", "Failed", {"Frontend": "x"}, None)
    other = Execution(E1, "Succeeded", {"Frontend": "old"}, None)
    newest = execution(E3)
    assert not progress.brings_a_commit([newest, failed, same, other], newest)
    assert progress.brings_a_commit([newest, failed, other, same], newest)
    assert progress.brings_a_commit([newest], newest)
    without_commit = Execution(E3, "InProgress", {}, None)
    assert not progress.brings_a_commit([without_commit], without_commit)
