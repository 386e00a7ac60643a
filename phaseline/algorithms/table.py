"""The algorithms table, read for one version, or whole."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.algorithms.changes import Change, Schema, decide
from phaseline.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import ScanOutputTypeDef


SEGMENTS = 8
"""Parts of the table that are read at once: each a page of 1 MiB at a time.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""


@dataclass(frozen=True)
class TableItem:
    """An item of the algorithms table whose tests are complete."""

    type: str
    display: Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """What an item of the table says of itself, whatever its phase; None where it says nothing."""

    type: str | None
    phase: str | None


@dataclass(frozen=True)
class Registry:
    """The teams' table of algorithm versions."""

    client: "DynamoDBClient"
    table: str
    schema: Schema

    def tested(self, algorithm: str, version: str) -> TableItem | None:
        """A version whose item is in the configured phase, or None.

        It is asked for by the partition key, which is the algorithm; what the table's sort key
        is does not matter. Raises InputError, naming table and attribute, for a malformed item.
        """
        for item in self._items(algorithm, version):
            decision = decide(self._as_record(item), self.schema)
            if isinstance(decision, Change):
                return TableItem(decision.type, decision.display)
        return None

    def item(self, algorithm: str, version: str) -> Item | None:
        """What the table says of a version; None where it has no item."""
        for item in self._items(algorithm, version):
            return Item(
                *(
                    item.get(name, {}).get("S")
                    for name in (self.schema.type_attribute, self.schema.phase_attribute)
                )
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

    def scan(self) -> Iterator[Change | InputError]:
        """Every version in the configured phase, in no order, without what the website shows of it;
        or what is wrong with an item that should be one.

        A page of each segment is held at a time, and no item that was given already.
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

    def _read(self, items: Iterable[Mapping[str, Any]]) -> Iterator[Change | InputError]:
        for item in items:
            try:
                decision = decide(self._as_record(item), self.schema)
            except InputError as error:
                yield error
            else:
                if isinstance(decision, Change):
                    yield decision

    def _as_record(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The item as the stream would show it had it just been written: one reading of items."""
        names = (self.schema.algorithm_attribute, self.schema.version_attribute)
        return {
            "eventName": "INSERT",
            "eventSourceARN": f"table/{self.table}",
            "dynamodb": {
                "Keys": {name: item[name] for name in names if name in item},
                "NewImage": item,
                "SequenceNumber": "0",
                "ApproximateCreationDateTime": 0,
            },
        }
