"""Times as text: ISO 8601 in UTC. Those of one form sort as text, as the ledger's keys need."""

from datetime import UTC, datetime


def second(moment: datetime) -> str:
    """A time in whole seconds, as in 2026-11-25T10:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(moment: datetime) -> str:
    """A time in milliseconds, as in 2026-11-25T10:00:00.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
