"""Parses and formats times as ISO 8601. Times of the same format sort as text."""

from datetime import UTC, datetime

from phaseline.errors import InputError

EXAMPLE = "2026-11-24T20:00:00Z"


def parse(text: object, where: str) -> datetime:
    """Return a time that a person, a file or another service gave (ISO 8601), in UTC.

    Raises InputError, which names `where`, if `text` is no time, has no time zone, or lies outside
    the years 1 to 9999 in UTC.

    >>> second(parse("2026-11-25T08:00:00+01:00", "--until"))
    '2026-11-25T07:00:00Z'
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment and moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InputError(
        where,
        f"expected a time with its time zone, in the years 1 to 9999, found {text!r:.80}",
        f"Write it like {EXAMPLE}.",
    )


def bounds(since: str, until: str) -> tuple[str, str]:
    """Return the bounds of the texts that begin with a time of a period, both ends included.

    >>> bounds("2026-11-25T10:00:00Z", "2026-11-25T11:00:00Z")
    ('2026-11-25T10:00:00', '2026-11-25T11:00:00~')
    """
    # Without the Z, whole seconds include their fractions. "~" sorts after all that may follow.
    return since.removesuffix("Z"), f"{until.removesuffix('Z')}~"


def second(moment: datetime) -> str:
    """Format a time in whole seconds: `2026-11-25T10:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def instant(moment: datetime) -> str:
    """Format a time in milliseconds: `2026-11-25T10:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
