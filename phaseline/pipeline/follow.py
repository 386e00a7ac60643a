"""Follows an execution of the pipeline to its end."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import TYPE_CHECKING

from phaseline.errors import DeploymentError, TimedOutError
from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from phaseline.pipeline.executions import ENDED, SUCCEEDED, SUPERSEDED, Executions

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import PipelineExecutionTypeDef

APPEARANCE = 15.0
"""Seconds until CodePipeline finds an execution that was just started."""


class SupersededError(DeploymentError):
    """A newer execution superseded the execution, and carries the same documents or later ones."""


def follow(executions: Executions, execution: str, *, limit: float) -> Iterator[Action]:
    """Yield each action of `execution` when it starts and when it ends, until the execution ends.

    Raises SupersededError if a newer execution overtook it, DeploymentError, with stage, action,
    reason and log, if it did not succeed otherwise, and TimedOutError after `limit` seconds.
    """
    started = executions.clock()
    statuses: dict[str, str] = {}
    for pause in chain(executions.polls, repeat(executions.polls[-1])):
        state = _find(executions, execution, patient=executions.clock() - started < APPEARANCE)
        details = (
            actions.details(executions.client, executions.pipeline, execution) if state else []
        )
        for detail in reversed(details):
            if statuses.get(detail["actionExecutionId"]) != detail["status"]:
                statuses[detail["actionExecutionId"]] = detail["status"]
                yield actions.read(detail)
        if state and state["status"] in ENDED:
            _check_success(executions, state, actions.newest_failure(details))
            return
        if executions.clock() + pause - started > limit:
            newest = details[0]["actionName"] if details else "none"
            raise TimedOutError(
                f"pipeline {executions.pipeline}, execution {execution}",
                f"it did not end within {limit:.0f} seconds; its newest action is {newest}",
                "The execution continues. Run this again to follow it further.",
            )
        executions.sleep(pause)


def _find(
    executions: Executions, execution: str, *, patient: bool
) -> "PipelineExecutionTypeDef | None":
    """Return the execution. If `patient`, return None if CodePipeline does not find it."""
    try:
        answer = executions.client.get_pipeline_execution(
            pipelineName=executions.pipeline, pipelineExecutionId=execution
        )
    except executions.client.exceptions.PipelineExecutionNotFoundException:
        if patient:
            return None
        raise
    return answer["pipelineExecution"]


def _check_success(
    executions: Executions, state: "PipelineExecutionTypeDef", failure: Action | None
) -> None:
    """Raise SupersededError or DeploymentError unless the execution succeeded."""
    status = state["status"]
    if status == SUCCEEDED:
        return
    where = f"pipeline {executions.pipeline}, execution {state['pipelineExecutionId']}"
    if status == SUPERSEDED:
        raise SupersededError(
            where,
            "a newer execution superseded it while it waited for a stage",
            "Follow the newer execution, which brings the same documents or later ones.",
        )
    if status == "Failed" and failure:
        log = f"Its log is {failure.link}. " if failure.link else ""
        raise DeploymentError(
            where,
            f"{failure.stage} / {failure.action} failed: {str(failure.reason).rstrip('.')}",
            f"{log}Correct the cause, then run this again.",
        )
    summary = state.get("statusSummary", "").rstrip(".")
    raise DeploymentError(
        where,
        f"it ended with status {status}: {summary or 'no reason was given'}",
        "Run this again. It then follows a newer execution, or starts one.",
    )
