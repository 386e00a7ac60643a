"""Changes as the stream's records ask for them."""

from datetime import UTC, datetime
from typing import Any

from phaseline.algorithms.changes import Change

STREAM = "algorithms/2026-11-01T08:00:00.000"
NOW = datetime(2026, 11, 24, 21, tzinfo=UTC)  # a Tuesday


def change(sequence: int, version: str = "1.0.0", **fields: Any) -> Change:
    """A change of the algorithm `a`, promoting unless told otherwise."""
    known: dict[str, Any] = {
        "action": "promote",
        "type": "opt",
        "algorithm": "a",
        "display": {"title": version},
        "requested_at": "2026-11-24T20:00:00Z",
        "stream": STREAM,
    }
    return Change(version=version, sequence=str(sequence), **(known | fields))
