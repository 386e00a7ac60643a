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
PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""The bounds of the pause between two calls of `look`, in seconds."""
PAUSE_PER_LOOK = 3
"""Between the bounds, a pause is this many times as long as the call of `look` before it. So
waiting takes a small share of the machine's time, which the awaited work needs."""


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
    begin = clock()
    end = begin + PATIENCE
    while not done(value := look()):
        now = clock()
        if now > end:
            raise TimedOutError(
                f"waiting for {what}",
                f"nothing within {PATIENCE:.0f} s; seen last: {show(value)}",
                "Try again. If it fails again, read the logs of the local system.",
            )
        sleep(min(max(PAUSE, PAUSE_PER_LOOK * (now - begin)), LONGEST_PAUSE))
        begin = clock()
    return value
