"""How long anything of the local system is waited for, and how.

The emulator, which has an environment of its own, the jobs of workflows and the tests use this
too: it needs the standard library alone.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from phaseline.errors import TimedOutError

T = TypeVar("T")
PATIENCE = 300.0
"""Seconds after which a wait or a request gives up. On a machine that is busy with other work all
takes many times as long; only what hangs comes near this."""
PAUSE = 0.1
"""Seconds between two looks."""


def until(
    look: Callable[[], T],
    done: Callable[[T], object] = bool,
    *,
    what: str,
    show: Callable[[T], str] = repr,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Look again and again, and return the first value that is `done`.

    Raises TimedOutError after PATIENCE: it names `what` was waited for and shows what was seen
    last.
    """
    end = clock() + PATIENCE
    while not done(found := look()):
        if clock() > end:
            raise TimedOutError(
                f"waiting for {what}",
                f"nothing within {PATIENCE:.0f} s; seen last: {show(found)}",
                "Start again; if it comes back, the logs of the local system say more.",
            )
        sleep(PAUSE)
    return found
