"""The action runs of one execution, as CodePipeline lists them."""

from typing import Any

import boto3
import pytest

from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from tests.builders.calls import Calls
from tests.builders.executions import detail
from tests.builders.pipeline import source


def failure(*pages: list[dict[str, Any]]) -> tuple[Action | None, Calls]:
    """Return the newest failure on these pages of the list, and the calls."""
    client = boto3.client("codepipeline")

    def answer(params: dict[str, Any]) -> dict[str, Any]:
        number = int(params.get("nextToken", "0"))
        more = {"nextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return {"actionExecutionDetails": pages[number], **more}

    calls = Calls(client, ListActionExecutions=answer)
    return actions.newest_failure(actions.details(client, "phaseline-demo", "e1")), calls


def test_only_the_actions_of_the_execution_are_listed() -> None:
    _, calls = failure([])
    assert calls.asked[0][1]["filter"] == {"pipelineExecutionId": "e1"}


def test_execution_without_actions_has_no_failure() -> None:
    assert failure([])[0] is None


def test_newest_failure_of_all_pages_is_returned() -> None:
    newest, _ = failure(
        [
            detail("Build", "Failed", 9, errorDetails={"message": "second"}),
            detail("Build", "Failed", 5, errorDetails={"message": "first"}),
        ],
        [detail("Source", "Succeeded", 1)],
    )
    assert newest
    assert (newest.stage, newest.action, newest.reason) == ("Build stage", "Build", "second")


@pytest.mark.parametrize(
    ("result", "reason", "url"),
    [
        ({"errorDetails": {"message": "why"}, "externalExecutionSummary": "s"}, "why", None),
        ({"externalExecutionSummary": "s"}, "s", None),
        ({}, "no reason was given", None),
        ({"externalExecutionUrl": "https://logs"}, "no reason was given", "https://logs"),
    ],
)
def test_failure_has_the_error_message_or_else_the_summary(
    result: dict[str, Any], reason: str, url: str | None
) -> None:
    """It has the address of the log, if there is one."""
    newest, _ = failure([detail("Build", "Failed", 1, **result)])
    assert newest
    assert (newest.reason, newest.link) == (reason, url)


def test_runs_are_in_the_order_of_their_start_and_failures_have_a_reason() -> None:
    details: Any = [
        detail("Build", "InProgress", 9),
        detail("Build", "Failed", 5, errorDetails={"message": "x" * 999}),
        detail("Source", "Succeeded", 1, externalExecutionId="id"),
    ]
    ran = actions.ran(details)
    assert [(run.action, run.state) for run in ran] == [
        ("Source", "Succeeded"),
        ("Build", "Failed"),
        ("Build", "InProgress"),
    ]
    assert ran[0].external_id == "id"
    assert ran[1].reason == "x" * actions.REASON_LIMIT
    assert ran[1].started == "2026-11-24T20:05:00.000Z"


def test_newest_commit_or_version_of_each_source_is_returned() -> None:
    """Actions that are not sources have no revision."""
    details: Any = [
        source("Build", 3, VersionId="not of a source"),
        source("Opt", 2, VersionId="new"),
        source("Opt", 2, VersionId="old"),
        source("Frontend", 1, CommitId="c0ffee0", BranchName="main"),
    ]
    details[0]["input"]["actionTypeId"]["category"] = "Build"
    assert actions.taken(details) == {"Opt": "new", "Frontend": "c0ffee0"}
