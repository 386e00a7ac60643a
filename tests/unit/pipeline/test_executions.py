"""Executions of the pipeline are listed and linked; test_ensure.py starts them."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from phaseline.errors import RefusedError
from phaseline.pipeline.executions import STOPPED, execution_url
from tests.builders.executions import E1, E2, executions, summary


def test_executions_on_all_pages_are_listed() -> None:
    def listed(params: dict[str, Any]) -> Mapping[str, Any]:
        if "nextToken" in params:
            return {"pipelineExecutionSummaries": [summary(E1, "Succeeded", Opt="v2")]}
        return {"pipelineExecutionSummaries": [summary(E2, "Failed")], "nextToken": "2"}

    pipeline, _, _ = executions(ListPipelineExecutions=listed)
    assert [(each.id, each.status, each.revisions) for each in pipeline.newest()] == [
        (E2, "Failed", {}),
        (E1, "Succeeded", {"Opt": "v2"}),
    ]


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_link_leads_to_the_console_of_partition_and_region(
    partition: str, region: str, host: str
) -> None:
    url = execution_url(
        partition=partition, region=region, pipeline="phaseline-demo", execution="e1"
    )
    assert url == (
        f"https://{host}/codesuite/codepipeline/pipelines/phaseline-demo"
        f"/executions/e1/timeline?region={region}"
    )


def test_execution_is_stopped_with_its_reason() -> None:
    found, calls, _ = executions(StopPipelineExecution=lambda _: {"pipelineExecutionId": E1})
    found.stop(E1, abandon=True, reason="x" * 300)
    assert calls.of("StopPipelineExecution") == [
        {
            "pipelineName": "phaseline-demo",
            "pipelineExecutionId": E1,
            "abandon": True,
            "reason": "x" * 200,
        }
    ]


@pytest.mark.parametrize("code", STOPPED)
def test_execution_that_has_ended_or_stops_already_is_refused(code: str) -> None:
    found, _, _ = executions(StopPipelineExecution=lambda _: code)
    with pytest.raises(RefusedError, match=STOPPED[code]):
        found.stop(E1, abandon=False, reason="x")


def test_other_refusal_of_a_stop_is_raised() -> None:
    found, _, _ = executions(StopPipelineExecution=lambda _: "AccessDeniedException")
    with pytest.raises(ClientError):
        found.stop(E1, abandon=False, reason="x")
