"""Pure: reads items of the algorithms table, whose attribute names are configurable.

The items of the table and the images of its stream records have the same form.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.errors import InputError

_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True)
class AlgorithmVersion:
    """A version of an algorithm. `display` holds the values that the website shows, as JSON."""

    type: str
    algorithm: str
    version: str
    display: Mapping[str, Any]


@dataclass(frozen=True)
class Schema:
    """The attribute names of the algorithms table, and the phase that releases a version.

    An existing table may use other names than the defaults. An item maps attribute names to
    DynamoDB attribute values: `{"phase": {"S": "PACKAGE_TESTS_COMPLETE"}}`.
    """

    phase: str = "PACKAGE_TESTS_COMPLETE"
    algorithm_attribute: str = "algorithm"
    version_attribute: str = "version"
    type_attribute: str = "type"
    phase_attribute: str = "phase"
    display_attribute: str = "display"

    def is_complete(self, item: Mapping[str, Any]) -> bool:
        """Return whether the item is in the configured phase: its tests are complete.

        >>> Schema(phase="READY").is_complete({"phase": {"S": "READY"}})
        True
        """
        return string_value(item, self.phase_attribute) == self.phase

    def read(self, item: Mapping[str, Any], where: str) -> AlgorithmVersion:
        """Return the version that an item describes.

        Raises InputError, which names `where` and the attribute, if the type, the algorithm, the
        version or the display is missing or malformed. An item without display is valid.
        """
        attributes = _Attributes(item, where)
        return AlgorithmVersion(
            type=attributes.type(self.type_attribute),
            algorithm=attributes.name(self.algorithm_attribute),
            version=attributes.name(self.version_attribute),
            display=attributes.display(self.display_attribute),
        )


def describe_item(table: str, keys: Mapping[str, Any]) -> str:
    """Name a table and an item in messages. `keys` maps names to DynamoDB attribute values.

    >>> describe_item("algorithms", {"algorithm": {"S": "route-planner"}})
    "table algorithms, item {'algorithm': 'route-planner'}"
    """
    plain_keys = {name: next(iter(value.values()), None) for name, value in keys.items()}
    return f"table {table}, item {plain_keys}"


def string_value(item: Mapping[str, Any], attribute: str) -> str | None:
    """Return the value of a string attribute, or None if it is missing or not a string."""
    value = item.get(attribute, {}).get("S")
    return value if isinstance(value, str) else None


@dataclass(frozen=True)
class _Attributes:
    """Reads the attributes of one item. Each method raises InputError for a malformed value."""

    item: Mapping[str, Any]
    where: str

    def type(self, attribute: str) -> str:
        value = string_value(self.item, attribute)
        if value not in TYPES:
            raise self._error(
                attribute,
                f"one of {', '.join(TYPES)} as a string",
                "Correct the item, then set its phase again.",
            )
        return value

    def name(self, attribute: str) -> str:
        value = string_value(self.item, attribute)
        if value is None or not NAME_PATTERN.fullmatch(value):
            raise self._error(
                attribute,
                "a string of 1 to 128 letters, digits, '.', '_' and '-',"
                " starting with a letter or digit",
                "Correct the item, then set its phase again.",
            )
        return value

    def display(self, attribute: str) -> Mapping[str, Any]:
        if attribute not in self.item:
            return {}
        if "M" not in self.item[attribute]:
            raise self._error(
                attribute,
                "a map",
                "Store the values that the website shows as a map, then set the phase again.",
            )
        values: Mapping[str, Any] = _json_values(_deserialize(self.item[attribute]))
        try:
            json.dumps(values)
        except TypeError as error:
            raise self._error(
                attribute,
                "text and numbers",
                "Store no binary values in it, then set the phase again.",
                found=str(error),
            ) from error
        return values

    def _error(
        self, attribute: str, expected: str, remedy: str, *, found: str | None = None
    ) -> InputError:
        value = repr(self.item[attribute])[:120] if attribute in self.item else "nothing"
        problem = f"attribute '{attribute}': expected {expected}, found {found or value}"
        return InputError(self.where, problem, remedy)


def _json_values(value: Any) -> Any:
    """Convert a value of boto3's deserializer for JSON: decimals to numbers, sets to lists."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {name: _json_values(item) for name, item in value.items()}
    if isinstance(value, set):
        return sorted(_json_values(item) for item in value)
    if isinstance(value, list):
        return [_json_values(item) for item in value]
    return value
