"""The action runs of one pipeline execution: their times, results and failures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from phaseline import times

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        ActionExecutionResultTypeDef,
    )

ACTIONS_LIMIT = 200
"""The most action executions that are read. A run of the pipeline has nine, and each retry adds
more."""
RUNNING, FAILED = "InProgress", "Failed"
REASON_LIMIT = 500
"""Characters of a failure's reason that are stored or shown."""
REVISION_VARIABLES = ("CommitId", "VersionId")
"""The output variables in which a source action names its revision: of a repository, of S3.
https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
"""


@dataclass(frozen=True)
class Action:
    """One run of an action. Times are ISO 8601, UTC, in milliseconds.

    `state` is the status in CodePipeline, such as `Succeeded`, and `updated` is the time of its
    last change. `link` is the page of the log. `external_id` is the ID in the service that did the
    work, such as CodeBuild. `reason` is that of a failure, and `code` its kind (`JobFailed`).
    """

    stage: str
    action: str
    state: str
    started: str
    updated: str
    link: str | None = None
    external_id: str | None = None
    reason: str | None = None
    code: str | None = None

    @property
    def seconds(self) -> float | None:
        """The duration, or None while the action runs."""
        if self.state == RUNNING:
            return None
        started, ended = map(datetime.fromisoformat, (self.started, self.updated))
        return (ended - started).total_seconds()


def details(
    client: "CodePipelineClient", pipeline: str, execution: str
) -> list["ActionExecutionDetailTypeDef"]:
    """Return the action executions of `execution` so far, newest first."""
    pages = client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline,
        filter={"pipelineExecutionId": execution},
        PaginationConfig={"MaxItems": ACTIONS_LIMIT},
    )
    return [detail for page in pages for detail in page["actionExecutionDetails"]]


def newest_failure(details: Iterable["ActionExecutionDetailTypeDef"]) -> Action | None:
    """Return the latest failed action, or None."""
    # The list also contains the failures of earlier attempts of a retried stage.
    failures = [read(detail) for detail in details if detail.get("status") == FAILED]
    return max(failures, key=lambda failure: failure.updated, default=None)


def ran(details: Sequence["ActionExecutionDetailTypeDef"]) -> tuple[Action, ...]:
    """Return the action runs of `details` (newest first) in the order of their start.

    Reasons are cut to REASON_LIMIT characters. Actions that did not start are left out.
    """
    runs = [read(detail) for detail in reversed(details) if "startTime" in detail]
    short = [replace(run, reason=run.reason and run.reason[:REASON_LIMIT]) for run in runs]
    return tuple(sorted(short, key=lambda run: (run.started, run.updated)))


def taken(details: Sequence["ActionExecutionDetailTypeDef"]) -> dict[str, str]:
    """Return the commit or S3 version ID of each source action, by the action's name."""
    revisions = {}
    for detail in reversed(details):  # oldest first, so that the revision of a retry counts
        variables = detail.get("output", {}).get("outputVariables", {})
        for name in REVISION_VARIABLES:
            if detail["input"]["actionTypeId"]["category"] == "Source" and name in variables:
                revisions[detail["actionName"]] = variables[name]
    return revisions


def read(detail: "ActionExecutionDetailTypeDef") -> Action:
    """Return the action run in an item of ListActionExecutions."""
    result = detail.get("output", {}).get("executionResult", {})
    updated = detail["lastUpdateTime"]
    return Action(
        stage=detail.get("stageName", "unknown"),
        action=detail.get("actionName", "unknown"),
        state=detail["status"],
        started=times.instant(detail.get("startTime", updated)),
        updated=times.instant(updated),
        link=result.get("externalExecutionUrl") or None,
        external_id=result.get("externalExecutionId") or None,
        reason=_reason(result) if detail["status"] == FAILED else None,
        code=result.get("errorDetails", {}).get("code"),
    )


def _reason(result: "ActionExecutionResultTypeDef") -> str:
    message = result.get("errorDetails", {}).get("message")
    return message or result.get("externalExecutionSummary") or "no reason was given"
