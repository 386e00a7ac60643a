"""DynamoDB attribute values and the JSON values that they stand for."""

import json
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from phaseline.algorithms import attributes
from phaseline.algorithms.attributes import MalformedValueError
from tests.events import samples


@pytest.mark.parametrize("name", samples.TEXT)
def test_each_type_of_the_public_samples_is_read_with_and_without_nulls(name: str) -> None:
    value, expected = samples.TEXT[name], samples.TEXT_AS_JSON[name]
    assert attributes.json_value(value) == expected
    assert attributes.json_value(samples.padded(value)) == expected


@pytest.mark.parametrize("name", samples.BINARY)
def test_binary_value_is_none_that_json_has(name: str) -> None:
    for value in (samples.BINARY[name], samples.padded(samples.BINARY[name])):
        with pytest.raises(MalformedValueError, match=r"found a .*binary value"):
            attributes.json_value({"L": [value]})


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        3,
        [],
        {},
        {"S": None},
        {"S": 3},
        {"S": "a", "N": "1"},
        {"X": "a"},
        {"S": "half a pair: \ud83d"},
        {"M": {"\udc00": {"S": "a"}}},
        {"N": "NaN"},
        {"N": "Infinity"},
        {"N": "1e500"},
        {"N": "1e-500"},
        {"N": ""},
        {"N": " 3"},
        {"N": "1_000"},
        {"N": "\u0663"},
        {"N": "9" * 39},
        {"N": 3},
        {"N": True},
        {"BOOL": "true"},
        {"BOOL": 1},
        {"NULL": False},
        {"NULL": "true"},
        {"L": {"0": {"S": "a"}}},
        {"L": ["a"]},
        {"M": []},
        {"M": {"a": "b"}},
        {"SS": "ab"},
        {"SS": [1]},
        {"NS": ["one"]},
        {"NS": [1]},
        {"NS": None},
    ],
    ids=repr,
)
def test_malformed_value_is_an_error(value: object) -> None:
    with pytest.raises(MalformedValueError, match=r"expected .+, found .+"):
        attributes.json_value(value)
    assert attributes.text_or_none(value) is None
    assert attributes.string_or_none(value) is None


def test_error_names_the_place_inside_the_value() -> None:
    value = {"M": {"icons": {"L": [{"S": "a"}, {"M": {"small": {"B": "AAEC"}}}]}}}
    with pytest.raises(MalformedValueError) as caught:
        attributes.json_value(value)
    assert caught.value.place == "icons.1.small"


def test_lists_as_deep_as_dynamodb_stores_them_are_read_and_deeper_ones_are_an_error() -> None:
    def nested(levels: int) -> dict[str, Any]:
        value: dict[str, Any] = {"S": "deep"}
        for _ in range(levels):
            value = {"L": [value]}
        return value

    assert "deep" in str(attributes.json_value(nested(attributes.NESTING_LIMIT)))
    for levels in (attributes.NESTING_LIMIT + 1, 100_000):
        with pytest.raises(MalformedValueError, match="levels"):
            attributes.json_value(nested(levels))


@pytest.mark.parametrize(
    ("number", "text", "value"),
    [
        ("3", "3", 3),
        ("-0", "0", 0),
        ("3.0", "3", 3),
        ("1E+2", "100", 100),
        ("0.50", "0.5", 0.5),
        ("+7", "7", 7),
        (".5", "0.5", 0.5),
        ("9" * 38, "9" * 38, int("9" * 38)),
        ("9.9E+125", "99" + "0" * 124, 99 * 10**124),
    ],
)
def test_number_is_written_as_dynamodb_delivers_it(
    number: str, text: str, value: int | float
) -> None:
    assert attributes.plain_text({"N": number}) == text
    assert attributes.json_value({"N": number}) == value


values = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, st.text()),
        st.builds(lambda number: {"N": str(number)}, st.integers(-(10**37), 10**37)),
        st.builds(lambda number: {"N": str(number)}, st.decimals(-1000, 1000, places=3)),
        st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda texts: {"SS": texts}, st.lists(st.text(), min_size=1, unique=True)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: {"L": items}, st.lists(inner, max_size=3)),
        st.builds(lambda items: {"M": items}, st.dictionaries(st.text(), inner, max_size=3)),
    ),
    max_leaves=10,
)


@given(values)
def test_values_are_those_of_boto3_and_can_be_json(value: Any) -> None:
    def in_json(read: Any) -> Any:
        if isinstance(read, dict):
            return {name: in_json(item) for name, item in read.items()}
        if isinstance(read, list | set):
            items = [in_json(item) for item in read]
            return sorted(items) if isinstance(read, set) else items
        return read if isinstance(read, str | bool | None) else float(read)

    read = attributes.json_value(value)
    assert in_json(read) == in_json(TypeDeserializer().deserialize(value))
    json.dumps(read, allow_nan=False).encode()
