"""Pure: the versions that are promoted, in waves that follow from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from phaseline.algorithms.names import TYPES

ALGORITHMS = 5
WAVE = 3
"""The most versions that become tested at the same time."""


@dataclass(frozen=True)
class Promotion:
    """A version of an algorithm that becomes active, because its tests are complete or by hand."""

    type: str
    algorithm: str
    version: str


def waves(seed: int, releases: int) -> Iterator[list[Promotion]]:
    """Yield `releases` versions in waves, no two of one algorithm in one wave."""
    rng, numbers = random.Random(seed), dict.fromkeys(range(ALGORITHMS), 0)
    while releases:
        size = min(releases, rng.randint(1, WAVE))
        wave = rng.sample(range(ALGORITHMS), size)
        for place in wave:
            numbers[place] += 1
        releases -= size
        yield [
            Promotion(TYPES[place % len(TYPES)], f"chaos-{seed}-{place}", f"{numbers[place]}.0.0")
            for place in wave
        ]
