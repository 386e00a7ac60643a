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
