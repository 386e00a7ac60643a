"""Executions of the pipeline and their actions, as CodePipeline lists them."""

from datetime import UTC, datetime
from typing import Any


def at(minute: int) -> datetime:
    """A time in the execution."""
    return datetime(2026, 11, 24, 20, minute, tzinfo=UTC)


def detail(action: str, status: str, minute: int, **result: Any) -> dict[str, Any]:
    """One action execution that started at a minute and took one."""
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
    """The same as ListPipelineExecutions tells it."""
    return {
        "pipelineExecutionId": id_,
        "status": status,
        "startTime": datetime(2026, 11, 24, 20, tzinfo=UTC),
        "sourceRevisions": [
            {"actionName": action, "revisionId": id_} for action, id_ in revisions.items()
        ],
    }


def action(name: str, status: str, minute: int = 0, **result: Any) -> dict[str, Any]:
    """An action execution as ListActionExecutions tells it."""
    return detail(name, status, minute, **result) | {"actionExecutionId": name}
