"""The whole system, started and deployed once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo.watch import Step, Watch
from local.system import System, deployment, start, table
from tests.waiting import eventually

COMPLETE, RUNNING, REJECTED = "PACKAGE_TESTS_COMPLETE", "PACKAGE_TESTS_RUNNING", "REJECTED"


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The system after its deployment, and after its pipeline's first execution."""
    with start.running(Path(tmp_path_factory.mktemp("system")) / "state") as running:
        deployment.deploy(running)
        yield running


def promote(system: System, type_: str, algorithm: str, version: str) -> list[Step]:
    """Take a version through its test flow to the website; the steps that were seen."""
    watch = Watch(system, type_, algorithm, version)
    table.write_algorithm(
        system, algorithm, version, type_=type_, phase=RUNNING, title=algorithm, summary=version
    )
    table.set_phase(system, algorithm, version, COMPLETE)
    return list(watch.steps())


def names(steps: list[Step]) -> set[str]:
    """The names of the steps that did not fail."""
    return {step.name for step in steps if not step.failed}


def executions(system: System) -> list[dict[str, Any]]:
    """All executions of the pipeline, newest first."""
    pages = system.client("codepipeline").get_paginator("list_pipeline_executions")
    listed = pages.paginate(pipelineName=system.pipeline).build_full_result()
    found: list[dict[str, Any]] = listed["pipelineExecutionSummaries"]
    return found


def newest_executions(system: System) -> list[dict[str, Any]]:
    """The newest executions, of which any may be in progress, for a look that is repeated."""
    client = system.client("codepipeline")
    listed = client.list_pipeline_executions(pipelineName=system.pipeline, maxResults=10)
    found: list[dict[str, Any]] = listed["pipelineExecutionSummaries"]
    return found


def ledger_items(system: System) -> list[dict[str, Any]]:
    """All items of the ledger's table, in DynamoDB's form."""
    table = system.outputs["registry"]["LedgerTableName"]
    pages = system.client("dynamodb").get_paginator("scan")
    found: list[dict[str, Any]] = pages.paginate(TableName=table).build_full_result()["Items"]
    return found


def logged(system: System, function: str, pattern: str = "") -> list[str]:
    """The messages that a function, given by its name, has logged and that fit a filter pattern."""
    configuration = system.client("lambda").get_function_configuration(FunctionName=function)
    pages = system.client("logs").get_paginator("filter_log_events")
    group = configuration["LoggingConfig"]["LogGroup"]
    found = pages.paginate(logGroupName=group, filterPattern=pattern).build_full_result()
    return [event["message"] for event in found["events"]]


def settle(system: System) -> None:
    """Wait until no execution is under way."""
    eventually(lambda: all(found["status"] != "InProgress" for found in newest_executions(system)))
