"""Moves executions through their stages, in the pipeline's execution mode.

In the modes QUEUED and SUPERSEDED, a stage processes one execution at a time. Executions that wait
for a stage enter it in the order of their arrival (QUEUED), or only the newest one does
(SUPERSEDED).
https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
"""

from collections.abc import Callable
from typing import Any

from local.aws.codepipeline import events, model
from local.aws.codepipeline.context import ActionFailedError, Context, Perform, place
from local.aws.codepipeline.state import ActionRun, Execution, Pipeline, Store
from local.aws.ministack.roles import Roles
from local.aws.ministack.scope import log, spawn
from local.aws.ministack.shapes import ServiceError

# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
CONCURRENT_LIMIT = 50

Skip = Callable[[str, str], bool]


def _run_all(_stage: str, _action: str) -> bool:
    return False


class Engine:
    """Starts, retries and stops executions. Only the engine changes entries of the store."""

    def __init__(self, store: Store, roles: Roles, perform: Perform) -> None:
        self._store, self._roles, self._perform = store, roles, perform

    def start(
        self,
        pipeline: Pipeline,
        trigger: dict[str, str],
        overrides: list[dict[str, str]] | None = None,
        variables: list[dict[str, str]] | None = None,
        token: str | None = None,
    ) -> Execution:
        """Start an execution, or return the one that the same client request token started."""
        with self._store.changed:
            if token is not None and token in pipeline.tokens:
                return pipeline.executions[pipeline.tokens[token]]
            model.check_overrides(pipeline.declaration, overrides or [])
            self._check_concurrency(pipeline)
            execution = Execution(
                pipeline.name,
                pipeline.declaration,
                trigger,
                overrides or [],
                model.starting_variables(pipeline.declaration, variables or []),
            )
            execution.namespaces["variables"] = execution.variables
            execution.namespaces["codepipeline"] = {"PipelineExecutionId": execution.id}
            pipeline.executions[execution.id] = execution
            if token is not None:
                pipeline.tokens[token] = execution.id
            self._arrive(pipeline, execution, 0)
        spawn(
            f"execution-{execution.id}", self._travel, pipeline, execution, 0, _run_all, "STARTED"
        )
        return execution

    def retry(self, pipeline: Pipeline, execution: Execution, stage: str, mode: str) -> None:
        """Retry a failed stage: all actions, or those that failed or have not run yet."""
        names = [entry["name"] for entry in execution.declaration["stages"]]
        if stage not in names:
            raise ServiceError("StageNotFoundException", f"Stage {stage} not found")
        with self._store.changed:
            if execution.stages.get(stage) != "Failed":
                raise ServiceError("StageNotRetryableException", f"Stage {stage} has not failed")
            if execution.mode != "PARALLEL" and pipeline.gate(stage).latest != execution.id:
                raise ServiceError(
                    "NotLatestPipelineExecutionException",
                    f"Another execution has entered stage {stage} since",
                )
            execution.attempt += 1
            execution.finish("InProgress")
            self._arrive(pipeline, execution, names.index(stage))
        done = {
            run.action["name"]
            for action in execution.declaration["stages"][names.index(stage)]["actions"]
            if (run := execution.latest_run(stage, action["name"])) and run.status == "Succeeded"
        }

        def skip(where: str, action: str) -> bool:
            return mode == "FAILED_ACTIONS" and where == stage and action in done

        index = names.index(stage)
        spawn(
            f"execution-{execution.id}", self._travel, pipeline, execution, index, skip, "RESUMED"
        )

    def stop(self, execution: Execution, abandon: bool, reason: str | None) -> None:
        """Stop an execution after the actions in progress, or without waiting for them."""
        with self._store.changed:
            if execution.status == "Stopping" and not abandon:
                raise ServiceError("DuplicatedStopRequestException", "Already stopping")
            if execution.status not in {"InProgress", "Stopping"}:
                raise ServiceError(
                    "PipelineExecutionNotStoppableException", f"Execution is {execution.status}"
                )
            execution.status, execution.stop_reason = "Stopping", reason
            execution.abandoned = execution.abandoned or abandon
            self._store.changed.notify_all()
        events.pipeline_changed(execution, "STOPPING")

    def _check_concurrency(self, pipeline: Pipeline) -> None:
        active = [e for e in pipeline.executions.values() if e.status in {"InProgress", "Stopping"}]
        mode = pipeline.declaration.get("executionMode", "SUPERSEDED")
        if mode != "SUPERSEDED" and len(active) >= CONCURRENT_LIMIT:
            raise ServiceError(
                "ConcurrentPipelineExecutionsLimitExceededException",
                f"{CONCURRENT_LIMIT} executions are in progress",
            )

    def _arrive(self, pipeline: Pipeline, execution: Execution, index: int) -> None:
        """Join the queue of a stage before the previous stage is left, which keeps the order."""
        stage = execution.declaration["stages"][index]["name"]
        pipeline.gate(stage).waiting.append(execution.id)
        self._store.changed.notify_all()

    def _enter(self, pipeline: Pipeline, execution: Execution, stage: str) -> bool:
        """Wait for the turn. Return False if the execution ended meanwhile."""
        gate = pipeline.gate(stage)
        with self._store.changed:
            while True:
                overtaken = execution.mode == "SUPERSEDED" and gate.waiting[-1] != execution.id
                if execution.status == "Stopping" or overtaken:
                    gate.waiting.remove(execution.id)
                    execution.finish("Stopped" if execution.status == "Stopping" else "Superseded")
                    self._store.changed.notify_all()
                    return False
                free = gate.holder is None and gate.waiting[0] == execution.id
                if gate.transition["enabled"] and (free or execution.mode == "PARALLEL"):
                    gate.waiting.remove(execution.id)
                    gate.latest = execution.id
                    gate.holder = None if execution.mode == "PARALLEL" else execution.id
                    execution.stages[stage] = "InProgress"
                    return True
                self._store.changed.wait()

    def _leave(self, pipeline: Pipeline, execution: Execution, index: int, status: str) -> None:
        """Record the end of a stage, join the queue of the next one, and let others enter."""
        stages = execution.declaration["stages"]
        with self._store.changed:
            execution.stages[stages[index]["name"]] = status
            if status != "Succeeded":
                execution.finish(status)
            elif index + 1 == len(stages):
                execution.finish("Succeeded")
            else:
                self._arrive(pipeline, execution, index + 1)
            gate = pipeline.gate(stages[index]["name"])
            gate.holder = None if gate.holder == execution.id else gate.holder
            self._store.changed.notify_all()

    def _travel(
        self, pipeline: Pipeline, execution: Execution, first: int, skip: Skip, state: str
    ) -> None:
        """Take an execution from a stage, in whose queue it is, to its end."""
        events.pipeline_changed(execution, state)
        for index, stage in enumerate(execution.declaration["stages"]):
            if index < first:
                continue
            if not self._enter(pipeline, execution, stage["name"]):
                break
            events.stage_changed(execution, stage["name"], state if index == first else "STARTED")
            status = self._run_stage(execution, stage, skip)
            self._leave(pipeline, execution, index, status)
            events.stage_changed(execution, stage["name"], status.upper())
            if status != "Succeeded":
                break
        events.pipeline_changed(execution, execution.status.upper())

    def _run_stage(self, execution: Execution, stage: dict[str, Any], skip: Skip) -> str:
        """Run the groups of actions one after another. A failed action ends the stage."""
        for group in model.in_order(stage["actions"]):
            runs = []
            for action in group:
                if not skip(stage["name"], action["name"]):
                    run = ActionRun(stage["name"], action)
                    with self._store.changed:
                        execution.runs.append(run)
                    runs.append(run)
            threads = [spawn(f"action-{run.id}", self._run_action, execution, run) for run in runs]
            for thread in threads:
                thread.join()
            if any(run.status == "Failed" for run in runs):
                return "Failed"
            if execution.status == "Stopping":
                return "Stopped"
        return "Succeeded"

    def _run_action(self, execution: Execution, run: ActionRun) -> None:
        action = run.action
        with self._store.changed:
            run.inputs = [execution.artifacts[a["name"]] for a in action.get("inputArtifacts", [])]
            run.outputs = [place(execution, a["name"]) for a in action.get("outputArtifacts", [])]
            namespaces = {name: dict(values) for name, values in execution.namespaces.items()}
        events.action_changed(execution, run)
        try:
            run.configuration = {
                name: model.resolve(value, namespaces)
                for name, value in action.get("configuration", {}).items()
            }
            context = Context(execution, run, self._roles, lambda: execution.abandoned)
            outcome = self._perform(context)
        except model.UnresolvedVariableError as error:
            run.error = ("ConfigurationError", str(error))
        except ActionFailedError as error:
            run.error = (error.code, error.message)
        except Exception as error:  # noqa: BLE001 - an error of the emulator itself must also end the action
            log.exception("Action %s failed unexpectedly", action["name"])
            run.error = ("SystemUnavailable", f"The emulator failed: {error!r}")
        else:
            run.variables, run.summary = outcome.variables, outcome.summary
            run.external_id = outcome.external_id or run.external_id
            run.external_url = outcome.external_url
        with self._store.changed:
            if execution.abandoned:
                run.finish("Abandoned")
            elif run.error:
                run.finish("Failed")
            else:
                run.finish("Succeeded")
                if "namespace" in action:
                    execution.namespaces[action["namespace"]] = run.variables
                execution.artifacts |= {artifact.name: artifact for artifact in run.outputs}
            execution.updated = run.updated
        events.action_changed(execution, run)
