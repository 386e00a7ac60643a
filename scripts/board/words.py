"""Pure: how the board writes durations, ids and the states of releases."""

from phaseline.releases.release import OPEN, SUPERSEDED, VERIFIED

STATES = {OPEN: "on its way", VERIFIED: "verified", SUPERSEDED: "superseded"}
"""The states of releases, in words."""
UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
SHORT = 8
"""Characters by which people recognize an id."""
NOTHING = "\N{EN DASH}"
"""The text in place of a missing value."""


def span(seconds: float | None) -> str:
    """Return a duration in its two largest units, or NOTHING.

    >>> [span(value) for value in (0.42, 31, 185, 7500, 273_600)]
    ['0.4 s', '31 s', '3 min 5 s', '2 h 5 min', '3 d 4 h']
    """
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    parts: list[tuple[int, str]] = []
    rest = round(seconds)
    for name, size in UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count)


def short(text: str | None) -> str:
    """Return the beginning of an id or commit, or NOTHING.

    >>> short("0123456789abcdef")
    '01234567'
    """
    return text[:SHORT] if text else NOTHING


def state(name: str) -> str:
    """Return the state of a release in words."""
    return STATES.get(name, name)


def person(name: str) -> str:
    """Return the name of a person, of whom an ARN names the session or user at its end.

    >>> person("arn:aws:sts::111122223333:assumed-role/release/ana")
    'ana'
    """
    return (name.rpartition("/")[2] or name) if name.startswith("arn:") else name


def clock(time: str) -> str:
    """Return the time of day of a time (ISO 8601, UTC), for readers without JavaScript.

    >>> clock("2026-11-25T10:00:59.123Z")
    '10:00:59 UTC'
    """
    return f"{time[11:19]} UTC"


def minute(time: str) -> str:
    """Return a time (ISO 8601, UTC) for readers without JavaScript.

    >>> minute("2026-11-25T10:00:59.123Z")
    '2026-11-25 10:00 UTC'
    """
    return f"{time[:10]} {time[11:16]} UTC"
