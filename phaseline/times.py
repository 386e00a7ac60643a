"""Formats times as ISO 8601 in UTC. Times of the same format sort as text."""

from datetime import UTC, datetime


def second(moment: datetime) -> str:
    """Format a time in whole seconds: `2026-11-25T10:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(moment: datetime) -> str:
    """Format a time in milliseconds: `2026-11-25T10:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
