"""Ensuring that an execution carries a document's version, and following it to its end."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from phaseline.errors import DeploymentError, PhaselineError, RemoteCallError, TimedOutError
from phaseline.pipeline.actions import Action
from phaseline.pipeline.ensure import Adopted, Ensured, Missing, carrier
from phaseline.pipeline.ensure import ensure as ensure_version
from phaseline.pipeline.executions import (
    Execution,
    Executions,
    execution_url,
)
from phaseline.pipeline.follow import APPEARANCE
from phaseline.pipeline.follow import follow as follow_execution
from tests.builders.calls import Answer, Calls
from tests.builders.executions import E1, E2, E3, action, summary
from tests.builders.timing import Timer

STATUSES = ["InProgress", "Succeeded", "Failed", "Stopping", "Stopped", "Superseded", "Cancelled"]


def execution(id_: str, status: str, **revisions: str) -> Execution:
    """An execution with these revisions by source action."""
    return Execution(id_, status, revisions, None)


def executions(**answers: Callable[[dict[str, Any]], Answer]) -> tuple[Executions, Calls, Timer]:
    """The executions of a pipeline that answers so, what it was asked, and the time."""
    client, timer = boto3.client("codepipeline"), Timer()
    calls = Calls(client, **answers)
    return Executions(client, "phaseline-demo", timer.clock, timer.sleep), calls, timer


def ensure(
    *pages: list[dict[str, Any]],
    covered_by: str | None = None,
    started: Answer | None = None,
) -> tuple[Ensured, Calls, Timer]:
    """Ensure version v2 of `opt`, where each look finds the next page, the last one for good."""
    looks = iter(pages)
    last: list[dict[str, Any]] = []

    def listed(_: dict[str, Any]) -> Mapping[str, Any]:
        nonlocal last
        last = next(looks, last)
        return {"pipelineExecutionSummaries": last}

    known, calls, timer = executions(
        ListPipelineExecutions=listed,
        StartPipelineExecution=lambda _: started or {"pipelineExecutionId": E3},
    )
    return ensure_version(known, "opt", "v2", lambda: covered_by), calls, timer


@pytest.mark.parametrize(
    ("found", "covered_by", "expected"),
    [
        ([execution(E2, "Succeeded", Opt="v2")], None, Adopted(E2, done=True)),
        ([execution(E2, "InProgress", Opt="v2")], None, Adopted(E2, done=False)),
        (
            [execution(E3, "InProgress", Opt="v2"), execution(E2, "Succeeded", Opt="v2")],
            None,
            Adopted(E2, done=True),
        ),
        (
            [execution(E3, "InProgress", Opt="v2"), execution(E2, "InProgress", Opt="v2")],
            None,
            Adopted(E2, done=False),
        ),
        ([execution(E2, "InProgress", Opt="v2")], E1, Adopted(E1, done=True)),
        ([execution(E2, "Failed", Opt="v2")], E1, Adopted(E1, done=True)),
        ([], E1, Adopted(E1, done=True)),
    ],
)
def test_adopts(found: list[Execution], covered_by: str | None, expected: Adopted) -> None:
    """One that succeeded before one that runs, the older of two that run; and what is shown."""
    assert carrier("Opt", "v2", found, covered_by) == expected


@pytest.mark.parametrize("status", ["Failed", "Stopping", "Stopped", "Superseded", "Cancelled"])
def test_an_end_that_is_no_success_is_no_help(status: str) -> None:
    """Another execution is started at once: the event that starts one has arrived before."""
    found = carrier("Opt", "v2", [execution(E1, status, Opt="v2")], None)
    assert isinstance(found, Missing)
    assert not found.expected


def test_another_version_or_another_document_does_not_count() -> None:
    """The version must be that of the type's own source action."""
    others = [execution(E1, "Succeeded", Opt="v1"), execution(E2, "Succeeded", In="v2")]
    found = carrier("Opt", "v2", others, None)
    assert isinstance(found, Missing)
    assert found.expected


@given(
    found=st.lists(
        st.builds(
            execution,
            st.sampled_from([E1, E2, E3]),
            st.sampled_from(STATUSES),
            Opt=st.sampled_from(["v1", "v2"]),
        )
    )
)
def test_the_token(found: list[Execution]) -> None:
    """The same situation gives the same token, whatever else happens; another end another one."""
    decision = carrier("Opt", "v2", found, None)
    if isinstance(decision, Missing):
        assert re.fullmatch(r"[a-zA-Z0-9-]{1,128}", decision.token)
        unrelated = [execution("x", "InProgress", Opt="v3"), *found]
        assert carrier("Opt", "v2", unrelated, None) == decision
        failed = carrier("Opt", "v2", [execution("y", "Failed", Opt="v2"), *found], None)
        assert isinstance(failed, Missing)
        assert failed.token != decision.token


def test_waits_for_the_event() -> None:
    """The execution that EventBridge starts meanwhile is adopted, and no other is started."""
    found, calls, _ = ensure([], [summary(E1, "InProgress")], [summary(E1, "InProgress", Opt="v2")])
    assert found == Ensured(E1, started=False, done=False)
    assert calls.of("StartPipelineExecution") == []


def test_a_lost_event() -> None:
    """Where none comes in time, one is started, pinned to the version."""
    found, calls, timer = ensure([])
    assert found == Ensured(E3, started=True, done=False)
    (asked,) = calls.of("StartPipelineExecution")
    assert asked["name"] == "phaseline-demo"
    assert asked["sourceRevisions"] == [
        {"actionName": "Opt", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v2"}
    ]
    assert 26 < sum(timer.slept) <= 30


def test_after_a_failure_nothing_is_waited_for() -> None:
    """The event has come and gone: another execution is started at once."""
    found, _, timer = ensure([summary(E1, "Failed", Opt="v2")])
    assert found.started
    assert timer.slept == []


def test_more_than_a_page() -> None:
    """An execution on the second page of the list is found."""

    def listed(params: dict[str, Any]) -> Mapping[str, Any]:
        if "nextToken" in params:
            return {"pipelineExecutionSummaries": [summary(E1, "Succeeded", Opt="v2")]}
        return {"pipelineExecutionSummaries": [summary(E2, "Failed")], "nextToken": "2"}

    known, _, _ = executions(ListPipelineExecutions=listed)
    assert ensure_version(known, "opt", "v2", lambda: None) == Ensured(E1, started=False, done=True)


@pytest.mark.parametrize(
    "code", ["ConflictException", "ConcurrentPipelineExecutionsLimitExceededException"]
)
def test_busy(code: str) -> None:
    """A pipeline that takes no execution now is told as busy, with the code."""
    with pytest.raises(RemoteCallError, match=f"phaseline-demo: it is busy .*{code}"):
        ensure([summary(E1, "Failed", Opt="v2")], started=code)


def test_any_other_refusal_is_told_as_it_is() -> None:
    """A denied action is no busy pipeline."""
    with pytest.raises(ClientError, match="AccessDenied"):
        ensure([summary(E1, "Failed", Opt="v2")], started="AccessDeniedException")


def follow(
    statuses: list[str | None], details: list[list[dict[str, Any]]], *, limit: float = 60.0
) -> tuple[list[Action], PhaselineError | None, Timer]:
    """Follow an execution: at each look the next status (None: not found) and actions, newest
    first, the last ones for good."""
    looks = iter(range(10_000))
    look = 0

    def status(_: dict[str, Any]) -> Answer:
        nonlocal look
        look = next(looks)
        found = statuses[min(look, len(statuses) - 1)]
        if found is None:
            return "PipelineExecutionNotFoundException"
        return {"pipelineExecution": {"pipelineExecutionId": E1, "status": found}}

    known, _, timer = executions(
        GetPipelineExecution=status,
        ListActionExecutions=lambda _: {
            "actionExecutionDetails": details[min(look, len(details) - 1)]
        },
    )
    steps = []
    try:
        for step in follow_execution(known, E1, limit=limit):
            steps.append(step)
    except PhaselineError as error:
        return steps, error, timer
    return steps, None, timer


def test_each_change_is_told_once() -> None:
    """Each action's start and end, in their order, with duration and link."""
    build = {"externalExecutionUrl": "https://logs"}
    source, done = action("Opt", "Succeeded"), action("Build", "Succeeded", 1, **build)
    running = action("Build", "InProgress", 1, **build)
    steps, error, _ = follow(
        ["InProgress", "InProgress", "InProgress", "Succeeded"],
        [[source], [running, source], [running, source], [done, source]],
    )
    assert error is None
    told = [(step.stage, step.action, step.state, step.seconds, step.link) for step in steps]
    assert told == [
        ("Opt stage", "Opt", "Succeeded", 60.0, None),
        ("Build stage", "Build", "InProgress", None, "https://logs"),
        ("Build stage", "Build", "Succeeded", 60.0, "https://logs"),
    ]


def test_a_failure() -> None:
    """The error names execution, stage, action, reason and log; the failed action is told."""
    why: dict[str, Any] = {
        "errorDetails": {"message": "exit 1."},
        "externalExecutionUrl": "https://logs",
    }
    steps, error, _ = follow(["Failed"], [[action("Build", "Failed", **why)]])
    assert isinstance(error, DeploymentError)
    assert error.where == f"pipeline phaseline-demo, execution {E1}"
    assert error.found == "Build stage / Build failed: exit 1"
    assert "https://logs" in error.remedy
    assert steps[-1].state == "Failed"


@pytest.mark.parametrize("status", ["Failed", "Stopped", "Superseded", "Cancelled"])
def test_other_ends(status: str) -> None:
    """An end without a failed action is told as it is; what to do is said."""
    _, error, _ = follow([status], [[]])
    assert isinstance(error, DeploymentError)
    assert f"ended as {status}" in error.found
    assert "Run this again" in error.remedy


def test_out_of_time() -> None:
    """The bound is kept, and the newest action named."""
    _, error, timer = follow(["InProgress"], [[action("Build", "InProgress")]], limit=20.0)
    assert isinstance(error, TimedOutError)
    assert "Build" in error.found
    assert 16.0 < sum(timer.slept) <= 20.0


def test_stopping_is_not_the_end() -> None:
    """An execution that is being stopped is followed until it has stopped."""
    _, error, timer = follow(["Stopping", "Stopped"], [[]])
    assert error is not None
    assert "Stopped" in error.found
    assert len(timer.slept) == 1


def test_too_new_to_be_found() -> None:
    """An execution that CodePipeline does not know yet is waited for, within bounds."""
    steps, error, _ = follow([None, None, "Succeeded"], [[action("Opt", "Succeeded")]])
    assert error is None
    assert len(steps) == 1
    with pytest.raises(ClientError, match="PipelineExecutionNotFound"):
        follow([None], [[]], limit=APPEARANCE * 3)


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_console_links(partition: str, region: str, host: str) -> None:
    """The link leads to the console of the partition and the region."""
    url = execution_url(
        partition=partition, region=region, pipeline="phaseline-demo", execution="e1"
    )
    assert url == (
        f"https://{host}/codesuite/codepipeline/pipelines/phaseline-demo"
        f"/executions/e1/timeline?region={region}"
    )
