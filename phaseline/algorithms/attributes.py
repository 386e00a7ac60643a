"""Pure: reads DynamoDB attribute values, as boto3 and the events of Lambda contain them.

An attribute value is an object with one data type and its content: `{"S": "text"}`. Some libraries
write null for each of the other types. In an event, the content of a binary value is Base64 text.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from reprlib import Repr
from typing import Any

NAMES = {
    "S": "a string",
    "N": "a number",
    "B": "a binary value",
    "BOOL": "a Boolean value",
    "NULL": "a null value",
    "L": "a list",
    "M": "a map",
    "SS": "a set of strings",
    "NS": "a set of numbers",
    "BS": "a set of binary values",
}
"""The data types and their names."""

NESTING_LIMIT = 32
"""The number of levels of lists and maps in an item. `MAGNITUDES` are the exponents, and `DIGITS`
the number of digits, that a number may have.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""
MAGNITUDES = range(-130, 126)
DIGITS = 38
_NUMBER = re.compile(r"[+-]?(\d{1,200}(\.\d{0,200})?|\.\d{1,200})([eE][+-]?\d{1,4})?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 80, 80


class MalformedValueError(ValueError):
    """An attribute value is malformed, or is none that JSON has. `place` is the place inside it."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place


def typed(value: object) -> tuple[str, Any]:
    """Return the data type and the content of an attribute value, without checking the content.

    >>> typed({"S": "text", "N": None})
    ('S', 'text')
    """
    if isinstance(value, Mapping):
        contents = [(name, content) for name, content in value.items() if content is not None]
        if len(contents) == 1 and contents[0][0] in NAMES:
            return contents[0]
    raise MalformedValueError(f"expected one data type and its content, found {shown(value)}")


def number(content: object) -> Decimal:
    """Return the number of a content of the type N.

    >>> number("1E+2")
    Decimal('1E+2')
    """
    if isinstance(content, str) and _NUMBER.fullmatch(content):
        value = Decimal(content)
        digits = "".join(map(str, value.as_tuple().digits)).strip("0")
        if not value or (value.adjusted() in MAGNITUDES and len(digits) <= DIGITS):
            return value
    raise MalformedValueError(f"expected a number of DynamoDB as text, found {shown(content)}")


def text(content: object) -> str:
    """Return the text of a content of the type S. It can be encoded as UTF-8."""
    if isinstance(content, str) and not _SURROGATE.search(content):
        return content
    raise MalformedValueError(f"expected text in Unicode, found {shown(content)}")


def json_value(value: object, level: int = 0) -> Any:
    """Return an attribute value as a JSON value. Sets become sorted lists.

    Raises MalformedValueError if the value or a value in it is malformed or binary.

    >>> json_value({"M": {"rank": {"N": "3"}, "tags": {"SS": ["b", "a"]}}})
    {'rank': 3, 'tags': ['a', 'b']}
    """
    kind, content = typed(value)
    match kind:
        case "S":
            return text(content)
        case "N":
            return _json_number(content)
        case "BOOL" if isinstance(content, bool):
            return content
        case "NULL" if content is True:
            return None
        case "SS" if isinstance(content, list):
            return sorted({text(item) for item in content})
        case "NS" if isinstance(content, list):
            return sorted({_json_number(item) for item in content})
        case "L" if isinstance(content, list):
            return [_json_item(item, str(at), level + 1) for at, item in enumerate(content)]
        case "M" if isinstance(content, Mapping):
            return {
                text(name): _json_item(item, text(name), level + 1)
                for name, item in content.items()
            }
        case "B" | "BS":
            raise MalformedValueError(f"expected a value that JSON has, found {NAMES[kind]}")
    raise MalformedValueError(f"expected {NAMES[kind]}, found {shown(content)}")


def _json_item(value: object, place: str, level: int) -> Any:
    """Return the JSON value of an item of a list or map; an error names its place."""
    if level > NESTING_LIMIT:
        raise MalformedValueError(f"expected at most {NESTING_LIMIT} levels, found more", place)
    try:
        return json_value(value, level)
    except MalformedValueError as error:
        inner = f"{place}.{error.place}" if error.place else place
        raise MalformedValueError(error.problem, inner) from None


def _json_number(content: object) -> int | float:
    value = number(content)
    return int(value) if value == value.to_integral_value() else float(value)


def string_or_none(value: object) -> str | None:
    """Return the text of a string, or None if the value is malformed or of another data type."""
    try:
        kind, content = typed(value)
        return text(content) if kind == "S" else None
    except MalformedValueError:
        return None


def plain_text(value: object) -> str | None:
    """Return the text of a string or number, or None for other data types.

    Numbers are written as DynamoDB delivers them: without exponent and zeros that mean nothing.

    >>> plain_text({"N": "3"}), plain_text({"N": "3.50"}), plain_text({"BOOL": True})
    ('3', '3.5', None)
    """
    kind, content = typed(value)
    if kind == "S":
        return text(content)
    if kind != "N":
        return None
    value = number(content)
    digits = format(value, "f") if value else "0"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def text_or_none(value: object) -> str | None:
    """Return the text of a string or number, or None if the value is malformed or another one."""
    try:
        return plain_text(value)
    except MalformedValueError:
        return None


def shown(value: object) -> str:
    """Return any value for messages: as Python code, without control characters, and short.

    >>> shown([[[["deep"]]]])
    '[[[[...]]]]'
    """
    return _SHORT.repr(value)[:160]
