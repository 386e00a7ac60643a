"""The state changes that CodePipeline sends to EventBridge.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
"""

import datetime
import json
from typing import Any

from ministack.services import eventbridge

from local.aws.codepipeline.state import ActionRun, Execution
from local.aws.ministack.scope import ACCOUNT, REGION

_ACTION_STATES = {
    "InProgress": "STARTED",
    "Succeeded": "SUCCEEDED",
    "Failed": "FAILED",
    "Abandoned": "ABANDONED",
}


def pipeline_changed(execution: Execution, state: str) -> None:
    """Send the state STARTED, SUCCEEDED, RESUMED, FAILED, STOPPING, STOPPED or SUPERSEDED."""
    trigger = {
        "trigger-type": execution.trigger["triggerType"],
        "trigger-detail": execution.trigger.get("triggerDetail", ""),
    }
    detail = {**_common(execution), "execution-trigger": trigger, "state": state}
    if execution.stop_reason:
        detail["stop-execution-comments"] = execution.stop_reason
    _put("CodePipeline Pipeline Execution State Change", execution, detail)


def stage_changed(execution: Execution, stage: str, state: str) -> None:
    """Send the state STARTED, SUCCEEDED, RESUMED, FAILED, STOPPING, STOPPED or CANCELED."""
    detail = {**_common(execution), "stage": stage, "state": state}
    _put("CodePipeline Stage Execution State Change", execution, detail)


def action_changed(execution: Execution, run: ActionRun) -> None:
    """Send the state STARTED, SUCCEEDED, FAILED or ABANDONED, with an ended action's result."""
    detail: dict[str, Any] = {
        **_common(execution),
        "stage": run.stage,
        "action": run.action["name"],
        "action-execution-id": run.id,
        "state": _ACTION_STATES[run.status],
        "region": REGION,
        "type": dict(run.action["actionTypeId"]),
        "input-artifacts": [_artifact(artifact) for artifact in run.inputs],
        "output-artifacts": [_artifact(artifact) for artifact in run.outputs],
    }
    if run.status != "InProgress":
        detail["execution-result"] = _result(run)
    _put("CodePipeline Action Execution State Change", execution, detail)


def _common(execution: Execution) -> dict[str, Any]:
    return {
        "pipeline": execution.pipeline,
        "execution-id": execution.id,
        "start-time": _iso(execution.started),
        "version": float(execution.declaration["version"]),
        "pipeline-execution-attempt": float(execution.attempt),
    }


def _artifact(artifact: Any) -> dict[str, Any]:
    return {"name": artifact.name, "s3location": artifact.location()}


def _result(run: ActionRun) -> dict[str, str]:
    result = {
        "external-execution-url": run.external_url or "",
        "external-execution-summary": run.summary or "",
        "external-execution-id": run.external_id or "",
    }
    if run.error:
        result["error-code"], result["external-execution-summary"] = run.error
    return result


def _iso(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _put(kind: str, execution: Execution, detail: dict[str, Any]) -> None:
    entry = {
        "Source": "aws.codepipeline",
        "DetailType": kind,
        "Detail": json.dumps(detail),
        "Resources": [f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{execution.pipeline}"],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
