"""The actions of one pipeline execution: when each ran, and which one failed."""

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
"""Action executions that are looked at: a pass of the pipeline has nine, a retry adds its own."""


RUNNING, FAILED = "InProgress", "Failed"
REASON_LIMIT = 500
"""Characters of a failure's reason that are stored or shown."""
REVISION_VARIABLES = ("CommitId", "VersionId")
"""The variables in which a source action says what it took: from a repository, from S3.
https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
"""


@dataclass(frozen=True)
class Action:
    """One run of an action. Times are ISO 8601, UTC, in milliseconds.

    `state` is CodePipeline's word, such as `Succeeded`, and `updated` when it became so. `link` is
    the page of its log, `external_id` its id in the service that did the work, and `reason` why it
    failed.
    """

    stage: str
    action: str
    state: str
    started: str
    updated: str
    link: str | None = None
    external_id: str | None = None
    reason: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        if self.state == RUNNING:
            return None
        started, ended = map(datetime.fromisoformat, (self.started, self.updated))
        return (ended - started).total_seconds()


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


def newest_failure(details: Iterable["ActionExecutionDetailTypeDef"]) -> Action | None:
    """The failure that ended an execution, where one did."""
    # A retried stage leaves its earlier failures in the list.
    failures = [read(detail) for detail in details if detail.get("status") == FAILED]
    return max(failures, key=lambda failure: failure.updated, default=None)


def ran(details: Sequence["ActionExecutionDetailTypeDef"]) -> tuple[Action, ...]:
    """Each run of an action of `details` (newest first), in the order of their start, with reasons
    of at most REASON_LIMIT characters."""
    runs = [read(detail) for detail in reversed(details) if "startTime" in detail]
    short = [replace(run, reason=run.reason and run.reason[:REASON_LIMIT]) for run in runs]
    return tuple(sorted(short, key=lambda run: (run.started, run.updated)))


def taken(details: Sequence["ActionExecutionDetailTypeDef"]) -> dict[str, str]:
    """What each source action took: commit or S3 version id, by the action's name."""
    found = {}
    for detail in reversed(details):  # newest first, and what a retry took counts
        variables = detail.get("output", {}).get("outputVariables", {})
        for name in REVISION_VARIABLES:
            if detail["input"]["actionTypeId"]["category"] == "Source" and name in variables:
                found[detail["actionName"]] = variables[name]
    return found


def read(detail: "ActionExecutionDetailTypeDef") -> Action:
    """One run of an action, as ListActionExecutions lists it."""
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
    )


def _reason(result: "ActionExecutionResultTypeDef") -> str:
    said = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary")
    return said or "no reason was given"
