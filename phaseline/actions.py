"""What the actions of one pipeline execution did: since when it runs, and what failed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef

ACTIONS_LIMIT = 200
"""Action executions that are looked at: a pass of the pipeline has nine, a retry adds its own."""


@dataclass(frozen=True)
class FailedAction:
    """An action that failed; `log_url` is where it logged, or None where that is not known."""

    stage: str
    action: str
    reason: str
    log_url: str | None


@dataclass(frozen=True)
class Course:
    """The course of an execution: when its first action started, and its newest failure."""

    started: datetime | None
    failed: FailedAction | None


def course(client: "CodePipelineClient", pipeline: str, execution: str) -> Course:
    """The course of `execution` as far as CodePipeline tells it now."""
    found = details(client, pipeline, execution)
    return Course(
        started=min(
            (detail["startTime"] for detail in found if "startTime" in detail), default=None
        ),
        failed=newest_failure(found),
    )


def details(
    client: "CodePipelineClient", pipeline: str, execution: str
) -> list["ActionExecutionDetailTypeDef"]:
    """The action executions of `execution` so far, newest first."""
    pages = client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline,
        filter={"pipelineExecutionId": execution},
        PaginationConfig={"MaxItems": ACTIONS_LIMIT},
    )
    return [detail for page in pages for detail in page["actionExecutionDetails"]]


def newest_failure(details: Iterable["ActionExecutionDetailTypeDef"]) -> FailedAction | None:
    """The failure that ended an execution, where one did."""
    failures = [detail for detail in details if detail.get("status") == "Failed"]
    if not failures:
        return None
    # A retried stage leaves its earlier failures in the list.
    newest = max(failures, key=lambda detail: detail["lastUpdateTime"])
    result = newest.get("output", {}).get("executionResult", {})
    reason = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary")
    return FailedAction(
        stage=newest.get("stageName", "unknown"),
        action=newest.get("actionName", "unknown"),
        reason=reason or "no reason was given",
        log_url=result.get("externalExecutionUrl") or None,
    )
