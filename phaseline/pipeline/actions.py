"""What the actions of one pipeline execution did: since when it runs, and what failed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phaseline import times

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        ActionExecutionResultTypeDef,
    )

ACTIONS_LIMIT = 200
"""Action executions that are looked at: a pass of the pipeline has nine, a retry adds its own."""


RUNNING, FAILED = "InProgress", "Failed"
REASON_LIMIT = 500
"""Characters of a failure's reason that are kept of an action."""
REVISION_VARIABLES = ("CommitId", "VersionId")
"""The variables in which a source action says what it took: from a repository, from S3.
https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
"""


@dataclass(frozen=True)
class Action:
    """One run of an action. Times are ISO 8601, UTC, in milliseconds.

    `state` is CodePipeline's word, `updated` when it became so. `link` is where it logged,
    `external_id` what the service that did it calls it, and `reason` why it failed.
    """

    stage: str
    action: str
    state: str
    started: str
    updated: str
    link: str | None = None
    external_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class FailedAction:
    """An action that failed; `log_url` is where it logged, or None where that is not known."""

    stage: str
    action: str
    reason: str
    log_url: str | None


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
    failures = [detail for detail in details if detail.get("status") == FAILED]
    if not failures:
        return None
    # A retried stage leaves its earlier failures in the list.
    newest = max(failures, key=lambda detail: detail["lastUpdateTime"])
    result = newest.get("output", {}).get("executionResult", {})
    return FailedAction(
        stage=newest.get("stageName", "unknown"),
        action=newest.get("actionName", "unknown"),
        reason=_reason(result),
        log_url=result.get("externalExecutionUrl") or None,
    )


def ran(details: Sequence["ActionExecutionDetailTypeDef"]) -> tuple[Action, ...]:
    """Each run of an action of `details` (newest first), in the order of their start."""
    started = (_action(detail) for detail in reversed(details) if "startTime" in detail)
    return tuple(sorted(started, key=lambda each: (each.started, each.updated)))


def taken(details: Sequence["ActionExecutionDetailTypeDef"]) -> dict[str, str]:
    """What each source action took: commit or S3 version id, by the action's name."""
    found = {}
    for detail in reversed(details):  # newest first, and what a retry took counts
        variables = detail.get("output", {}).get("outputVariables", {})
        for name in REVISION_VARIABLES:
            if detail["input"]["actionTypeId"]["category"] == "Source" and name in variables:
                found[detail["actionName"]] = variables[name]
    return found


def _action(detail: "ActionExecutionDetailTypeDef") -> Action:
    result = detail.get("output", {}).get("executionResult", {})
    return Action(
        stage=detail["stageName"],
        action=detail["actionName"],
        state=detail["status"],
        started=times.instant(detail["startTime"]),
        updated=times.instant(detail["lastUpdateTime"]),
        link=result.get("externalExecutionUrl") or None,
        external_id=result.get("externalExecutionId") or None,
        reason=_reason(result)[:REASON_LIMIT] if detail["status"] == FAILED else None,
    )


def _reason(result: "ActionExecutionResultTypeDef") -> str:
    said = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary")
    return said or "no reason was given"
