"""Waiting in tests for what other threads and processes do."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from local.waiting import until
from phaseline import times

T = TypeVar("T")


def eventually(look: Callable[[], T]) -> T:
    """The first truthy value of look. Raises TimedOutError if none comes in local.waiting.PATIENCE
    seconds."""
    return until(look, what="what the test expects")


def a_second() -> str:
    """The present second, once it is over, as commands take a time: what happened before this call
    was in it or earlier, and what happens after it is later."""
    second = times.second(datetime.now(UTC))
    eventually(lambda: times.second(datetime.now(UTC)) > second)
    return second


def is_alive(process: int) -> bool:
    """Return whether a process with this ID exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
