"""The fields of a person's request."""

from dataclasses import replace
from typing import Any

import pytest

from phaseline.errors import InputError
from phaseline.promotion.request import Request, check_request, in_utc

AT = "2026-11-24T21:00:00Z"
EARLIER, LATER = "2026-11-24T20:59:59Z", "2026-11-24T21:00:01Z"
WINDOW = "0 18 * * 5 for 62h in Europe/Berlin"
NAMES = tuple(f"a{number}" for number in range(101))


def request(action: str, **fields: Any) -> Request:
    """A request of Ana for the algorithm `a`, with the version that the action requires."""
    version = "1.0" if action in {"promote", "clear"} else None
    known: dict[str, Any] = {
        "type": "opt", "algorithms": ("a",), "reason": "because", "who": "ana", "at": AT,
        "id": "run-1", "version": version,
    }  # fmt: skip
    return Request(action=action, **(known | fields))


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("promote", {}),
        ("promote", {"type": "in", "version": "1.0_rc-1"}),
        ("promote", {"version": None}),  # an upstream environment has one
        ("promote", {"version": None, "algorithms": ("a", "b")}),
        ("promote", {"reason": "r" * 1_000}),
        ("rollback", {}),
        ("rollback", {"version": "1.0"}),
        ("rollback", {"algorithms": NAMES[:100]}),
        ("rollback", {"as_of": EARLIER}),
        ("rollback", {"as_of": AT}),
        ("rollback", {"as_of": EARLIER, "algorithms": ()}),
        ("rollback", {"publication": 7}),
        ("hold", {}),
        ("hold", {"algorithms": ()}),
        ("hold", {"until": LATER}),
        ("hold", {"window": WINDOW}),
        ("resume", {}),
        ("resume", {"algorithms": ()}),
        ("clear", {}),
    ],
)
def test_request_whose_fields_fit_together_is_accepted(action: str, fields: dict[str, Any]) -> None:
    check_request(request(action, **fields))


@pytest.mark.parametrize(
    ("action", "field", "fields"),
    [
        ("delete", "action", {}),
        ("promote", "type", {"type": "inout"}),
        ("promote", "reason", {"reason": " "}),
        ("promote", "reason", {"reason": "r" * 1_001}),
        ("promote", "reason", {"reason": "\x1b[2J"}),
        ("promote", "version", {"version": "$(reboot)"}),
        ("promote", "version", {"version": "1.0", "algorithms": ("a", "b")}),
        ("clear", "version", {"version": None}),
        ("hold", "version", {"version": "1.0"}),
        ("resume", "version", {"version": "1.0"}),
        ("rollback", "version", {"version": "1.0", "algorithms": ("a", "b")}),
        ("promote", "algorithm", {"algorithms": ("$(reboot)",)}),
        ("promote", "algorithm", {"algorithms": (), "version": None}),
        ("rollback", "algorithm", {"algorithms": ()}),
        ("rollback", "algorithm", {"algorithms": NAMES}),
        ("promote", "as-of", {"as_of": EARLIER, "version": None}),
        ("rollback", "as-of", {"as_of": EARLIER, "version": "1.0"}),
        ("rollback", "as-of", {"as_of": "yesterday"}),
        ("rollback", "as-of", {"as_of": ""}),
        ("rollback", "as-of", {"as_of": LATER}),
        ("hold", "until", {"until": "tomorrow"}),
        ("hold", "until", {"until": EARLIER}),
        ("hold", "until", {"until": AT}),
        ("rollback", "until", {"until": LATER}),
        ("promote", "window", {"window": WINDOW}),
    ],
)
def test_malformed_request_is_refused_by_field(
    action: str, field: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as caught:
        check_request(request(action, **fields))
    assert caught.value.found.startswith(f"'{field}' can't be ")
    assert caught.value.where.startswith(f"the request to {action} ")


def test_malformed_window_is_refused() -> None:
    with pytest.raises(InputError, match="the hold of opt/a: "):
        check_request(request("hold", window="at night"))


def test_subject_is_the_type_or_its_algorithms() -> None:
    assert request("hold", algorithms=()).subject == "opt"
    assert request("hold", algorithms=("a", "b")).subject == "opt/a, b"


def test_record_tells_a_repetition_from_another_request() -> None:
    """A repetition may come later, by another person."""
    first = request("rollback")
    others: list[dict[str, Any]] = [
        {"id": "run-2"}, {"action": "promote"}, {"type": "in"}, {"algorithms": ("b",)},
        {"version": "1.0"}, {"as_of": EARLIER}, {"publication": 7}, {"until": LATER},
        {"window": WINDOW},
    ]  # fmt: skip
    keys = {replace(first, **fields).record.key for fields in others}
    assert len(keys | {first.record.key}) == len(others) + 1
    again = replace(first, who="bo", at=LATER, reason="again")
    assert again.record.key == first.record.key


def test_record_says_who_asked_for_what_and_when() -> None:
    record = request("hold").record
    assert (record.action, record.algorithms, record.who) == ("hold", ("a",), "ana")
    assert (record.reason, record.at) == ("because", AT)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (None, None),
        ("2026-11-25T08:00:00+01:00", "2026-11-25T07:00:00Z"),
        ("2026-11-25T08:00:00.9Z", "2026-11-25T08:00:00Z"),
    ],
)
def test_time_is_converted_to_utc_in_whole_seconds(time: str | None, expected: str | None) -> None:
    assert in_utc(time) == expected


def test_error_of_a_malformed_time_says_that_a_request_has_it() -> None:
    with pytest.raises(InputError, match="a request: expected a time"):
        in_utc("tomorrow")
