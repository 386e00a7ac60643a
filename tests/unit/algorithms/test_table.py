"""The whole algorithms table, read in parts."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.algorithms.table import SEGMENTS, AlgorithmsTable, Item
from phaseline.errors import InputError

SCHEMA = Schema(phase="DONE", algorithm_attribute="name", type_attribute="kind")


@pytest.fixture
def registry() -> Iterator[AlgorithmsTable]:
    """A table whose sort key is no version."""
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="algorithms",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("name", "number")
            ],
            KeySchema=[
                {"AttributeName": "name", "KeyType": "HASH"},
                {"AttributeName": "number", "KeyType": "RANGE"},
            ],
        )
        yield AlgorithmsTable(client, "algorithms", SCHEMA)


def put(registry: AlgorithmsTable, name: str, number: int, **values: str) -> None:
    """Write an item."""
    text = {"name": name, "number": str(number), "kind": "opt", "phase": "DONE"} | values
    registry.client.put_item(
        TableName=registry.table, Item={key: {"S": value} for key, value in text.items()}
    )


def test_scan_yields_every_version_in_the_phase_once_without_display(
    registry: AlgorithmsTable,
) -> None:
    for number in range(30):
        put(registry, f"n{number % 10}", number, version=f"1.{number}", display="much")
    put(registry, "n1", 99, version="2.0", phase="RUNNING")

    found = [one for one in registry.scan() if isinstance(one, AlgorithmVersion)]

    assert sorted((one.type, one.algorithm, one.version) for one in found) == sorted(
        ("opt", f"n{number % 10}", f"1.{number}") for number in range(30)
    )
    assert {str(one.display) for one in found} == {"{}"}


class Pages:
    """A client whose table has one item on each page, and more pages in each later segment."""

    def __init__(self) -> None:
        self.asked = 0

    def scan(self, *, Segment: int, **asked: Any) -> dict[str, Any]:  # noqa: N803 - AWS's name
        """A page, as DynamoDB answers."""
        self.asked += 1
        after = asked.get("ExclusiveStartKey")
        number = int(after["number"]["S"]) + 1 if after else 0
        values = {"name": f"n{Segment}", "version": str(number), "kind": "opt", "phase": "DONE"}
        more = {"LastEvaluatedKey": {"number": {"S": str(number)}}} if number < Segment else {}
        return {"Items": [{name: {"S": value} for name, value in values.items()}], **more}


def test_scan_reads_every_page_of_every_segment_once() -> None:
    client: Any = Pages()

    found = [
        (one.algorithm, one.version)
        for one in AlgorithmsTable(client, "algorithms", SCHEMA).scan()
        if isinstance(one, AlgorithmVersion)
    ]

    expected = {(f"n{part}", str(n)) for part in range(SEGMENTS) for n in range(part + 1)}
    assert (set(found), len(found)) == (expected, len(expected))
    assert client.asked == len(expected)


def test_scan_yields_an_error_for_each_malformed_item(registry: AlgorithmsTable) -> None:
    put(registry, "a", 1, version="1.0", kind="sideways")
    put(registry, "b", 1)
    put(registry, "c", 1, version="1.0")

    found = list(registry.scan())

    wrong = sorted(one.found for one in found if isinstance(one, InputError))
    assert len(found) == 3
    assert "'kind'" in wrong[0]
    assert "'version'" in wrong[1]


def test_item_of_any_phase_is_read_and_a_missing_one_is_none(registry: AlgorithmsTable) -> None:
    put(registry, "a", 1, version="1.0", phase="RUNNING")

    assert registry.item("a", "1.0") == Item("opt", "RUNNING")
    assert registry.item("a", "2.0") is None
