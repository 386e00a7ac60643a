"""Waits for CloudFormation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from phaseline.aws.wait import poll
from phaseline.errors import TimedOutError

T = TypeVar("T")


@dataclass(frozen=True)
class StackWait:
    """Polls until a stack, or its change set, has a result.

    `limit` bounds each wait, in seconds by `clock`. `polls` are the pauses between two attempts;
    the last pause repeats.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    polls: Sequence[float]
    limit: float

    def until(self, stack: str, look: Callable[[], T | None]) -> T:
        """Return the first result of `look` that is not None. Raises TimedOutError."""
        result = poll(look, clock=self.clock, sleep=self.sleep, limit=self.limit, pauses=self.polls)
        if result is None:
            raise TimedOutError(
                f"stack {stack}",
                f"its operation did not end within {self.limit:.0f} seconds",
                "CloudFormation continues on its own. Run this command again; it waits for the"
                " operation, then continues.",
            )
        return result
