"""Pure: turns a DynamoDB stream record into changes, or into the reason to ignore the record.

The filter of the event source mapping only saves invocations. This module repeats its checks,
because a filter can be edited, and because a filter cannot compare the old phase with the new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from phaseline.algorithms import records
from phaseline.algorithms.attributes import shown
from phaseline.algorithms.records import Image, StreamRecord
from phaseline.algorithms.schema import Identity, Schema
from phaseline.errors import InputError
from phaseline.releases.release import identify


@dataclass(frozen=True)
class Change:
    """An algorithm version entered the configured phase ("promote") or left it ("withdraw").

    `sequence` is the sequence number of the stream record, and `stream` identifies the stream by
    its table and label: "algorithms/2026-11-24T20:00:00.000". `requested_at` is the time at which
    the item changed (ISO 8601, UTC). `display` holds the values that the website shows; a
    withdrawal has none.
    """

    action: str
    type: str
    algorithm: str
    version: str
    display: Mapping[str, Any]
    stream: str
    sequence: str
    requested_at: str

    @property
    def position(self) -> tuple[str, int]:
        """The position among the changes of an algorithm; a later change has a greater one.

        Labels of streams are times, so records of a table's newer stream are later.
        """
        return self.stream.rpartition("/")[2], int(self.sequence)

    @cached_property
    def release_id(self) -> str:
        """The id of the release, equal for every delivery of the same record.

        A sequence number is unique only within a shard, so the id also contains the algorithm.
        """
        cause = f"{self.action} {self.stream} {self.sequence}"
        return identify(self.type, self.algorithm, self.version, cause)


@dataclass(frozen=True)
class Ignored:
    """A record that requests no change, with the reason."""

    sequence: str
    reason: str


def changes_of(
    record: object, schema: Schema, *, now: str | None = None
) -> tuple[Change, ...] | Ignored:
    """Return the changes that a stream record requests, or the reason why it requests none.

    A version that enters the phase is promoted; one that leaves it is withdrawn, where it was,
    unless the schema says that leaving withdraws nothing. A complete item whose type changes is
    withdrawn in the old type and promoted in the new one. A record is ignored if the item is
    removed, also by TTL, or if it stays in the phase as the same version. In a table with one item
    for each algorithm, the next version takes the place of the item while it is tested: that
    withdraws nothing.

    `now` is the time of the invocation (ISO 8601, UTC). It stands for the time of the change if the
    record does not tell it. Raises InputError, which names the table, the item and the
    attribute, if the record requests a promotion but an attribute is missing or malformed.
    """
    read = records.read(record)
    if read.event == "REMOVE":
        return Ignored(
            read.sequence, "the item was removed; only a change of its phase is a release"
        )
    if read.new is None or (read.old is None and read.lacks_old_image):
        missing = "new" if read.new is None else "old"
        raise InputError(
            read.where,
            f"the record has no {missing} image",
            "Set the table's stream to NEW_AND_OLD_IMAGES.",
        )
    old = _complete(read.old, schema, read.where)
    if schema.is_complete(read.new, read.where):
        return _entered(read, read.new, old, schema, now)
    return _left(read, read.new, old, schema, now)


def _entered(
    read: StreamRecord, image: Image, old: Identity | None, schema: Schema, now: str | None
) -> tuple[Change, ...] | Ignored:
    """Return the changes of an item that is in the phase now."""
    new = schema.identity(image, read.where)
    if new == old and _was_released(read.old, schema, read.where):
        return Ignored(read.sequence, f"the phase did not change into or out of {schema.phase}")
    version = schema.read(image, read.where)
    promotion = _change(read, "promote", new, now, version.display)
    if old and (old.type, old.algorithm) != (new.type, new.algorithm):
        return _change(read, "withdraw", old, now), promotion
    return (promotion,)


def _left(
    read: StreamRecord, image: Image, old: Identity | None, schema: Schema, now: str | None
) -> tuple[Change, ...] | Ignored:
    """Return the changes of an item that is not in the phase now."""
    if old is None:
        return Ignored(read.sequence, f"the phase did not change into or out of {schema.phase}")
    names = schema.names(image)
    if names == (old.algorithm, old.version):
        if not schema.withdraws_on_leave:
            return Ignored(read.sequence, f"{old.version} left the phase, which withdraws nothing")
        return (_change(read, "withdraw", old, now),)
    following = f"while {shown(names[1])} is tested" if names[1] else "without an item"
    return Ignored(
        read.sequence, f"the item describes another version; {old.version} stays active {following}"
    )


def _complete(image: Image | None, schema: Schema, where: str) -> Identity | None:
    """Return the version of an old image in the phase, or None if there is none.

    A malformed image never was a release.
    """
    try:
        if image and schema.is_complete(image, where):
            return schema.identity(image, where)
    except InputError:
        pass
    return None


def _was_released(image: Image | None, schema: Schema, where: str) -> bool:
    """Return whether an old image in the phase was a release: also its display can be read."""
    try:
        return image is not None and bool(schema.read(image, where))
    except InputError:
        return False


def _change(
    read: StreamRecord,
    action: str,
    version: Identity,
    now: str | None,
    display: Mapping[str, Any] | None = None,
) -> Change:
    at = read.changed_at or now
    if at is None:
        raise InputError(
            read.where,
            "expected 'ApproximateCreationDateTime' in Unix seconds, found another value",
            "Give the time of the invocation instead.",
        )
    return Change(
        action=action,
        **vars(version),
        display=display or {},
        stream=read.stream,
        sequence=read.sequence,
        requested_at=at,
    )
