"""Three loads on a local system, each measured from its first write to its last version served."""

import json
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local.system import System, frontend, website
from local.waiting import until
from tests.load.versions import COMPLETE, Active, Item, active_versions, item, items
from tests.system.conftest import executions

WRITERS = 4
LOOK = 0.5
"""Seconds between two looks at the documents or the website."""
BATCH = 25
"""Items of one BatchWriteItem, which accepts no more."""


@dataclass
class Measured:
    """What one load took.

    `changes` were written, of which `records` entered the phase. `written`, `recorded` and `served`
    are the seconds from the first write until the last one, until the documents had all versions,
    and until the website did. `memory` is the listener's peak in MB. `calls` are those of all
    functions, by service and operation, and `executions` those of the pipeline by status.
    """

    name: str
    changes: int
    records: int
    written: float = 0.0
    recorded: float = 0.0
    served: float = 0.0
    memory: float = 0.0
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    executions: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Load:
    """Loads a system. `calls` counts its functions' calls, and `folder` is for temporary files."""

    system: System
    calls: Counter[tuple[str, str]]
    folder: Path

    def burst(self, changes: int, share: float) -> Measured:
        """Write changes of phases as fast as the table takes them; a share enters the phase."""
        written = list(items("burst", changes, share))
        return self._measure("burst", written, nullcontext())

    def backlog(self, records: int) -> Measured:
        """Write changes that all enter the phase while the listener is off, and turn it on."""
        written = list(items("backlog", records, 1))
        return self._measure("backlog", written, self._mapping(Enabled=False))

    def queue(self, promotions: int) -> Measured:
        """Promote versions, each with an invocation of its own, while an execution is built."""
        written = [item("queue", n, "1.0.0", COMPLETE) for n in range(promotions)]
        return self._measure("queue", written, self._building(active_versions(written)))

    def _measure(
        self, name: str, written: list[Item], obstacle: AbstractContextManager[None]
    ) -> Measured:
        """Write the items while there is an obstacle, and measure what follows."""
        active = active_versions(written)
        measured = Measured(name, len(written), sum(map(len, active.values())))
        executions, calls = self._executions(), Counter(self.calls)
        at, began = time.time(), time.monotonic()
        with obstacle:
            self._write(written)
            measured.written = time.monotonic() - began
        _none(partial(self._unrecorded, active), "the documents")
        measured.recorded = time.monotonic() - began
        _none(partial(self._unserved, active), "the website")
        measured.served = time.monotonic() - began
        until(lambda: "InProgress" not in self._executions().values(), what="the pipeline")
        ran = self._executions().items() - executions.items()
        measured.executions = Counter(status for _, status in ran)
        measured.calls = self.calls - calls
        measured.memory = self._memory(at)
        return measured

    def _write(self, written: list[Item]) -> None:
        requests = [{"PutRequest": {"Item": each}} for each in written]
        client = self.system.client("dynamodb")

        def write(start: int) -> None:
            batch = {self.system.table: requests[start : start + BATCH]}
            while batch:
                batch = client.batch_write_item(RequestItems=batch)["UnprocessedItems"]

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(0, len(requests), BATCH)))

    def _unrecorded(self, active: Active) -> int:
        """Return how many of these versions the documents lack."""
        found = {type_: self.system.document(type_).versions() for type_ in active}
        return sum(len(active[type_].items() - found[type_].items()) for type_ in active)

    def _unserved(self, active: Active) -> int:
        """Return how many of these versions the website lacks."""
        found = {type_: website.versions(self.system, type_) for type_ in active}
        return sum(len(active[type_].items() - found[type_].items()) for type_ in active)

    def _executions(self) -> dict[str, str]:
        """Return the status of each execution by its ID."""
        return {each["pipelineExecutionId"]: each["status"] for each in executions(self.system)}

    @contextmanager
    def _mapping(self, **settings: Any) -> Iterator[None]:
        """Change settings of the event source mapping for a time."""
        client, name = self.system.client("lambda"), self.system.function("StreamListener")
        (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        id_, before = mapping["UUID"], {"Enabled": True, "BatchSize": mapping["BatchSize"]}
        client.update_event_source_mapping(UUID=id_, **settings)
        try:
            yield
        finally:
            client.update_event_source_mapping(UUID=id_, **before)

    @contextmanager
    def _building(self, active: Active) -> Iterator[None]:
        """Keep an execution in its build until the documents have these versions."""
        codebuild, project = (
            self.system.client("codebuild"),
            self.system.output("pipeline", "BuildProjectName"),
        )
        source = codebuild.batch_get_projects(names=[project])["projects"][0]["source"]
        held, reached = self.folder / "held", self.folder / "reached"
        held.touch()
        wait = f"touch {_quote(reached)}; while [ -e {_quote(held)} ]; do sleep 0.1; done"
        command = f"    commands:\n      - {wait}\n"
        waiting = frontend.read(self.system, "buildspec.yml").replace("    commands:\n", command, 1)
        codebuild.update_project(name=project, source=source | {"buildspec": waiting})
        try:
            with self._mapping(BatchSize=1):
                pipeline = self.system.client("codepipeline")
                pipeline.start_pipeline_execution(name=self.system.pipeline)
                until(reached.exists, what="the build")
                yield
                _none(partial(self._unrecorded, active), "the documents")
        finally:
            codebuild.update_project(name=project, source=source)
            held.unlink()

    def _memory(self, since: float) -> float:
        """Return the most memory that the listener has reported, in MB."""
        client = self.system.client("lambda")
        name = self.system.function("StreamListener")
        group = client.get_function_configuration(FunctionName=name)["LoggingConfig"]["LogGroup"]
        pages = self.system.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(
            logGroupName=group, filterPattern="ListenerMemory", startTime=int(since * 1000)
        )
        lines = (event["message"] for page in found for event in page["events"])
        return max(float(json.loads(line)["ListenerMemory"]) for line in lines)


def _none(left: Callable[[], int], what: str) -> None:
    """Wait until nothing is left. Raises TimedOutError if nothing changes for long."""
    number = left()
    while number:
        is_less = number.__gt__
        number = until(left, is_less, what=what, sleep=lambda _: time.sleep(LOOK))


def _quote(path: Path) -> str:
    return shlex.quote(str(path))
