"""The items of the algorithms table, as the teams' test flow writes them."""

from local.system import System
from phaseline.errors import RefusedError


def write_algorithm(
    system: System,
    algorithm: str,
    version: str,
    *,
    type_: str,
    phase: str,
    title: str,
    summary: str,
) -> None:
    """Put an algorithm version into the table."""
    system.client("dynamodb").put_item(
        TableName=system.table,
        Item={
            "algorithm": {"S": algorithm},
            "version": {"S": version},
            "type": {"S": type_},
            "phase": {"S": phase},
            "display": {"M": {"title": {"S": title}, "summary": {"S": summary}}},
        },
    )


def phase(system: System, algorithm: str, version: str) -> str | None:
    """Return the phase of an item, or None if there is no item."""
    key = {"algorithm": {"S": algorithm}, "version": {"S": version}}
    client = system.client("dynamodb")
    reply = client.get_item(TableName=system.table, Key=key, ConsistentRead=True)
    phase: str | None = reply.get("Item", {}).get("phase", {}).get("S")
    return phase


def set_phase(system: System, algorithm: str, version: str, phase: str) -> None:
    """Change only the phase of an item. Raises RefusedError if there is no item."""
    client = system.client("dynamodb")
    try:
        client.update_item(
            TableName=system.table,
            Key={"algorithm": {"S": algorithm}, "version": {"S": version}},
            UpdateExpression="SET phase = :phase",
            ExpressionAttributeValues={":phase": {"S": phase}},
            ConditionExpression="attribute_exists(algorithm)",
        )
    except client.exceptions.ConditionalCheckFailedException as error:
        raise RefusedError(
            f"table {system.table}",
            f"there is no item {algorithm} {version}",
            "Promote it first, or correct its name.",
        ) from error
