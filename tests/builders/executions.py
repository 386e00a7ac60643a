"""Executions of the pipeline and their actions, as CodePipeline lists them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3

from phaseline.pipeline.executions import Executions
from tests.builders.calls import Answer, Calls
from tests.builders.timing import Timer


def at(minute: int) -> datetime:
    """Return a time in the execution."""
    return datetime(2026, 11, 24, 20, minute, tzinfo=UTC)


def detail(action: str, status: str, minute: int, **result: Any) -> dict[str, Any]:
    """Return an action execution that started in this minute and took one minute."""
    return {
        "stageName": f"{action} stage",
        "actionName": action,
        "status": status,
        "startTime": at(minute),
        "lastUpdateTime": at(minute + 1),
        "output": {"executionResult": result},
    }


E1, E2, E3 = (f"0000000{n}-0000-0000-0000-000000000000" for n in (1, 2, 3))


def summary(id_: str, status: str, **revisions: str) -> dict[str, Any]:
    """Return an execution with these revisions, as an item of ListPipelineExecutions."""
    return {
        "pipelineExecutionId": id_,
        "status": status,
        "startTime": datetime(2026, 11, 24, 20, tzinfo=UTC),
        "sourceRevisions": [
            {"actionName": action, "revisionId": id_} for action, id_ in revisions.items()
        ],
    }


def action(name: str, status: str, minute: int = 0, **result: Any) -> dict[str, Any]:
    """Return an action execution, as an item of ListActionExecutions."""
    return detail(name, status, minute, **result) | {"actionExecutionId": name}


def executions(**answers: Callable[[dict[str, Any]], Answer]) -> tuple[Executions, Calls, Timer]:
    """Return the executions of a pipeline with these answers, its calls, and its clock."""
    client, timer = boto3.client("codepipeline"), Timer()
    calls = Calls(client, **answers)
    return Executions(client, "phaseline-demo", timer.clock, timer.sleep), calls, timer
