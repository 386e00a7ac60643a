"""Releases as the ledger holds them."""

from dataclasses import replace
from typing import Any

from phaseline.releases.release import Release


def release(**changes: Any) -> Release:
    """A release of opt/a 1.0.0 in revision 7."""
    made = Release(
        release_id="r",
        type="opt",
        algorithm="a",
        version="1.0.0",
        action="promote",
        previous=None,
        requested_at="2026-11-24T20:00:00Z",
        sequence="1",
        reason="its phase was set",
        revision=7,
    )
    return replace(made, **changes)


def numbered_release(sequence: int, version: str = "1.0.0") -> Release:
    """A release of opt/a."""
    return Release(
        release_id=f"opt-a-{version}-{sequence}",
        type="opt",
        algorithm="a",
        version=version,
        action="promote",
        previous=None,
        requested_at=f"2026-11-24T20:00:{sequence:02}Z",
        sequence=str(sequence),
        reason="its phase was set",
        display={"accuracy": 0.97},
        document_version="v1",
        revision=sequence,
    )
