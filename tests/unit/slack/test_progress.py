"""How far the releases of a revision have come, from what the ledger and CodePipeline say."""

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
    """A time, as the ledger and events tell it."""
    return f"2026-11-24T20:00:{second:02}Z"


def release(state: str = OPEN, number: int = 1, **changes: Any) -> Release:
    """A release of an algorithm in the opt document, revision 7, written in the second 1."""
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
    """The releases of revision 7."""
    return Batch("opt", 7, releases or (release(),), max(len(releases), 1), newer)


def execution(
    id_: str = E1, status: str = "InProgress", opt: str | None = "v7", revision: int | None = None
) -> Execution:
    """An execution that took this version of the opt document."""
    taken = {"Frontend": "c0ffee"} | ({"Opt": opt} if opt else {})
    known = {} if revision is None else {"Opt": revision}
    return Execution(id_, status, taken, None, known)


def action(stage: str, second: int, state: str = "Succeeded", **changes: Any) -> Action:
    """An action that started in a second and took one."""
    fields: dict[str, Any] = {
        "stage": stage,
        "action": stage,
        "state": state,
        "started": f"2026-11-24T20:00:{second:02}.250Z",
        "updated": f"2026-11-24T20:00:{second + 1:02}.250Z",
    }
    return Action(**(fields | changes))


def news(**changes: Any) -> News:
    """An event of another execution long ago, which says nothing."""
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
def test_which_executions_carry_a_revision(
    opt: str | None, revision: int | None, carried: bool
) -> None:
    """Those with it or a later one; where no number is known, those with its version."""
    assert progress.carries(execution(opt=opt, revision=revision), batch()) is carried


def test_an_open_batch_depends_on_the_farthest() -> None:
    """Of those that run with it the first one, else the newest, however it ended."""
    failed, queued = execution(E1, "Failed"), execution(E3)
    running = execution(E2)
    found = [queued, running, failed, execution("e0", "InProgress", "v6")]
    assert progress.carrier(found, batch()) == running
    assert progress.carrier([failed], batch()) == failed
    assert progress.carrier([], batch()) is None


def test_an_ended_batch_depends_on_the_first_that_succeeded() -> None:
    """Later executions that take the same document along have not brought it."""
    brought = execution(E2, "Succeeded")
    found = [execution(E3, "Succeeded"), brought, execution(E1, "Failed")]
    assert progress.carrier(found, batch(release(VERIFIED))) == brought


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
def test_an_open_batch(status: str, stage: str, state: State) -> None:
    """It is as far as its execution; one that published something else leaves it waiting."""
    ran = [action("Source", 2), action(stage, 4)]
    found = progress.of_batch(batch(), execution(status=status), ran, news())
    assert found.state is state
    assert (found.execution, found.commit, found.seconds) == (E1, "c0ffee", None)


def test_a_batch_without_an_execution_waits() -> None:
    """Nothing has taken its document yet."""
    found = progress.of_batch(batch(), None, (), news())
    assert (found.state, found.execution) == (State.WAITING, None)


def test_a_verified_batch() -> None:
    """It is live since the proof, counted from the first request; the stages' times are known."""
    ran = [action("Source", 2), action("Build", 4), action("Build", 6)]
    first = release(VERIFIED, requested_at=EARLIER)
    found = progress.of_batch(
        batch(release(VERIFIED, 2), first), execution(status="Succeeded"), ran, news()
    )
    assert (found.state, found.seconds) == (State.LIVE, 3650.0)
    assert found.stages == (StageTime("Source", 1.0), StageTime("Build", 3.0))


def test_a_superseded_batch() -> None:
    """Where nothing of it is live, the revision that took its place is named."""
    later = release(VERIFIED, 9, revision=8)
    gone = release(SUPERSEDED)
    found = progress.of_batch(batch(gone, r1=[later]), None, (), news())
    assert (found.state, found.overtaken_by) == (State.SUPERSEDED, 8)
    some = batch(gone, release(VERIFIED, 2), r1=[later])
    shown = progress.of_batch(some, None, (), news())
    assert (shown.state, shown.ends) == (State.LIVE, {"r1": "superseded"})


@pytest.mark.parametrize("state", [VERIFIED, SUPERSEDED])
def test_a_batch_that_was_rolled_back(state: str) -> None:
    """It is so once the rollback that left it is proved, whether it had been live or not."""
    left = release(state)
    rollback = release(VERIFIED, 9, action="rollback", version="1.0.0", previous="2.0.0")
    assert (
        progress.of_batch(batch(left, r1=[rollback]), None, (), news()).state is State.ROLLED_BACK
    )
    under_way = release(OPEN, 9, action="rollback", version="1.0.0", previous="2.0.0")
    found = progress.of_batch(batch(left, r1=[under_way]), None, (), news())
    assert found.state is not State.ROLLED_BACK


@pytest.mark.parametrize(
    ("heard", "state"),
    [
        (news(execution=E1, at=at(9), stage="Build"), State.BUILDING),
        (news(execution=E2, at=at(9), stage="Build"), State.WAITING),
        (news(execution=E1, at=at(1), stage="Build"), State.WAITING),
        (news(execution=E1, at=at(2), stage="Build"), State.BUILDING),
    ],
)
def test_an_event_is_a_hint(heard: News, state: State) -> None:
    """A stage that has begun counts before its action is listed, unless a later action is."""
    ran = [action("Source", 2)]
    assert progress.of_batch(batch(), execution(), ran, heard).state is state


def test_an_event_before_any_action() -> None:
    """Where no action is listed at all, the event is all that is known."""
    heard = news(execution=E1, stage="Verify")
    assert progress.of_batch(batch(), execution(), (), heard).state is State.VERIFYING


def test_an_older_event_of_the_same_second() -> None:
    """Within a second, which is all that events tell, the later stage counts."""
    heard = news(execution=E1, at=at(4), stage="Build")
    ran = [action("Source", 2), action("Publish", 4)]
    assert progress.of_batch(batch(), execution(), ran, heard).state is State.PUBLISHING


@pytest.mark.parametrize(
    ("heard", "status"),
    [
        (news(execution=E1, at=at(9), status="Failed"), "Failed"),
        (news(execution=E2, at=at(9), status="Failed"), "InProgress"),
        (news(execution=E1, at=at(3), status="Failed"), "InProgress"),
        (news(execution=E1, at=at(9), stage="Build"), "InProgress"),
    ],
)
def test_an_end_that_is_not_listed_yet(heard: News, status: str) -> None:
    """The event's end counts before CodePipeline lists it, unless a stage was retried since."""
    assert progress.updated(execution(), [action("Build", 4)], heard).status == status


def test_a_listed_end_stays() -> None:
    """What CodePipeline lists is not undone by an event."""
    ended = execution(status="Succeeded")
    assert progress.updated(ended, (), news(execution=E1, at=at(9), status="Failed")) == ended


def test_the_newest_failure_counts() -> None:
    """Of an action and its retry that both failed, the later is told; each is in the thread."""
    first = action("Build", 2, "Failed", reason="first")
    second = action("Build", 5, "Failed", reason="second")
    found = progress.of_batch(batch(), execution(status="Failed"), [first, second], news())
    assert found.failure == second
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
def test_an_execution_of_its_own(status: str, published: bool, state: State) -> None:
    """One that brings no release is told alike, with the time that it took once it is live."""
    ran = [action("Source", 2), action("Build", 4)]
    found = progress.of_execution(execution(status=status), ran, news(), published=published)
    assert found.state is state
    assert found.seconds == (3.0 if state is State.LIVE else None)


def test_another_commit() -> None:
    """It is another than that of the last execution that succeeded before, if there is one."""
    same, failed = execution(E2, "Succeeded"), Execution("e", "Failed", {"Frontend": "x"}, None)
    other = Execution(E1, "Succeeded", {"Frontend": "old"}, None)
    newest = execution(E3)
    assert not progress.brings_a_commit([newest, failed, same, other], newest)
    assert progress.brings_a_commit([newest, failed, other, same], newest)
    assert progress.brings_a_commit([newest], newest)
    untold = Execution(E3, "InProgress", {}, None)
    assert not progress.brings_a_commit([untold], untold)
