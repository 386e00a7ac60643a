"""Polling with a time limit, shared by the whole local system.

The emulator, which has an environment of its own, the jobs of workflows and the tests import this
too, so it imports no third-party package.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from phaseline.errors import TimedOutError

T = TypeVar("T")
PATIENCE = 300.0
"""Seconds after which a wait or a request gives up. A busy machine can be many times slower than
an idle one, and only an operation that hangs should reach this limit."""
PAUSE = 0.1
"""Seconds between two calls of `look`."""


def until(
    look: Callable[[], T],
    done: Callable[[T], object] = bool,
    *,
    what: str,
    show: Callable[[T], str] = repr,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call `look` until its value is `done`, and return that value.

    Raises TimedOutError after PATIENCE. The error names `what` was awaited and shows the last
    value.
    """
    end = clock() + PATIENCE
    while not done(value := look()):
        if clock() > end:
            raise TimedOutError(
                f"waiting for {what}",
                f"nothing within {PATIENCE:.0f} s; seen last: {show(value)}",
                "Try again. If it fails again, read the logs of the local system.",
            )
        sleep(PAUSE)
    return value
