"""Reads the algorithms table: a single version, or all versions whose tests are complete."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.algorithms import attributes
from phaseline.algorithms.schema import AlgorithmVersion, Schema, describe_item
from phaseline.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import ScanOutputTypeDef


SEGMENTS = 8
"""The number of segments that a parallel scan reads at the same time. A page has up to 1 MiB.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""


@dataclass(frozen=True)
class Item:
    """The type and the phase of an item. None stands for a missing or malformed attribute."""

    type: str | None
    phase: str | None


@dataclass(frozen=True)
class AlgorithmsTable:
    """The table in which teams keep one item for each algorithm version."""

    client: "DynamoDBClient"
    table: str
    schema: Schema

    def tested(self, algorithm: str, version: str) -> AlgorithmVersion | None:
        """Return a version if its item is in the configured phase, otherwise None.

        Raises InputError, which names the table and the attribute, if the item is malformed.
        """
        for item in self._items(algorithm, version):
            where = self._describe_item(item)
            if self.schema.is_complete(item, where):
                return self.schema.read(item, where)
        return None

    def item(self, algorithm: str, version: str) -> Item | None:
        """Return the type and phase of a version in any phase, or None if it has no item."""
        for item in self._items(algorithm, version):
            return self._item(item)
        return None

    def versions(self, algorithm: str) -> dict[str, Item]:
        """Return the type and phase of every version of an algorithm, in any phase."""
        return {
            version: self._item(item)
            for item in self._items(algorithm)
            if (version := attributes.string_or_none(item.get(self.schema.version_attribute)))
        }

    def _item(self, item: Mapping[str, Any]) -> Item:
        return Item(
            type=attributes.string_or_none(item.get(self.schema.type_attribute)),
            phase=attributes.text_or_none(item.get(self.schema.phase_attribute)),
        )

    def _items(self, algorithm: str, version: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Query the items of an algorithm, or of one version.

        The algorithm is the partition key. The query has no sort key, because its name differs
        from table to table.
        """
        names = {"#algorithm": self.schema.algorithm_attribute}
        values: dict[str, Any] = {":algorithm": {"S": algorithm}}
        only: dict[str, Any] = {}
        if version is not None:
            names["#version"] = self.schema.version_attribute
            values[":version"] = {"S": version}
            only = {"FilterExpression": "#version = :version"}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="#algorithm = :algorithm",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **only,
        )
        return (item for page in pages for item in page["Items"])

    def scan(self) -> Iterator[AlgorithmVersion | InputError]:
        """Yield every version in the configured phase, in no order and with an empty `display`.

        A malformed item yields an InputError instead. The scan keeps one page of each segment in
        memory.
        """
        starts: list[tuple[int, Any]] = [(segment, None) for segment in range(SEGMENTS)]
        with ThreadPoolExecutor(SEGMENTS) as pool:
            while starts:
                pages = pool.map(lambda start: self._page(*start), starts)
                next_starts = []
                for (segment, _), page in zip(starts, pages, strict=True):
                    if "LastEvaluatedKey" in page:
                        next_starts.append((segment, page["LastEvaluatedKey"]))
                    yield from self._read(page["Items"])
                starts = next_starts

    def _page(self, segment: int, start_key: Any) -> "ScanOutputTypeDef":
        schema = self.schema
        phases = {f":phase{number}": value for number, value in enumerate(schema.phase_values)}
        return self.client.scan(
            TableName=self.table,
            Segment=segment,
            TotalSegments=SEGMENTS,
            FilterExpression=" OR ".join(f"#phase = {name}" for name in phases),
            ProjectionExpression="#algorithm, #version, #type, #phase",
            ExpressionAttributeNames={
                "#algorithm": schema.algorithm_attribute,
                "#version": schema.version_attribute,
                "#type": schema.type_attribute,
                "#phase": schema.phase_attribute,
            },
            ExpressionAttributeValues=phases,
            **({"ExclusiveStartKey": start_key} if start_key else {}),
        )

    def _read(self, items: Iterable[Mapping[str, Any]]) -> Iterator[AlgorithmVersion | InputError]:
        for item in items:
            try:
                yield self.schema.read(item, self._describe_item(item))
            except InputError as error:
                yield error

    def _describe_item(self, item: Mapping[str, Any]) -> str:
        names = (self.schema.algorithm_attribute, self.schema.version_attribute)
        return describe_item(self.table, {name: item[name] for name in names if name in item})
