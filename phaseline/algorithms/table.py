"""The algorithms table: reads one version, or scans all versions whose tests are complete."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.algorithms.schema import AlgorithmVersion, Schema, place, text
from phaseline.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import ScanOutputTypeDef


SEGMENTS = 8
"""Parts of the table that are read at once: each a page of 1 MiB at a time.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""


@dataclass(frozen=True)
class Item:
    """Type and phase of an item; None where the item does not name them."""

    type: str | None
    phase: str | None


@dataclass(frozen=True)
class AlgorithmsTable:
    """The teams' table: one item for each algorithm version."""

    client: "DynamoDBClient"
    table: str
    schema: Schema

    def tested(self, algorithm: str, version: str) -> AlgorithmVersion | None:
        """A version whose item is in the configured phase, or None.

        The query names the partition key, which is the algorithm, and no sort key, so that a table
        may have any. Raises InputError, naming table and attribute, for a malformed item.
        """
        for item in self._items(algorithm, version):
            if self.schema.is_complete(item):
                return self.schema.read(item, self._place(item))
        return None

    def item(self, algorithm: str, version: str) -> Item | None:
        """Type and phase of a version, whatever its phase; None where it has no item."""
        for item in self._items(algorithm, version):
            return Item(
                type=text(item, self.schema.type_attribute),
                phase=text(item, self.schema.phase_attribute),
            )
        return None

    def _items(self, algorithm: str, version: str) -> Iterator[Mapping[str, Any]]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="#algorithm = :algorithm",
            FilterExpression="#version = :version",
            ExpressionAttributeNames={
                "#algorithm": self.schema.algorithm_attribute,
                "#version": self.schema.version_attribute,
            },
            ExpressionAttributeValues={
                ":algorithm": {"S": algorithm},
                ":version": {"S": version},
            },
            ConsistentRead=True,
        )
        return (item for page in pages for item in page["Items"])

    def scan(self) -> Iterator[AlgorithmVersion | InputError]:
        """Every version in the configured phase, in no order and with an empty `display`; for an
        item that can't be read, the error.

        One page of each segment is in memory at a time.
        """
        places: list[tuple[int, Any]] = [(segment, None) for segment in range(SEGMENTS)]
        with ThreadPoolExecutor(SEGMENTS) as pool:
            while places:
                pages = pool.map(lambda place: self._page(*place), places)
                left = []
                for (segment, _), page in zip(places, pages, strict=True):
                    if "LastEvaluatedKey" in page:
                        left.append((segment, page["LastEvaluatedKey"]))
                    yield from self._read(page["Items"])
                places = left

    def _page(self, segment: int, after: Any) -> "ScanOutputTypeDef":
        known = self.schema
        return self.client.scan(
            TableName=self.table,
            Segment=segment,
            TotalSegments=SEGMENTS,
            FilterExpression="#phase = :phase",
            ProjectionExpression="#algorithm, #version, #type, #phase",
            ExpressionAttributeNames={
                "#algorithm": known.algorithm_attribute,
                "#version": known.version_attribute,
                "#type": known.type_attribute,
                "#phase": known.phase_attribute,
            },
            ExpressionAttributeValues={":phase": {"S": known.phase}},
            **({"ExclusiveStartKey": after} if after else {}),
        )

    def _read(self, items: Iterable[Mapping[str, Any]]) -> Iterator[AlgorithmVersion | InputError]:
        for item in items:
            try:
                yield self.schema.read(item, self._place(item))
            except InputError as error:
                yield error

    def _place(self, item: Mapping[str, Any]) -> str:
        names = (self.schema.algorithm_attribute, self.schema.version_attribute)
        return place(self.table, {name: item[name] for name in names if name in item})
