"""Pauses of random length, so that callers in conflict do not retry at the same time."""

import random
import time


def pause(longest: float) -> None:
    """Wait for a random time of at most `longest` seconds."""
    time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter is no secret
