"""A hold is in force until it ends, and while its window is open."""

from typing import Any

import pytest

from phaseline.documents.hold import Hold
from tests.builders.changes import NOW


@pytest.mark.parametrize(
    ("end", "is_in_force"),
    [
        ({}, True),
        ({"until": "2026-11-24T21:00:01Z"}, True),
        ({"until": "2026-11-24T21:00:00Z"}, False),
        ({"window": "0 18 * * 2 for 12h in Europe/Berlin"}, True),
        ({"window": "0 18 * * 5 for 62h in Europe/Berlin"}, False),
        ({"until": "2026-11-24T20:00:00Z", "window": "0 18 * * 2 for 12h in UTC"}, False),
        ({"until": "tomorrow"}, True),
        ({"until": "2026-11-24T20:00:00"}, True),
        ({"window": "at night"}, True),
        ({"window": "0 18 * * 5 for 62h in Europe/Berlin", "zone": "AAAA"}, True),
        ({"window": 5}, True),
        ({"window": ["0 18 * * 5 for 62h in UTC"]}, True),
    ],
)
def test_hold_is_in_force_until_it_ends_and_while_its_window_is_open(
    end: dict[str, Any], is_in_force: bool
) -> None:
    """A hold that somebody edited, and that cannot be read, keeps changes back."""
    assert Hold("r", "ana", "t", **end).in_force(NOW) is is_in_force


@pytest.mark.parametrize(
    ("until", "has_ended"),
    [
        (None, False),
        ("2026-11-24T21:00:00Z", True),
        ("2026-11-24T21:00:01Z", False),
        ("tomorrow", False),
    ],
)
def test_hold_ends_at_its_time(until: str | None, has_ended: bool) -> None:
    assert Hold("r", "ana", "t", until=until).ended(NOW) is has_ended
