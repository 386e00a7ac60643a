"""Pure: turns a DynamoDB stream record into a change, or into the reason to ignore the record.

The filter of the event source mapping only saves invocations. This module repeats its checks,
because a filter can be edited, and because a filter cannot compare the old phase with the new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from phaseline import times
from phaseline.algorithms.schema import Schema, describe_item
from phaseline.errors import InputError
from phaseline.releases.release import identify


@dataclass(frozen=True)
class Change:
    """An algorithm version entered the configured phase ("promote") or left it ("withdraw").

    `sequence` is the sequence number of the stream record. `requested_at` is the time at which the
    item changed (ISO 8601, UTC). `display` holds the values that the website shows.
    """

    action: str
    type: str
    algorithm: str
    version: str
    display: Mapping[str, Any]
    sequence: str
    requested_at: str

    @property
    def order(self) -> int:
        """The position among the changes of the same item; a later change has a greater one."""
        return int(self.sequence)

    @cached_property
    def release_id(self) -> str:
        """The id of the release, equal for every delivery of the same record.

        A sequence number is unique only within a shard, so the id also contains the algorithm.
        """
        cause = f"{self.action} {self.sequence}"
        return identify(self.type, self.algorithm, self.version, cause)


@dataclass(frozen=True)
class Ignored:
    """A record that requests no change, with the reason."""

    sequence: str
    reason: str


def change_of(record: Mapping[str, Any], schema: Schema) -> Change | Ignored:
    """Return the change that a stream record requests, or the reason why it requests none.

    An INSERT or MODIFY into the phase promotes the version, and a MODIFY out of the phase withdraws
    it. A record is ignored if the phase stays the same or if the item is removed, also by TTL.
    Raises InputError, which names the table, the item and the attribute, if the record requests a
    change but an attribute is missing or malformed.
    """
    stream = record["dynamodb"]
    sequence = stream["SequenceNumber"]
    if record["eventName"] == "REMOVE":
        return Ignored(sequence, "the item was removed; only a change of its phase is a release")
    if "NewImage" not in stream:
        raise InputError(
            _describe_item(record),
            "the record has no new image",
            "Set the table's stream to NEW_AND_OLD_IMAGES.",
        )
    new, old = stream["NewImage"], stream.get("OldImage", {})
    is_complete = schema.is_complete(new)
    if is_complete == schema.is_complete(old):
        return Ignored(sequence, f"the phase did not change into or out of {schema.phase}")
    version = schema.read(new, _describe_item(record))
    changed_at = datetime.fromtimestamp(float(stream["ApproximateCreationDateTime"]), UTC)
    return Change(
        action="promote" if is_complete else "withdraw",
        **vars(version),
        sequence=sequence,
        requested_at=times.second(changed_at),
    )


def _describe_item(record: Mapping[str, Any]) -> str:
    """Name the table and the item of a record in messages. The ARN of the stream has the table."""
    arn = str(record.get("eventSourceARN", ""))
    table = arn.split("table/")[-1].split("/")[0] or "with the algorithms"
    return describe_item(table, record["dynamodb"].get("Keys", {}))
