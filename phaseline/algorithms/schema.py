"""Pure: what an item of the algorithms table says, under the names that its teams use.

The table's stream and its scan show the same items, and both are read here.
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
    """A version of an algorithm, as its item describes it. `display` is what the website shows."""

    type: str
    algorithm: str
    version: str
    display: Mapping[str, Any]


@dataclass(frozen=True)
class Schema:
    """How the algorithms table names things; an existing table may use other names.

    An item is a mapping of attribute names to DynamoDB's attribute values, `{"phase": {"S": ...}}`.
    """

    phase: str = "PACKAGE_TESTS_COMPLETE"
    algorithm_attribute: str = "algorithm"
    version_attribute: str = "version"
    type_attribute: str = "type"
    phase_attribute: str = "phase"
    display_attribute: str = "display"

    def is_complete(self, item: Mapping[str, Any]) -> bool:
        """Whether the item is in the phase that says that its tests are complete."""
        return text(item, self.phase_attribute) == self.phase

    def read(self, item: Mapping[str, Any], where: str) -> AlgorithmVersion:
        """The version that an item describes.

        Raises InputError, naming `where` and the attribute, for a name, type or display that can't
        be used.
        """
        attributes = _Attributes(item, where)
        return AlgorithmVersion(
            type=attributes.one_of_types(self.type_attribute),
            algorithm=attributes.name(self.algorithm_attribute),
            version=attributes.name(self.version_attribute),
            display=attributes.display(self.display_attribute),
        )


def place(table: str, keys: Mapping[str, Any]) -> str:
    """Table and item, for messages; `keys` are attribute values by name."""
    shown = {name: next(iter(value.values()), None) for name, value in keys.items()}
    return f"table {table}, item {shown}"


def text(item: Mapping[str, Any], attribute: str) -> str | None:
    """The text of an attribute; None where the item has none, or it is no text."""
    value = item.get(attribute, {}).get("S")
    return value if isinstance(value, str) else None


@dataclass(frozen=True)
class _Attributes:
    """Reads the attributes of one item. Each method raises InputError for what can't be used."""

    item: Mapping[str, Any]
    where: str

    def one_of_types(self, attribute: str) -> str:
        value = text(self.item, attribute)
        if value not in TYPES:
            raise self._error(
                attribute,
                f"one of {', '.join(TYPES)} as a string",
                "Correct the item, then set its phase again.",
            )
        return value

    def name(self, attribute: str) -> str:
        value = text(self.item, attribute)
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
                "Store what the website shows as a map, then set the phase again.",
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
        shown = repr(self.item[attribute])[:120] if attribute in self.item else "nothing"
        problem = f"attribute '{attribute}': expected {expected}, found {found or shown}"
        return InputError(self.where, problem, remedy)


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
