"""CodePipeline's API on the emulator's endpoint."""

import copy
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator

from local.aws.codepipeline import model, views
from local.aws.codepipeline.context import PRINCIPAL
from local.aws.codepipeline.engine import Engine
from local.aws.codepipeline.jobs import Jobs
from local.aws.codepipeline.state import Execution, Pipeline, Store, now
from local.aws.ministack.roles import AccessDeniedError, Roles
from local.aws.ministack.scope import ACCOUNT, REGION
from local.aws.ministack.shapes import Protocol, Response, ServiceError


class CodePipeline:
    """Answers the requests of the API. The engine runs the executions."""

    def __init__(self, store: Store, engine: Engine, jobs: Jobs, roles: Roles) -> None:
        self.protocol = Protocol("codepipeline")
        self._store, self._engine, self._jobs, self._roles = store, engine, jobs, roles
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreatePipeline": self.create,
            "UpdatePipeline": self.update,
            "DeletePipeline": self.delete,
            "GetPipeline": self._get_pipeline,
            "ListPipelines": self._list_pipelines,
            "StartPipelineExecution": self._start,
            "StopPipelineExecution": self._stop,
            "RetryStageExecution": self._retry,
            "DisableStageTransition": self._disable_transition,
            "EnableStageTransition": self._enable_transition,
            "GetPipelineState": self._get_state,
            "GetPipelineExecution": self._get_execution,
            "ListPipelineExecutions": self._list_executions,
            "ListActionExecutions": self._list_action_executions,
            "GetJobDetails": self._get_job,
            "PutJobSuccessResult": self._settle,
            "PutJobFailureResult": self._settle,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    async def handle(
        self, _method: str, _path: str, headers: Any, body: bytes, _query: Any
    ) -> Response:
        """Answer one request, in the shape of ministack's service handlers."""
        operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        try:
            request = self.protocol.parse(operation, body)
            perform = self._operations.get(operation, _refuse)
            return self.protocol.answer(operation, perform(request))
        except ServiceError as error:
            return self.protocol.refuse(error)

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreatePipeline. The first execution starts at once, as on AWS."""
        declaration = self._accepted(request["pipeline"])
        with self._store.changed:
            if declaration["name"] in self._store.pipelines:
                raise ServiceError(
                    "PipelineNameInUseException", f"A pipeline {declaration['name']} exists"
                )
            declaration["version"] = 1
            pipeline = Pipeline(declaration, tags=request.get("tags", []))
            pipeline.versions[1] = declaration
            self._store.pipelines[pipeline.name] = pipeline
        self._engine.start(pipeline, {"triggerType": "CreatePipeline", "triggerDetail": ACCOUNT})
        return {"pipeline": declaration, "tags": pipeline.tags}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdatePipeline. Executions in progress keep the declaration with which they started."""
        declaration = self._accepted(request["pipeline"])
        pipeline = self.pipeline(declaration["name"])
        with self._store.changed:
            declaration["version"] = pipeline.declaration["version"] + 1
            pipeline.declaration = pipeline.versions[declaration["version"]] = declaration
            pipeline.updated = now()
        return {"pipeline": declaration}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeletePipeline. Executions in progress are abandoned. A missing pipeline is no error."""
        with self._store.changed:
            pipeline = self._store.pipelines.pop(request["name"], None)
            for execution in pipeline.executions.values() if pipeline else []:
                if execution.status in {"InProgress", "Stopping"}:
                    execution.status, execution.abandoned = "Stopping", True
            self._store.changed.notify_all()
        return {}

    def start(self, name: str, trigger: dict[str, str], request: dict[str, Any]) -> Execution:
        """StartPipelineExecution. Return the execution."""
        return self._engine.start(
            self.pipeline(name),
            trigger,
            request.get("sourceRevisions"),
            request.get("variables"),
            request.get("clientRequestToken"),
        )

    def pipeline(self, name: str) -> Pipeline:
        """Return a pipeline. Raises ServiceError if it does not exist."""
        try:
            return self._store.pipelines[name]
        except KeyError as error:
            raise ServiceError(
                "PipelineNotFoundException", f"Account '{ACCOUNT}' has no pipeline '{name}'"
            ) from error

    def pipelines(self) -> list[Pipeline]:
        """Return all pipelines."""
        return list(self._store.pipelines.values())

    def _accepted(self, declaration: dict[str, Any]) -> dict[str, Any]:
        model.validate(declaration)
        try:
            source = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{declaration['name']}"
            self._roles.client(declaration["roleArn"], PRINCIPAL, "sts", source=source)
        except AccessDeniedError as error:
            raise ServiceError("InvalidStructureException", str(error)) from error
        return {"executionMode": "SUPERSEDED", "pipelineType": "V1", **copy.deepcopy(declaration)}

    def _execution(self, request: dict[str, Any]) -> tuple[Pipeline, Execution]:
        pipeline = self.pipeline(request["pipelineName"])
        wanted = request["pipelineExecutionId"]
        if wanted not in pipeline.executions:
            raise ServiceError(
                "PipelineExecutionNotFoundException", f"No execution {wanted} of {pipeline.name}"
            )
        return pipeline, pipeline.executions[wanted]

    def _get_pipeline(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline = self.pipeline(request["name"])
        version = request.get("version", pipeline.declaration["version"])
        if version not in pipeline.versions:
            raise ServiceError("PipelineVersionNotFoundException", f"No version {version}")
        metadata = {
            "pipelineArn": pipeline.arn,
            "created": pipeline.created,
            "updated": pipeline.updated,
        }
        return {"pipeline": pipeline.versions[version], "metadata": metadata}

    def _list_pipelines(self, request: dict[str, Any]) -> dict[str, Any]:
        return views.page("pipelines", list(self.pipelines()), request, views.summary)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        trigger = {
            "triggerType": "StartPipelineExecution",
            "triggerDetail": iam_evaluator.caller_arn(),
        }
        return {"pipelineExecutionId": self.start(request["name"], trigger, request).id}

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        _, execution = self._execution(request)
        self._engine.stop(execution, request.get("abandon", False), request.get("reason"))
        return {"pipelineExecutionId": execution.id}

    def _retry(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline, execution = self._execution(request)
        self._engine.retry(pipeline, execution, request["stageName"], request["retryMode"])
        return {"pipelineExecutionId": execution.id}

    def _disable_transition(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._transition(request, {"enabled": False, "disabledReason": request["reason"]})

    def _enable_transition(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._transition(request, {"enabled": True})

    def _transition(self, request: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """Enable or disable the transition into a stage. Executions wait while it is disabled."""
        pipeline = self.pipeline(request["pipelineName"])
        name = request["stageName"]
        if request["transitionType"] != "Inbound":
            raise ServiceError("UnsupportedOperationException", "Only Inbound is emulated")
        if name not in {stage["name"] for stage in pipeline.declaration["stages"]}:
            raise ServiceError("StageNotFoundException", f"Stage {name} not found")
        changed = {"lastChangedBy": iam_evaluator.caller_arn(), "lastChangedAt": now()}
        with self._store.changed:
            pipeline.gate(name).transition = {**state, **changed}
            self._store.changed.notify_all()
        return {}

    def _get_state(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline = self.pipeline(request["name"])
        with self._store.changed:
            return views.pipeline_state(pipeline)

    def _get_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        _, execution = self._execution(request)
        with self._store.changed:
            return {"pipelineExecution": views.execution_detail(execution)}

    def _list_executions(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline = self.pipeline(request["pipelineName"])
        stage = request.get("filter", {}).get("succeededInStage", {}).get("stageName")
        with self._store.changed:
            found = [
                execution
                for execution in reversed(pipeline.executions.values())
                if stage is None or execution.stages.get(stage) == "Succeeded"
            ]
            name = "pipelineExecutionSummaries"
            return views.page(name, found, request, views.execution_summary)

    def _list_action_executions(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline = self.pipeline(request["pipelineName"])
        chosen = request.get("filter", {})
        wanted = chosen.get("pipelineExecutionId") or chosen.get(
            "latestInPipelineExecution", {}
        ).get("pipelineExecutionId")
        with self._store.changed:
            found = [
                (execution, run)
                for execution in reversed(pipeline.executions.values())
                if wanted in {None, execution.id}
                for run in reversed(execution.runs)
            ]
            name = "actionExecutionDetails"
            return views.page(name, found, request, lambda pair: views.action_detail(*pair))

    def _get_job(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"jobDetails": views.job(self._jobs.get(request["jobId"]))}

    def _settle(self, request: dict[str, Any]) -> dict[str, Any]:
        self._jobs.settle(request)
        return {}

    def _tagged(self, request: dict[str, Any]) -> Pipeline:
        for pipeline in self.pipelines():
            if pipeline.arn == request["resourceArn"]:
                return pipeline
        raise ServiceError("ResourceNotFoundException", f"No resource {request['resourceArn']}")

    def _tag(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline = self._tagged(request)
        new = {tag["key"] for tag in request["tags"]}
        pipeline.tags = [t for t in pipeline.tags if t["key"] not in new] + request["tags"]
        return {}

    def _untag(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline = self._tagged(request)
        pipeline.tags = [t for t in pipeline.tags if t["key"] not in request["tagKeys"]]
        return {}

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"tags": self._tagged(request).tags}


def _refuse(_request: dict[str, Any]) -> dict[str, Any]:
    raise ServiceError("UnsupportedOperationException", "The operation is not emulated")
