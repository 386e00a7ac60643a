"""Pure: a DynamoDB stream record -> the change of a release, or the reason why there is none.

The event source mapping's filter saves invocations; this module decides. It asks the same
questions again, because a filter can be edited, and cannot compare the old phase with the new.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from phaseline import times
from phaseline.errors import InputError

TYPES = ("in", "opt", "out")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Algorithm names and versions: what is safe in a URL, a shell, a Slack message and a file name."""

_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Schema:
    """How the algorithms table names things; an existing table may use other names."""

    phase: str = "PACKAGE_TESTS_COMPLETE"
    algorithm_attribute: str = "algorithm"
    version_attribute: str = "version"
    type_attribute: str = "type"
    phase_attribute: str = "phase"
    display_attribute: str = "display"


@dataclass(frozen=True)
class Change:
    """One algorithm version that entered the configured phase (promote) or left it (withdraw)."""

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


@dataclass(frozen=True)
class Ignored:
    """A record that asks for nothing, and why."""

    sequence: str
    reason: str


def decide(record: Mapping[str, Any], schema: Schema) -> Change | Ignored:
    """What one stream record asks for.

    Promotes on INSERT or MODIFY into the phase, withdraws on MODIFY out of it; an item whose
    phase stayed the same, a REMOVE and a deletion by TTL ask for nothing. Raises InputError
    naming table, key and attribute where the record asks for a change but lacks what that needs.
    """
    stream = record["dynamodb"]
    sequence = stream["SequenceNumber"]
    if record["eventName"] == "REMOVE":
        return Ignored(sequence, "an item was removed; only a change of phase is a release")
    if "NewImage" not in stream:
        raise InputError(
            _where(record),
            "the record has no new image",
            "Set the table's stream to NEW_AND_OLD_IMAGES.",
        )
    new, old = stream["NewImage"], stream.get("OldImage", {})
    entered = _text(new, schema.phase_attribute) == schema.phase
    was_there = _text(old, schema.phase_attribute) == schema.phase
    if entered == was_there:
        return Ignored(sequence, f"the phase did not change into or out of {schema.phase}")
    return Change(
        action="promote" if entered else "withdraw",
        type=_one_of_types(record, new, schema.type_attribute),
        algorithm=_name(record, new, schema.algorithm_attribute),
        version=_name(record, new, schema.version_attribute),
        display=_display(record, new, schema.display_attribute),
        sequence=sequence,
        requested_at=_time(stream),
    )


def _text(image: Mapping[str, Any], attribute: str) -> str | None:
    value = image.get(attribute, {}).get("S")
    return value if isinstance(value, str) else None


def _one_of_types(record: Mapping[str, Any], image: Mapping[str, Any], attribute: str) -> str:
    value = _text(image, attribute)
    if value not in TYPES:
        raise InputError(
            _where(record),
            f"attribute '{attribute}': expected one of {', '.join(TYPES)} as a string,"
            f" found {_shown(image, attribute)}",
            "Correct the item, then set its phase again.",
        )
    return value


def _name(record: Mapping[str, Any], image: Mapping[str, Any], attribute: str) -> str:
    value = _text(image, attribute)
    if value is None or not NAME_PATTERN.fullmatch(value):
        raise InputError(
            _where(record),
            f"attribute '{attribute}': expected a string of 1 to 128 letters, digits, '.', '_'"
            f" and '-', starting with a letter or digit, found {_shown(image, attribute)}",
            "Correct the item, then set its phase again.",
        )
    return value


def _display(
    record: Mapping[str, Any], image: Mapping[str, Any], attribute: str
) -> Mapping[str, Any]:
    if attribute not in image:
        return {}
    if "M" not in image[attribute]:
        raise InputError(
            _where(record),
            f"attribute '{attribute}': expected a map, found {_shown(image, attribute)}",
            "Store what the website shows as a map, then set the phase again.",
        )
    plain: Mapping[str, Any] = _json_values(_deserialize(image[attribute]))
    try:
        json.dumps(plain)
    except TypeError as error:
        raise InputError(
            _where(record),
            f"attribute '{attribute}': expected what JSON can hold, found {error}",
            "Store text and numbers, not binary values, then set the phase again.",
        ) from error
    return plain


def _json_values(value: Any) -> Any:
    """DynamoDB's value as JSON knows it: numbers plain, sets as sorted lists."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {name: _json_values(item) for name, item in value.items()}
    if isinstance(value, set):
        return sorted(_json_values(item) for item in value)
    if isinstance(value, list):
        return [_json_values(item) for item in value]
    return value


def _time(stream: Mapping[str, Any]) -> str:
    seconds = float(stream["ApproximateCreationDateTime"])
    return times.second(datetime.fromtimestamp(seconds, UTC))


def _shown(image: Mapping[str, Any], attribute: str) -> str:
    return repr(image[attribute])[:120] if attribute in image else "nothing"


def _where(record: Mapping[str, Any]) -> str:
    """Table and key of the record's item, for messages."""
    arn = str(record.get("eventSourceARN", ""))
    table = arn.split("table/")[-1].split("/")[0] or "the algorithms table"
    keys = {
        name: next(iter(value.values()), None)
        for name, value in record["dynamodb"].get("Keys", {}).items()
    }
    return f"table {table}, item {keys}"
