"""Formats times as ISO 8601 in UTC. Times of the same format sort as text."""

from datetime import UTC, datetime


def second(moment: datetime) -> str:
    """Format a time in whole seconds.

    >>> second(datetime.fromisoformat("2026-11-25T11:00:00+01:00"))
    '2026-11-25T10:00:00Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(moment: datetime) -> str:
    """Format a time in milliseconds.

    >>> instant(datetime(2026, 11, 25, 10, 0, 0, 123_000, tzinfo=UTC))
    '2026-11-25T10:00:00.123Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
