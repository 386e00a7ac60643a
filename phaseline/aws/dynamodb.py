"""Converts DynamoDB's attribute values, and recognises a failed condition of a write."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

serialize = TypeSerializer().serialize
"""Converts a Python value to an attribute value: `serialize("a") == {"S": "a"}`."""
_deserialize = TypeDeserializer().deserialize


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's attribute values as Python values.

    >>> plain({"a": {"S": "b"}})
    {'a': 'b'}
    """
    return {name: _deserialize(value) for name, value in item.items()}


def unless_condition_failed(error: ClientError) -> None:
    """Raise `error`, unless it means that the condition of a write was not met."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
