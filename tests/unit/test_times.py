"""Times that people, files and other services give."""

from datetime import UTC, datetime

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline import times
from phaseline.errors import InputError
from phaseline.promotion.request import Request, check_request, in_utc
from scripts.cli.options import MOMENT

OUTSIDE = (
    "9999-12-31T23:59:59-05:00",
    "9999-12-31T23:59:59.999999-00:01",
    "0001-01-01T00:00:00+05:00",
)
"""Times that exist in their time zone, and not in UTC."""
MALFORMED = (
    *OUTSIDE,
    "",
    "now",
    "2026-11-24",
    "2026-11-24T20:00:00",
    "2026-13-01T00:00:00Z",
    "2026-11-24T20:00:00+99:00",
    "10000-01-01T00:00:00Z",
    "1795550400",
    "\ud800",
)


@pytest.mark.parametrize("text", [*MALFORMED, None, 1795550400, True, [], {}])
def test_malformed_time_is_an_error_that_names_its_place(text: object) -> None:
    with pytest.raises(InputError, match="--until: expected a time with its time zone") as caught:
        times.parse(text, "--until")
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-25T08:00:00+01:00", "2026-11-25T07:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59+05:00", "9999-12-31T18:59:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("0999-01-01T00:00:00Z", "0999-01-01T00:00:00Z"),
    ],
)
def test_time_is_converted_to_utc_and_sorts_as_text(text: str, expected: str) -> None:
    assert times.second(times.parse(text, "a test")) == expected
    assert in_utc(text) == expected
    assert MOMENT.convert(text, None, None) == expected


@pytest.mark.parametrize("text", MALFORMED)
def test_option_with_a_malformed_time_is_named(text: str) -> None:
    option = click.Option(["--until"], type=MOMENT)
    with pytest.raises(click.BadParameter) as caught:
        option.type_cast_value(click.Context(click.Command("release")), text)
    assert "expected a time with its time zone" in caught.value.message
    assert times.EXAMPLE in caught.value.message


@pytest.mark.parametrize("text", MALFORMED)
@pytest.mark.parametrize(("action", "field"), [("hold", "until"), ("rollback", "as_of")])
def test_request_with_a_malformed_time_is_an_error_that_names_the_field(
    action: str, field: str, text: str
) -> None:
    request = Request(action, "opt", (), "reason", "ana", "2026-11-24T20:00:00Z", "1")
    with pytest.raises(InputError, match=f"'{field.replace('_', '-')}' can't be"):
        check_request(Request(**(vars(request) | {field: text})))


@given(st.text() | st.datetimes(timezones=st.timezones()).map(datetime.isoformat))
def test_any_text_is_a_time_in_utc_or_an_error(text: str) -> None:
    try:
        moment = times.parse(text, "a test")
    except InputError:
        return
    assert moment.tzinfo is UTC
    assert times.second(times.parse(times.second(moment), "a test")) == times.second(moment)
