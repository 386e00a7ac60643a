"""Pure: reads items of the algorithms table, whose attribute names are configurable.

The items of the table and the images of its stream records have the same form.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phaseline.algorithms import attributes
from phaseline.algorithms.attributes import MalformedValueError, shown
from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.errors import InputError

DISPLAY_LIMIT = 256 * 1024
"""The size of a display, in bytes of its JSON in UTF-8. An item has up to 400 KB.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""


@dataclass(frozen=True)
class Identity:
    """The identity of a version of an algorithm: no two items have the same one."""

    type: str
    algorithm: str
    version: str


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
    DynamoDB attribute values: `{"phase": {"S": "PACKAGE_TESTS_COMPLETE"}}`. `withdraws_on_leave`
    says whether a version that leaves the phase is withdrawn.
    """

    phase: str = "PACKAGE_TESTS_COMPLETE"
    algorithm_attribute: str = "algorithm"
    version_attribute: str = "version"
    type_attribute: str = "type"
    phase_attribute: str = "phase"
    display_attribute: str = "display"
    withdraws_on_leave: bool = True

    def is_complete(self, item: Mapping[str, Any], where: str) -> bool:
        """Return whether the item is in the configured phase: its tests are complete.

        The phase may be a string or a number. Raises InputError, which names `where` and the
        attribute, if its value is malformed.

        >>> Schema(phase="READY").is_complete({"phase": {"S": "READY"}}, "the item")
        True
        >>> Schema(phase="3").is_complete({"phase": {"N": "3"}}, "the item")
        True
        """
        return _Attributes(item, where).plain_text(self.phase_attribute) == self.phase

    @property
    def phase_values(self) -> tuple[dict[str, str], ...]:
        """The attribute values that stand for the configured phase.

        >>> Schema(phase="3").phase_values
        ({'S': '3'}, {'N': '3'})
        """
        try:
            is_number = attributes.plain_text({"N": self.phase}) == self.phase
        except MalformedValueError:
            is_number = False
        return ({"S": self.phase}, {"N": self.phase}) if is_number else ({"S": self.phase},)

    def identity(self, item: Mapping[str, Any], where: str) -> Identity:
        """Return what identifies the version that an item describes.

        Raises InputError, which names `where` and the attribute, if the type, the algorithm or the
        version is missing or malformed.
        """
        attributes = _Attributes(item, where)
        return Identity(
            type=attributes.type(self.type_attribute),
            algorithm=attributes.name(self.algorithm_attribute),
            version=attributes.name(self.version_attribute),
        )

    def names(self, item: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Return the algorithm and the version of an item; None stands for no string."""
        algorithm, version = item.get(self.algorithm_attribute), item.get(self.version_attribute)
        return attributes.string_or_none(algorithm), attributes.string_or_none(version)

    def read(self, item: Mapping[str, Any], where: str) -> AlgorithmVersion:
        """Return the version that an item describes.

        Raises InputError, which names `where` and the attribute, if the type, the algorithm, the
        version or the display is missing or malformed. An item without display is valid.
        """
        identity = self.identity(item, where)
        display = _Attributes(item, where).display(self.display_attribute)
        return AlgorithmVersion(**vars(identity), display=display)


def describe_item(table: str, keys: Mapping[str, Any]) -> str:
    """Name a table and an item in messages. `keys` maps names to DynamoDB attribute values.

    >>> describe_item("algorithms", {"algorithm": {"S": "route-planner"}})
    "table algorithms, item {'algorithm': 'route-planner'}"
    """
    return f"table {table}, item {shown({name: _plain(value) for name, value in keys.items()})}"


def _plain(value: object) -> object:
    """Return the content of an attribute value, or the value itself if it is malformed."""
    try:
        return attributes.typed(value)[1]
    except MalformedValueError:
        return value


@dataclass(frozen=True)
class _Attributes:
    """Reads the attributes of one item. Each method raises InputError for a malformed value."""

    item: Mapping[str, Any]
    where: str

    def plain_text(self, attribute: str) -> str | None:
        """Return the text of a string or number, or None for a missing or another value."""
        if attribute not in self.item:
            return None
        try:
            return attributes.plain_text(self.item[attribute])
        except MalformedValueError as error:
            raise self._error(attribute, error.problem, "Correct the item.") from None

    def type(self, attribute: str) -> str:
        value = attributes.string_or_none(self.item.get(attribute))
        if value not in TYPES:
            raise self._unexpected(attribute, f"one of {', '.join(TYPES)} as a string")
        return value

    def name(self, attribute: str) -> str:
        value = attributes.string_or_none(self.item.get(attribute))
        if value is None or not NAME_PATTERN.fullmatch(value):
            raise self._unexpected(
                attribute,
                "a string of 1 to 128 letters, digits, '.', '_' and '-',"
                " starting with a letter or digit",
            )
        return value

    def display(self, attribute: str) -> Mapping[str, Any]:
        if attribute not in self.item:
            return {}
        remedy = "Store the values that the website shows as a map, then set the phase again."
        try:
            display = attributes.json_value(self.item[attribute])
        except MalformedValueError as error:
            place = f" at {shown(error.place)}" if error.place else ""
            raise self._error(attribute, f"{error.problem}{place}", remedy) from None
        if not isinstance(display, dict):
            raise self._unexpected(attribute, "a map", remedy)
        size = len(json.dumps(display, ensure_ascii=False, separators=(",", ":")).encode())
        if size > DISPLAY_LIMIT:
            problem = f"expected at most {DISPLAY_LIMIT} bytes of JSON, found {size}"
            raise self._error(attribute, problem, "Store less in it, then set the phase again.")
        return display

    def _unexpected(
        self,
        attribute: str,
        expected: str,
        remedy: str = "Correct the item, then set its phase again.",
    ) -> InputError:
        found = shown(self.item[attribute]) if attribute in self.item else "nothing"
        return self._error(attribute, f"expected {expected}, found {found}", remedy)

    def _error(self, attribute: str, problem: str, remedy: str) -> InputError:
        return InputError(self.where, f"attribute '{attribute}': {problem}", remedy)
