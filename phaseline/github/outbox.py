"""The outbox keeps a dispatch until GitHub accepts it: one item per type in the ledger table.

A dispatch is written before it is sent, and marked afterwards, so that a dispatch that GitHub did
not accept is sent again. The dispatch for a newer document replaces that for an older one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Dispatch:
    """The repository_dispatch for the newest version of a document.

    `document_version` is its S3 object version id, and `releases` are the ids of the releases that
    it announces.
    """

    type: str
    document_version: str
    revision: int
    releases: tuple[str, ...]
    sent: bool


@dataclass(frozen=True)
class Outbox:
    """Reads and writes the outbox in the ledger table."""

    client: "DynamoDBClient"
    table: str

    def newest(self, type_: str) -> Dispatch | None:
        """Return the newest dispatch of a type, or None before its first release."""
        response = self.client.get_item(TableName=self.table, Key=_key(type_), ConsistentRead=True)
        if "Item" not in response:
            return None
        item = plain(response["Item"])
        return Dispatch(
            type=type_,
            document_version=item["document_version"],
            revision=int(item["revision"]),
            releases=tuple(item["releases"]),
            sent=item["sent"],
        )

    def owe(self, dispatch: Dispatch) -> None:
        """Put a dispatch in the outbox, unless that for a newer document is there already."""
        self._put(dispatch, "attribute_not_exists(pk) OR revision < :revision")

    def mark_sent(self, dispatch: Dispatch) -> None:
        """Mark a dispatch as sent, unless a newer one has replaced it meanwhile."""
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
