"""The algorithms table, read for one version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.requests import TableItem
from phaseline.transition import Change, Schema, decide

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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
        for item in (item for page in pages for item in page["Items"]):
            decision = decide(self._as_record(item), self.schema)
            if isinstance(decision, Change):
                return TableItem(decision.type, decision.display)
        return None

    def _as_record(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The item as the stream would show it had it just been written: one reading of items."""
        names = (self.schema.algorithm_attribute, self.schema.version_attribute)
        return {
            "eventName": "INSERT",
            "eventSourceARN": f"table/{self.table}",
            "dynamodb": {
                "Keys": {name: item[name] for name in names},
                "NewImage": item,
                "SequenceNumber": "0",
                "ApproximateCreationDateTime": 0,
            },
        }
