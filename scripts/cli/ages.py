"""Pure: how long ago something happened, in words."""

from phaseline import times

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def age(at: str | None, now: str) -> str:
    """Return the time between two times (ISO 8601) in the largest unit.

    >>> age("2026-11-24T20:00:00Z", "2026-11-24T20:03:10Z")
    '3 min ago'
    >>> age("2026-11-24T20:00:00Z", "2026-11-24T20:00:10Z")
    '10 s ago'
    >>> age(None, "2026-11-24T20:00:10Z")
    ''
    """
    if at is None:
        return ""
    seconds = int((times.parse(now, "now") - times.parse(at, "a time")).total_seconds())
    if seconds < 0:
        return f"at {at}"
    for length, unit in UNITS:
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
