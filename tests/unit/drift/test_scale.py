"""Looks at much: what they ask for grows as what there is, their memory as what is kept of it."""

import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from phaseline.algorithms.schema import Schema
from phaseline.algorithms.table import SEGMENTS, AlgorithmsTable
from phaseline.documents.document import Document
from phaseline.documents.entry import Entry
from phaseline.drift.infrastructure import WORKERS
from phaseline.drift.stacks import StackDrift, detect
from phaseline.drift.table_rules import gather
from scripts.cli.aws import CONFIG
from tests.builders.drift import PHASE, new
from tests.builders.stores import rewrite
from tests.builders.timing import Timer

PAGE = 200
"""Items on a page of a scan: fewer than DynamoDB sends, so that few algorithms have many pages."""
STACKS = 1_000
SINCE = "2026-11-20T20:00:00Z"
THROTTLED = 3
"""How often CloudFormation refuses each detection before it starts it."""


class Items:
    """A client whose table has so many algorithms, of some tested versions each; a page is made
    when it is asked for."""

    def __init__(self, algorithms: int, versions: int) -> None:
        self.algorithms, self.versions, self.pages = algorithms, versions, 0

    def scan(self, **asked: Any) -> dict[str, Any]:
        """A page of a segment."""
        self.pages += 1
        start = asked.get("ExclusiveStartKey", 0)
        numbers = range(asked["Segment"], self.algorithms * self.versions, SEGMENTS)
        more = {"LastEvaluatedKey": start + PAGE} if start + PAGE < len(numbers) else {}
        return {"Items": [self._item(one) for one in numbers[start : start + PAGE]], **more}

    def _item(self, number: int) -> dict[str, Any]:
        version, algorithm = divmod(number, self.algorithms)
        values = {
            "algorithm": f"a{algorithm}", "version": f"1.{version}", "type": "opt", "phase": PHASE,
        }  # fmt: skip
        return {name: {"S": value} for name, value in values.items()}


def document(algorithms: int, version: str, *, lost: int = 0) -> Document:
    """A document of so many algorithms in a version, the first of which have an older one."""
    entries = {
        f"a{number}": Entry("1.0" if number < lost else version, {}, "r", "", "1", SINCE)
        for number in range(algorithms)
    }
    return Document("opt", revision=1, algorithms=entries)


def peak(algorithms: int, versions: int) -> int:
    """The most bytes that comparing a table takes at once, beside the document."""
    table: Any = Items(algorithms, versions)
    documents = {"opt": document(algorithms, f"1.{versions - 1}")}
    tracemalloc.start()
    try:
        gather(AlgorithmsTable(table, "algorithms", Schema()).scan(), documents)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_of_a_table() -> None:
    """No more is held than one version of each algorithm, and a page of each segment: five times
    the versions don't take twice as much, and 10,000 algorithms no more than five times 2,000."""
    small = peak(2_000, versions=5)

    assert small < 2 * peak(2_000, versions=1)
    assert peak(10_000, versions=1) < 5 * small


def calls(algorithms: int, lost: int) -> Counter[str]:
    """What a look asks AWS for where so many algorithms are served, and so many of them have a
    newer version that was never released; `Scan` counts the table's pages."""
    asked: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        asked[model.name] += 1

    with new() as world:
        rewrite(world.documents, "opt", lambda _: document(algorithms, "1.1", lost=lost))
        world.publish()
        for client in (world.s3, world.dynamodb):
            client.meta.events.register("before-call", count)
        table: Any = Items(algorithms, versions=2)
        registry = AlgorithmsTable(table, "algorithms", Schema())
        report = replace(world.check, registry=registry).look()
    assert (len(report.findings), report.failures) == (lost, ())
    asked["Scan"] = table.pages
    return asked


def test_calls_of_a_look_at_releases() -> None:
    """Algorithms that are as they should be cost their pages of the table and nothing else, those
    that differ a question to the ledger each."""
    small, large, differing = calls(1_600, 0), calls(3_200, 0), calls(3_200, 50)

    assert large - small == {"Scan": small["Scan"]}
    assert differing - large == {"Query": 50}


class Throttling:
    """A CloudFormation that refuses each detection some times before it starts it."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.client = boto3.client("cloudformation", config=CONFIG)
        events: Any = self.client.meta.events
        events.register("before-send.cloudformation", self._answer)

    def _answer(self, request: Any, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        self.asked[operation] += 1
        if operation == "DetectStackDrift" and self.refused[request.body] < THROTTLED:
            self.refused[request.body] += 1
            return _response(400, "<Error><Code>Throttling</Code></Error>", "ErrorResponse")
        body = {
            "DetectStackDrift": "<StackDriftDetectionId>d</StackDriftDetectionId>",
            "DescribeStackDriftDetectionStatus": "<StackDriftStatus>IN_SYNC</StackDriftStatus>"
            "<DetectionStatus>DETECTION_COMPLETE</DetectionStatus>",
            "DescribeStackResourceDrifts": "<StackResourceDrifts/>",
            "ListStackResources": "<StackResourceSummaries/>",
        }[operation]
        return _response(200, f"<{operation}Result>{body}</{operation}Result>", operation)


def _response(status: int, body: str, name: str) -> AWSResponse:
    text = f"<{name}>{body}</{name}>".encode()
    raw: Any = SimpleNamespace(stream=lambda **_: iter([text]))
    return AWSResponse("", status, HTTPHeaders(), raw)


def test_throttled_detections(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of 1,000 stacks are checked though CloudFormation throttles each detection, which is
    more than botocore's own retries last for; each stack costs the same calls."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))
    throttling, timer = Throttling(), Timer()

    def look(number: int) -> StackDrift:
        # The clock goes on by the pauses of all stacks, those at once with this one too.
        limit = 600 * STACKS
        return detect(
            throttling.client, f"s{number}", clock=timer.clock, sleep=timer.sleep, limit=limit
        )

    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(look, range(STACKS)))

    assert {(one.drifted, one.failure) for one in found} == {((), "")}
    assert timer.slept
    assert throttling.asked == {
        "DetectStackDrift": STACKS * (1 + THROTTLED),
        "DescribeStackDriftDetectionStatus": STACKS,
        "DescribeStackResourceDrifts": STACKS,
        "ListStackResources": STACKS,
    }
