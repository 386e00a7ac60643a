"""Follows an execution of the pipeline to its end."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import TYPE_CHECKING

from phaseline.errors import DeploymentError, TimedOutError
from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from phaseline.pipeline.executions import ENDED, SUCCEEDED, Executions

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import PipelineExecutionTypeDef

APPEARANCE = 15.0
"""Seconds within which an execution that was just started can be asked for."""


def follow(executions: Executions, execution: str, *, limit: float) -> Iterator[Action]:
    """Each action of `execution` as it starts and ends, until the execution has succeeded.

    Raises DeploymentError, with stage, action, reason and log, where it ended otherwise, and
    TimedOutError after `limit` seconds.
    """
    started = executions.clock()
    seen: dict[str, str] = {}
    for pause in chain(executions.polls, repeat(executions.polls[-1])):
        found = _find(executions, execution, patient=executions.clock() - started < APPEARANCE)
        details = (
            actions.details(executions.client, executions.pipeline, execution) if found else []
        )
        for detail in reversed(details):
            if seen.get(detail["actionExecutionId"]) != detail["status"]:
                seen[detail["actionExecutionId"]] = detail["status"]
                yield actions.read(detail)
        if found and found["status"] in ENDED:
            _judge(executions, found, actions.newest_failure(details))
            return
        if executions.clock() + pause - started > limit:
            newest = details[0]["actionName"] if details else "none"
            raise TimedOutError(
                f"pipeline {executions.pipeline}, execution {execution}",
                f"its end was not seen within {limit:.0f} seconds; its newest action is {newest}",
                "It goes on by itexecutions. Run this again: it goes on following it.",
            )
        executions.sleep(pause)


def _find(
    executions: Executions, execution: str, *, patient: bool
) -> "PipelineExecutionTypeDef | None":
    """The execution; None while it may be too new to be found."""
    try:
        answer = executions.client.get_pipeline_execution(
            pipelineName=executions.pipeline, pipelineExecutionId=execution
        )
    except executions.client.exceptions.PipelineExecutionNotFoundException:
        if patient:
            return None
        raise
    return answer["pipelineExecution"]


def _judge(
    executions: Executions, found: "PipelineExecutionTypeDef", failure: Action | None
) -> None:
    """Raise DeploymentError unless the execution ended well."""
    status = found["status"]
    if status == SUCCEEDED:
        return
    where = f"pipeline {executions.pipeline}, execution {found['pipelineExecutionId']}"
    if status == "Failed" and failure:
        log = f"Its log is {failure.link}. " if failure.link else ""
        raise DeploymentError(
            where,
            f"{failure.stage} / {failure.action} failed: {str(failure.reason).rstrip('.')}",
            f"{log}Correct the cause, then run this again.",
        )
    summary = found.get("statusSummary", "").rstrip(".")
    raise DeploymentError(
        where,
        f"it ended as {status}: {summary or 'no reason was given'}",
        "Run this again: it goes on with a newer execution, or starts one.",
    )
