"""The outbox: a repository_dispatch that is owed, one item per document type in the ledger table.

It is written before the dispatch is sent and marked after, so that one which GitHub did not take
is sent again, and a newer document's takes the place of an older one's.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Dispatch:
    """A repository_dispatch owed or sent for the newest version of one document."""

    type: str
    document_version: str
    revision: int
    releases: tuple[str, ...]
    sent: bool


@dataclass(frozen=True)
class Outbox:
    """Reads and conditional writes of the outbox in the ledger's table."""

    client: "DynamoDBClient"
    table: str

    def newest(self, type_: str) -> Dispatch | None:
        """The entry of one type, or None before its first release."""
        answer = self.client.get_item(TableName=self.table, Key=_key(type_), ConsistentRead=True)
        if "Item" not in answer:
            return None
        item = plain(answer["Item"])
        return Dispatch(
            type=type_,
            document_version=item["document_version"],
            revision=int(item["revision"]),
            releases=tuple(item["releases"]),
            sent=item["sent"],
        )

    def owe(self, dispatch: Dispatch) -> None:
        """Put a dispatch in, unless one for a newer document is there already."""
        self._put(dispatch, "attribute_not_exists(pk) OR revision < :revision")

    def mark_sent(self, dispatch: Dispatch) -> None:
        """Note that a dispatch went out, unless a newer one took its place meanwhile."""
        self._put(dispatch, "revision = :revision")

    def _put(self, dispatch: Dispatch, condition: str) -> None:
        item = {
            "document_version": serialize(dispatch.document_version),
            "revision": serialize(dispatch.revision),
            "releases": serialize(list(dispatch.releases)),
            "sent": serialize(dispatch.sent),
        }
        try:
            self.client.put_item(
                TableName=self.table,
                Item=_key(dispatch.type) | item,
                ConditionExpression=condition,
                ExpressionAttributeValues={":revision": item["revision"]},
            )
        except ClientError as error:
            unless_condition_failed(error)


def _key(type_: str) -> dict[str, Any]:
    return {"pk": {"S": f"dispatch#{type_}"}, "sk": {"S": "latest"}}
