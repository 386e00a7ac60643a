"""Single versions and scans of the algorithms table."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.algorithms.table import SEGMENTS, AlgorithmsTable, Item
from phaseline.errors import InputError

SCHEMA = Schema(phase="DONE", algorithm_attribute="name", type_attribute="kind")


@pytest.fixture
def table() -> Iterator[AlgorithmsTable]:
    """A table whose sort key is not the version."""
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


def put(table: AlgorithmsTable, name: str, number: int, **values: str) -> None:
    """Write an item."""
    text = {"name": name, "number": str(number), "kind": "opt", "phase": "DONE"} | values
    table.client.put_item(
        TableName=table.table, Item={key: {"S": value} for key, value in text.items()}
    )


def test_scan_yields_every_version_in_the_phase_once_without_display(
    table: AlgorithmsTable,
) -> None:
    for number in range(30):
        put(table, f"n{number % 10}", number, version=f"1.{number}", display="much")
    put(table, "n1", 99, version="2.0", phase="RUNNING")

    versions = [item for item in table.scan() if isinstance(item, AlgorithmVersion)]

    assert sorted((item.type, item.algorithm, item.version) for item in versions) == sorted(
        ("opt", f"n{number % 10}", f"1.{number}") for number in range(30)
    )
    assert {str(item.display) for item in versions} == {"{}"}


class Pages:
    """A client whose table has one item on each page, and more pages in each later segment."""

    def __init__(self) -> None:
        self.scans = 0

    def scan(self, *, Segment: int, **request: Any) -> dict[str, Any]:  # noqa: N803 - AWS's name
        """A page, as DynamoDB answers."""
        self.scans += 1
        after = request.get("ExclusiveStartKey")
        number = int(after["number"]["S"]) + 1 if after else 0
        values = {"name": f"n{Segment}", "version": str(number), "kind": "opt", "phase": "DONE"}
        more = {"LastEvaluatedKey": {"number": {"S": str(number)}}} if number < Segment else {}
        return {"Items": [{name: {"S": value} for name, value in values.items()}], **more}


def test_scan_reads_every_page_of_every_segment_once() -> None:
    client: Any = Pages()

    versions = [
        (item.algorithm, item.version)
        for item in AlgorithmsTable(client, "algorithms", SCHEMA).scan()
        if isinstance(item, AlgorithmVersion)
    ]

    expected = {(f"n{part}", str(n)) for part in range(SEGMENTS) for n in range(part + 1)}
    assert (set(versions), len(versions)) == (expected, len(expected))
    assert client.scans == len(expected)


def test_scan_yields_an_error_for_each_malformed_item(table: AlgorithmsTable) -> None:
    put(table, "a", 1, version="1.0", kind="sideways")
    put(table, "b", 1)
    put(table, "c", 1, version="1.0")

    items = list(table.scan())

    problems = sorted(item.found for item in items if isinstance(item, InputError))
    assert len(items) == 3
    assert "'kind'" in problems[0]
    assert "'version'" in problems[1]


def test_item_of_any_phase_is_read_and_a_missing_one_is_none(table: AlgorithmsTable) -> None:
    put(table, "a", 1, version="1.0", phase="RUNNING")

    assert table.item("a", "1.0") == Item("opt", "RUNNING")
    assert table.item("a", "2.0") is None


@pytest.mark.parametrize(
    ("phase", "values"),
    [
        ("3", ({"S": "3"}, {"N": "3"})),
        ("-0.5", ({"S": "-0.5"}, {"N": "-0.5"})),
        ("3.0", ({"S": "3.0"},)),
        ("1e500", ({"S": "1e500"},)),
        ("NaN", ({"S": "NaN"},)),
        ("DONE", ({"S": "DONE"},)),
    ],
)
def test_phase_stands_for_a_number_only_as_dynamodb_writes_it(
    phase: str, values: tuple[dict[str, str], ...]
) -> None:
    assert Schema(phase=phase).phase_values == values


def test_phase_may_be_a_number(table: AlgorithmsTable) -> None:
    """DynamoDB compares numbers by value, and never a number with a string."""
    for name, phase in (
        ("a", {"N": "3.0"}),
        ("b", {"S": "3"}),
        ("c", {"N": "2"}),
        ("d", {"L": []}),
    ):
        texts = {"name": name, "number": "1", "kind": "opt", "version": "1.0"}
        item: dict[str, Any] = {key: {"S": value} for key, value in texts.items()}
        table.client.put_item(TableName=table.table, Item=item | {"phase": phase})
    numbered = replace(table, schema=replace(SCHEMA, phase="3"))

    tested = [item.algorithm for item in numbered.scan() if isinstance(item, AlgorithmVersion)]

    assert sorted(tested) == ["a", "b"]
    assert [bool(numbered.tested(name, "1.0")) for name in "abcd"] == [True, True, False, False]
    assert [numbered.item(name, "1.0") for name in "abcd"] == [
        Item("opt", "3"), Item("opt", "3"), Item("opt", "2"), Item("opt", None),
    ]  # fmt: skip


def test_binary_display_of_a_tested_version_is_an_error(table: AlgorithmsTable) -> None:
    put(table, "a", 1, version="1.0")
    table.client.update_item(
        TableName=table.table,
        Key={"name": {"S": "a"}, "number": {"S": "1"}},
        UpdateExpression="SET display = :display",
        ExpressionAttributeValues={":display": {"M": {"icon": {"B": b"\x00"}}}},
    )
    with pytest.raises(InputError, match=r"table algorithms.*'display'.*a binary value at 'icon'"):
        table.tested("a", "1.0")


def test_versions_of_an_algorithm_are_read_in_any_phase(table: AlgorithmsTable) -> None:
    put(table, "n1", 1, version="1.0")
    put(table, "n1", 2, version="2.0", phase="RUNNING", kind="in")
    put(table, "n2", 1, version="3.0")
    assert table.versions("n1") == {"1.0": Item("opt", "DONE"), "2.0": Item("in", "RUNNING")}
    assert table.versions("n3") == {}
