"""What a function costs, counted in calls: unlike its time, it is the same on any machine."""

import cProfile
import pstats
from collections.abc import Callable


def calls(function: Callable[[], object]) -> int:
    """The number of function calls that `function` makes, all below it included."""
    profile = cProfile.Profile()
    profile.runcall(function)
    total: int = vars(pstats.Stats(profile))["total_calls"]
    return total
