"""Pipelines, executions, actions and jobs in the form of the API."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from local.aws.codepipeline.jobs import Job
from local.aws.codepipeline.state import ActionRun, Artifact, Execution, Pipeline
from local.aws.ministack.scope import ACCOUNT, REGION
from local.aws.ministack.shapes import ServiceError

T = TypeVar("T")
_PAGE = 100


def page(
    name: str, entries: Sequence[T], request: dict[str, Any], view: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """Return the views of one page of a list. The token is the position of the next page."""
    token = request.get("nextToken", "0")
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The next token is unknown")
    first = int(token)
    after = first + request.get("maxResults", _PAGE)
    answer: dict[str, Any] = {name: [view(entry) for entry in entries[first:after]]}
    if after < len(entries):
        answer["nextToken"] = str(after)
    return answer


def summary(pipeline: Pipeline) -> dict[str, Any]:
    """Return a PipelineSummary."""
    declaration = pipeline.declaration
    return {
        "name": pipeline.name,
        "version": declaration["version"],
        "pipelineType": declaration["pipelineType"],
        "executionMode": declaration["executionMode"],
        "created": pipeline.created,
        "updated": pipeline.updated,
    }


def execution_summary(execution: Execution) -> dict[str, Any]:
    """Return a PipelineExecutionSummary."""
    revisions = [
        {"actionName": run.action["name"], **run.revision}
        for run in _latest_runs(execution)
        if run.revision
    ]
    shown = {
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        "startTime": execution.started,
        "lastUpdateTime": execution.updated,
        "sourceRevisions": revisions,
        "trigger": execution.trigger,
        "executionMode": execution.mode,
        "executionType": "STANDARD",
    }
    if execution.stop_reason:
        shown["stopTrigger"] = {"reason": execution.stop_reason}
    return shown


def execution_detail(execution: Execution) -> dict[str, Any]:
    """Return a PipelineExecution."""
    revisions = [
        {"name": artifact.name, "created": run.updated, **run.revision}
        for run in _latest_runs(execution)
        if run.revision
        for artifact in run.outputs
    ]
    variables = execution.variables.items()
    return {
        "pipelineName": execution.pipeline,
        "pipelineVersion": execution.declaration["version"],
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        "artifactRevisions": revisions,
        "variables": [{"name": name, "resolvedValue": value} for name, value in variables],
        "trigger": execution.trigger,
        "executionMode": execution.mode,
        "executionType": "STANDARD",
    }


def pipeline_state(pipeline: Pipeline) -> dict[str, Any]:
    """Return the answer of GetPipelineState."""
    return {
        "pipelineName": pipeline.name,
        "pipelineVersion": pipeline.declaration["version"],
        "stageStates": [_stage(pipeline, stage) for stage in pipeline.declaration["stages"]],
        "created": pipeline.created,
        "updated": pipeline.updated,
    }


def action_detail(execution: Execution, run: ActionRun) -> dict[str, Any]:
    """Return an ActionExecutionDetail."""
    given = {
        "actionTypeId": run.action["actionTypeId"],
        "configuration": run.action.get("configuration", {}),
        "resolvedConfiguration": run.configuration,
        "region": REGION,
        "inputArtifacts": _artifacts(run.inputs),
    }
    if "namespace" in run.action:
        given["namespace"] = run.action["namespace"]
    result = {
        "externalExecutionId": run.external_id,
        "externalExecutionSummary": run.summary,
        "externalExecutionUrl": run.external_url,
        "errorDetails": _error(run),
    }
    made = {
        "outputArtifacts": _artifacts(run.outputs),
        "executionResult": _present(result),
        "outputVariables": run.variables,
    }
    return {
        "pipelineExecutionId": execution.id,
        "actionExecutionId": run.id,
        "pipelineVersion": execution.declaration["version"],
        "stageName": run.stage,
        "actionName": run.action["name"],
        "startTime": run.started,
        "lastUpdateTime": run.updated,
        "status": run.status,
        "input": given,
        "output": made if run.status != "InProgress" else {"executionResult": _present(result)},
    }


def job(found: Job) -> dict[str, Any]:
    """Return JobDetails."""
    data = {
        **found.data,
        "inputArtifacts": [_present(artifact) for artifact in found.data["inputArtifacts"]],
        "outputArtifacts": [_present(artifact) for artifact in found.data["outputArtifacts"]],
    }
    return {"id": found.id, "accountId": ACCOUNT, "data": data}


def _stage(pipeline: Pipeline, stage: dict[str, Any]) -> dict[str, Any]:
    name = stage["name"]
    gate = pipeline.gate(name)
    shown: dict[str, Any] = {
        "stageName": name,
        "inboundTransitionState": gate.transition,
        "actionStates": [],
    }
    waiting = [{"pipelineExecutionId": id_, "status": "InProgress"} for id_ in gate.waiting]
    if waiting:
        shown["inboundExecution"], shown["inboundExecutions"] = waiting[0], waiting
    latest = pipeline.executions[gate.latest] if gate.latest else None
    if latest:
        status = latest.stages[name]
        shown["latestExecution"] = {"pipelineExecutionId": latest.id, "status": status}
    for action in stage["actions"]:
        state: dict[str, Any] = {"actionName": action["name"]}
        run = latest.latest_run(name, action["name"]) if latest else None
        if run:
            state["latestExecution"] = _run(run)
            if run.revision:
                state["currentRevision"] = {
                    "revisionId": run.revision["revisionId"],
                    "revisionChangeId": run.revision["revisionId"],
                    "created": run.started,
                }
                state["revisionUrl"] = run.revision["revisionUrl"]
        shown["actionStates"].append(state)
    return shown


def _run(run: ActionRun) -> dict[str, Any]:
    return _present(
        {
            "actionExecutionId": run.id,
            "status": run.status,
            "summary": run.summary,
            "lastStatusChange": run.updated,
            "externalExecutionId": run.external_id,
            "externalExecutionUrl": run.external_url,
            "errorDetails": _error(run),
        }
    )


def _latest_runs(execution: Execution) -> list[ActionRun]:
    return list({(run.stage, run.action["name"]): run for run in execution.runs}.values())


def _artifacts(artifacts: list[Artifact]) -> list[dict[str, Any]]:
    return [{"name": artifact.name, "s3location": artifact.location()} for artifact in artifacts]


def _error(run: ActionRun) -> dict[str, str] | None:
    return {"code": run.error[0], "message": run.error[1]} if run.error else None


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
