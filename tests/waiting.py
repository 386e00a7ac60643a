"""Waiting in tests for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
BOUND = 30.0
"""Seconds after which a wait fails. A busy machine is slow; only a wait in vain takes so long."""


def eventually(look: Callable[[], T], *, within: float = BOUND) -> T:
    """The first truthy value of look; fails if none comes in time (seconds)."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {within} seconds")
