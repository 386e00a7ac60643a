"""A CodePipeline that tells of made-up executions, for tests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from phaseline.pipeline import actions
from phaseline.pipeline.recorder import Carried, RecordedExecution
from tests.builders.calls import Calls

PIPELINE = "phaseline-demo"
BEGIN = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    """A time so many seconds after BEGIN, in whole ones, as the ledger has it."""
    return (BEGIN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def source(action: str, second: float, **variables: str) -> dict[str, Any]:
    """A source action that began at a second, took one, and says what it took."""
    return detail("Source", action, second, second + 1, variables=variables)


def detail(
    stage: str,
    action: str,
    started: float,
    updated: float,
    state: str = "Succeeded",
    variables: Mapping[str, str] | None = None,
    **result: Any,
) -> dict[str, Any]:
    """One action execution, as ListActionExecutions tells it; times are seconds after BEGIN."""
    category = "Source" if stage == "Source" else "Invoke"
    return {
        "stageName": stage,
        "actionName": action,
        "status": state,
        "startTime": BEGIN + timedelta(seconds=started),
        "lastUpdateTime": BEGIN + timedelta(seconds=updated),
        "input": {
            "actionTypeId": {"category": category, "owner": "AWS", "provider": "P", "version": "1"}
        },
        "output": {"executionResult": result, "outputVariables": dict(variables or {})},
    }


class Pipeline:
    """A client of CodePipeline whose answers a test sets: `state`, `actions`, `summaries`."""

    def __init__(self, state: str, actions: Sequence[dict[str, Any]]) -> None:
        self.state, self.actions = state, list(actions)
        self.summaries: dict[str, str] = {}
        self.client = boto3.client("codepipeline")
        self.calls = Calls(
            self.client,
            GetPipelineExecution=lambda _: self._execution(),
            ListActionExecutions=lambda _: {"actionExecutionDetails": self.actions[::-1]},
        )

    def _execution(self) -> dict[str, Any]:
        revisions = [
            {"name": "Artifact", "revisionId": version, "revisionSummary": summary}
            for version, summary in self.summaries.items()
        ]
        return {"pipelineExecution": {"status": self.state, "artifactRevisions": revisions}}


def execution(
    begin: float, revision: int | None = 7, *, id_: str = "e1", failed: bool = False
) -> RecordedExecution:
    """An execution that took 56 seconds, 30 of them in Build, or that failed there."""
    build = detail(
        "Build",
        "Build",
        begin + 2,
        begin + 32,
        "Failed" if failed else "Succeeded",
        externalExecutionUrl="https://log",
        **({"errorDetails": {"message": "no such file"}} if failed else {}),
    )
    rest = [
        detail("Publish", "Publish", begin + 32, begin + 36),
        detail("Announce", "Notify", begin + 36, begin + 37),
        detail("Announce", "Invalidate", begin + 36, begin + 50),
        detail("Verify", "Verify", begin + 50, begin + 56),
    ]
    told: Any = [source("Frontend", begin), source("Opt", begin), build, *([] if failed else rest)]
    ran = actions.ran(told[::-1])
    return RecordedExecution(
        id=id_,
        state="Failed" if failed else "Succeeded",
        started=ran[0].started,
        updated=ran[-1].updated,
        commit="c0ffee0",
        documents={"opt": Carried("v7" if revision in {7, None} else f"v{revision}", revision)},
        actions=ran,
    )
