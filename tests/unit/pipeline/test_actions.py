"""What CodePipeline tells about the actions of one execution."""

from typing import Any

import boto3
import pytest

from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from tests.builders.calls import Calls
from tests.builders.executions import detail
from tests.builders.pipeline import source


def failure(*pages: list[dict[str, Any]]) -> tuple[Action | None, Calls]:
    """The failure that CodePipeline tells on these pages, and what it was asked."""
    client = boto3.client("codepipeline")

    def answer(params: dict[str, Any]) -> dict[str, Any]:
        number = int(params.get("nextToken", "0"))
        more = {"nextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return {"actionExecutionDetails": pages[number], **more}

    calls = Calls(client, ListActionExecutions=answer)
    return actions.newest_failure(actions.details(client, "phaseline-demo", "e1")), calls


def test_asks_for_one_execution() -> None:
    """Only the execution's own actions are asked for."""
    _, calls = failure([])
    assert calls.asked[0][1]["filter"] == {"pipelineExecutionId": "e1"}


def test_nothing_is_known() -> None:
    """An execution without actions has no failure."""
    assert failure([])[0] is None


def test_the_newest_failure_counts() -> None:
    """Of a failure and its retry's failure, on different pages, the later is told."""
    told, _ = failure(
        [
            detail("Build", "Failed", 9, errorDetails={"message": "second"}),
            detail("Build", "Failed", 5, errorDetails={"message": "first"}),
        ],
        [detail("Source", "Succeeded", 1)],
    )
    assert told
    assert (told.stage, told.action, told.reason) == ("Build stage", "Build", "second")


@pytest.mark.parametrize(
    ("result", "reason", "url"),
    [
        ({"errorDetails": {"message": "why"}, "externalExecutionSummary": "s"}, "why", None),
        ({"externalExecutionSummary": "s"}, "s", None),
        ({}, "no reason was given", None),
        ({"externalExecutionUrl": "https://logs"}, "no reason was given", "https://logs"),
    ],
)
def test_reason_and_log(result: dict[str, Any], reason: str, url: str | None) -> None:
    """The most telling reason there is, and the log's address where there is one."""
    told, _ = failure([detail("Build", "Failed", 1, **result)])
    assert told
    assert (told.reason, told.link) == (reason, url)


def test_runs_in_the_order_of_their_start() -> None:
    """Of a listing, newest first, each run is told oldest first, a failure with its reason."""
    details: Any = [
        detail("Build", "InProgress", 9),
        detail("Build", "Failed", 5, errorDetails={"message": "x" * 999}),
        detail("Source", "Succeeded", 1, externalExecutionId="id"),
    ]
    told = actions.ran(details)
    assert [(each.action, each.state) for each in told] == [
        ("Source", "Succeeded"),
        ("Build", "Failed"),
        ("Build", "InProgress"),
    ]
    assert told[0].external_id == "id"
    assert told[1].reason == "x" * actions.REASON_LIMIT
    assert told[1].started == "2026-11-24T20:05:00.000Z"


def test_what_the_sources_took() -> None:
    """A commit or a version id, the newest where a source was retried; builds take nothing."""
    details: Any = [
        source("Build", 3, VersionId="none of a source"),
        source("Opt", 2, VersionId="new"),
        source("Opt", 2, VersionId="old"),
        source("Frontend", 1, CommitId="c0ffee0", BranchName="main"),
    ]
    details[0]["input"]["actionTypeId"]["category"] = "Build"
    assert actions.taken(details) == {"Opt": "new", "Frontend": "c0ffee0"}
