"""Pure: a DynamoDB stream record -> the change of a release, or the reason why there is none.

The event source mapping's filter saves invocations; this module decides. It asks the same
questions again, because a filter can be edited, and cannot compare the old phase with the new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from phaseline import times
from phaseline.algorithms.schema import Schema, place
from phaseline.errors import InputError
from phaseline.releases.release import identify


@dataclass(frozen=True)
class Change:
    """One algorithm version that entered the configured phase (promote) or left it (withdraw).

    `sequence` is the stream record's sequence number; `requested_at` is when the item changed
    (ISO 8601, UTC).
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
        """Where this change stands among the changes of its item: greater is later."""
        return int(self.sequence)

    @cached_property
    def release_id(self) -> str:
        """The id of its release: the same for each delivery of its record, and no other's.

        Sequence numbers are those of one shard: records of two algorithms may have the same.
        """
        cause = f"{self.action} {self.sequence}"
        return identify(self.type, self.algorithm, self.version, cause)


@dataclass(frozen=True)
class Ignored:
    """A record that asks for nothing, and why."""

    sequence: str
    reason: str


def change_of(record: Mapping[str, Any], schema: Schema) -> Change | Ignored:
    """What one stream record asks for.

    Promotes on INSERT or MODIFY into the phase, withdraws on MODIFY out of it; an item whose
    phase stayed the same, a REMOVE and a deletion by TTL ask for nothing. Raises InputError
    naming table, item and attribute where the record asks for a change but lacks what that needs.
    """
    stream = record["dynamodb"]
    sequence = stream["SequenceNumber"]
    if record["eventName"] == "REMOVE":
        return Ignored(sequence, "an item was removed; only a change of phase is a release")
    if "NewImage" not in stream:
        raise InputError(
            _place(record),
            "the record has no new image",
            "Set the table's stream to NEW_AND_OLD_IMAGES.",
        )
    new, old = stream["NewImage"], stream.get("OldImage", {})
    is_complete = schema.is_complete(new)
    if is_complete == schema.is_complete(old):
        return Ignored(sequence, f"the phase did not change into or out of {schema.phase}")
    tested = schema.read(new, _place(record))
    changed_at = datetime.fromtimestamp(float(stream["ApproximateCreationDateTime"]), UTC)
    return Change(
        action="promote" if is_complete else "withdraw",
        **vars(tested),
        sequence=sequence,
        requested_at=times.second(changed_at),
    )


def _place(record: Mapping[str, Any]) -> str:
    """Table and item of a record, for messages; the stream's ARN names the table."""
    arn = str(record.get("eventSourceARN", ""))
    table = arn.split("table/")[-1].split("/")[0] or "with the algorithms"
    return place(table, record["dynamodb"].get("Keys", {}))
