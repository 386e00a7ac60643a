"""DynamoDB's attribute values, and conditional writes whose condition does not hold."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

serialize = TypeSerializer().serialize
"""A Python value as an attribute value: `serialize("a") == {"S": "a"}`."""
_deserialize = TypeDeserializer().deserialize


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item's attribute values as Python values: `plain({"a": {"S": "b"}}) == {"a": "b"}`."""
    return {name: _deserialize(value) for name, value in item.items()}


def unless_condition_failed(error: ClientError) -> None:
    """Raise `error`, unless it only says that a write's condition does not hold."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
