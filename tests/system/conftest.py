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
    """The pipeline's executions, newest first."""
    listed = system.client("codepipeline").list_pipeline_executions(pipelineName=system.pipeline)
    found: list[dict[str, Any]] = listed["pipelineExecutionSummaries"]
    return found


def settle(system: System) -> None:
    """Wait until no execution is under way."""
    eventually(lambda: all(found["status"] != "InProgress" for found in executions(system)))
