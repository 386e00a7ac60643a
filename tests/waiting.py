"""Waiting in tests for what other threads and processes do."""

from collections.abc import Callable
from typing import TypeVar

from local.waiting import until

T = TypeVar("T")


def eventually(look: Callable[[], T]) -> T:
    """The first truthy value of look. Raises TimedOutError if none comes in local.waiting.PATIENCE
    seconds."""
    return until(look, what="what the test expects")
