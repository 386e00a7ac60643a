"""Pure: reads the records of the algorithms table's stream, as Lambda delivers them.

Whatever an event contains, the result is a record, or an InputError that names the table and item.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from typing import Any

from phaseline import times
from phaseline.algorithms.attributes import shown
from phaseline.algorithms.schema import describe_item
from phaseline.errors import InputError

SOURCE = "aws:dynamodb"
EVENT_NAMES = ("INSERT", "MODIFY", "REMOVE")
Image = Mapping[str, Any]
"""An item before or after its change: names of attributes and DynamoDB attribute values."""

_ARN = re.compile(
    r"arn:[a-z-]+:dynamodb:[a-z0-9-]*:[0-9]*:table/(?P<table>[A-Za-z0-9_.-]{1,255})"
    r"/stream/(?P<label>[A-Za-z0-9:.-]{1,64})",
)
_SEQUENCE = re.compile(r"[0-9]{1,40}")
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html"""
_REMEDY = "Compare what invokes the function with infra/listener.yaml."


@dataclass(frozen=True)
class StreamRecord:
    """A record of a DynamoDB stream.

    `event` is one of EVENT_NAMES. `stream` is the table and the label of the stream, to which
    `sequence` belongs: "algorithms/2026-11-24T20:00:00.000". `old` and `new` are None if the record
    has no such image. `lacks_old_image` tells that the item had an old image, but the stream holds
    new ones only. `changed_at` is the time of the change (ISO 8601, UTC), or None if the record
    does not tell it. `where` names the table and the item in messages.
    """

    event: str
    stream: str
    sequence: str
    old: Image | None
    new: Image | None
    lacks_old_image: bool
    changed_at: str | None
    where: str


def records_in(event: object) -> list[Mapping[str, Any]]:
    """Return the records in the event of an event source mapping.

    Raises InputError, which names the position, if the event is no batch of records of a DynamoDB
    stream: without its sequence number, Lambda cannot be told which record failed.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise _unexpected("the event", "'Records' of a DynamoDB stream", _source(event))
    for position, record in enumerate(records, 1):
        sequence_number(record, f"record {position} of {len(records)}")
    return records


def sequence_number(record: object, where: str = "a record") -> str:
    """Return the sequence number of a record, which no other record of its shard has.

    Raises InputError, which names `where`, if `record` is no record of a DynamoDB stream.
    """
    _, change = _parts(record, where)
    number = change.get("SequenceNumber")
    if isinstance(number, str) and _SEQUENCE.fullmatch(number):
        return number
    raise _unexpected(where, "'SequenceNumber' as text of 1 to 40 digits", shown(number))


def read(record: object) -> StreamRecord:
    """Return a record of the stream.

    Raises InputError, which names the table and the item as far as they are known, if a part is
    missing or malformed. The images, the keys and the time are optional.
    """
    sequence = sequence_number(record)
    outer, change = _parts(record, f"stream record {sequence}")
    arn, event = outer.get("eventSourceARN"), outer.get("eventName")
    source = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    if source is None:
        where = f"stream record {sequence}"
        raise _unexpected(where, "'eventSourceARN' as the ARN of a DynamoDB stream", shown(arn))
    table, keys = source["table"], change.get("Keys")
    where = f"table {table}, stream record {sequence}"
    if isinstance(keys, Mapping) and keys:
        where = describe_item(table, keys)
    if event not in EVENT_NAMES:
        raise _unexpected(where, f"'eventName' as one of {', '.join(EVENT_NAMES)}", shown(event))
    return StreamRecord(
        event=event,
        stream=f"{table}/{source['label']}",
        sequence=sequence,
        old=_image(change, "OldImage", where),
        new=_image(change, "NewImage", where),
        lacks_old_image=event == "MODIFY" and change.get("StreamViewType") == "NEW_IMAGE",
        changed_at=_time(change.get("ApproximateCreationDateTime")),
        where=where,
    )


def _parts(record: object, where: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return a record and the part of it that describes the change."""
    if isinstance(record, Mapping) and record.get("eventSource", SOURCE) == SOURCE:
        change = record.get("dynamodb")
        if isinstance(change, Mapping):
            return record, change
    raise _unexpected(where, "a record of a DynamoDB stream", _source(record))


def _image(change: Mapping[str, Any], name: str, where: str) -> Image | None:
    image = change.get(name)
    if image is None or isinstance(image, Mapping):
        return image
    raise _unexpected(where, f"'{name}' as an object with attributes", shown(image))


def _time(seconds: object) -> str | None:
    """Return a time in Unix seconds as ISO 8601, or None for anything else: times are optional.

    Lambda delivers a number; examples in its documentation have it as text.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | str):
        return None
    try:
        moment = datetime.fromtimestamp(float(seconds), UTC)
        return times.second(moment) if moment.year < MAXYEAR else None
    except (ValueError, OverflowError, OSError):
        return None


def _source(event: object) -> str:
    """Say for a message where an event or a record may come from."""
    if isinstance(event, Mapping):
        for name in ("eventSource", "EventSource", "source"):
            if name in event:
                return f"'{name}' {shown(event[name])}"
        return f"an object with {shown(sorted(map(str, event)))}"
    return shown(event)


def _unexpected(where: str, expected: str, found: str) -> InputError:
    return InputError(where, f"expected {expected}, found {found}", _REMEDY)
