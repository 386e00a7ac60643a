"""An execution is followed to its end."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from phaseline.errors import DeploymentError, PhaselineError, TimedOutError
from phaseline.pipeline.actions import Action
from phaseline.pipeline.follow import APPEARANCE, SupersededError
from phaseline.pipeline.follow import follow as follow_execution
from tests.builders.calls import Answer
from tests.builders.executions import E1, action, executions
from tests.builders.timing import Timer


def follow(
    statuses: list[str | None], details: list[list[dict[str, Any]]], *, limit: float = 60.0
) -> tuple[list[Action], PhaselineError | None, Timer]:
    """Follow an execution. Each poll returns the next status (None: not found) and the next
    actions,
    newest first, and then the last ones again."""
    polls = iter(range(10_000))
    poll = 0

    def get(_: dict[str, Any]) -> Answer:
        nonlocal poll
        poll = next(polls)
        status = statuses[min(poll, len(statuses) - 1)]
        if status is None:
            return "PipelineExecutionNotFoundException"
        return {"pipelineExecution": {"pipelineExecutionId": E1, "status": status}}

    pipeline, _, timer = executions(
        GetPipelineExecution=get,
        ListActionExecutions=lambda _: {
            "actionExecutionDetails": details[min(poll, len(details) - 1)]
        },
    )
    steps = []
    try:
        for step in follow_execution(pipeline, E1, limit=limit):
            steps.append(step)
    except PhaselineError as error:
        return steps, error, timer
    return steps, None, timer


def test_start_and_end_of_each_action_are_reported_once_and_in_order() -> None:
    build = {"externalExecutionUrl": "https://logs"}
    source, done = action("Opt", "Succeeded"), action("Build", "Succeeded", 1, **build)
    running = action("Build", "InProgress", 1, **build)
    steps, error, _ = follow(
        ["InProgress", "InProgress", "InProgress", "Succeeded"],
        [[source], [running, source], [running, source], [done, source]],
    )
    assert error is None
    assert [(step.stage, step.action, step.state, step.seconds, step.link) for step in steps] == [
        ("Opt stage", "Opt", "Succeeded", 60.0, None),
        ("Build stage", "Build", "InProgress", None, "https://logs"),
        ("Build stage", "Build", "Succeeded", 60.0, "https://logs"),
    ]


def test_error_of_a_failure_has_execution_stage_action_reason_and_log() -> None:
    result: dict[str, Any] = {
        "errorDetails": {"message": "exit 1."},
        "externalExecutionUrl": "https://logs",
    }
    steps, error, _ = follow(["Failed"], [[action("Build", "Failed", **result)]])
    assert isinstance(error, DeploymentError)
    assert error.where == f"pipeline phaseline-demo, execution {E1}"
    assert error.found == "Build stage / Build failed: exit 1"
    assert "https://logs" in error.remedy
    assert steps[-1].state == "Failed"


@pytest.mark.parametrize("status", ["Failed", "Stopped", "Cancelled"])
def test_error_of_an_end_without_a_failed_action_has_status_and_remedy(status: str) -> None:
    _, error, _ = follow([status], [[]])
    assert isinstance(error, DeploymentError)
    assert f"ended with status {status}" in error.found
    assert "Run this again" in error.remedy


def test_superseded_execution_has_an_error_of_its_own() -> None:
    """A caller follows the newer execution instead."""
    _, error, _ = follow(["InProgress", "Superseded"], [[action("Opt", "Succeeded")]])
    assert isinstance(error, SupersededError)


def test_error_of_a_timeout_names_the_newest_action() -> None:
    _, error, timer = follow(["InProgress"], [[action("Build", "InProgress")]], limit=20.0)
    assert isinstance(error, TimedOutError)
    assert "Build" in error.found
    assert 16.0 < sum(timer.slept) <= 20.0


def test_stopping_execution_is_followed_until_it_has_stopped() -> None:
    _, error, timer = follow(["Stopping", "Stopped"], [[]])
    assert error is not None
    assert "Stopped" in error.found
    assert len(timer.slept) == 1


def test_new_execution_that_is_not_found_is_awaited_for_a_limited_time() -> None:
    steps, error, _ = follow([None, None, "Succeeded"], [[action("Opt", "Succeeded")]])
    assert error is None
    assert len(steps) == 1
    with pytest.raises(ClientError, match="PipelineExecutionNotFound"):
        follow([None], [[]], limit=APPEARANCE * 3)
