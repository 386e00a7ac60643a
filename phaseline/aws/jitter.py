"""Pauses of random length, so that callers which met once do not meet again."""

import random
import time


def pause(longest: float) -> None:
    """Wait for a random time below `longest` seconds."""
    time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter is no secret
