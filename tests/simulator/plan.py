"""Pure: a plan says of what kind a simulated history is. Its seed decides everything else."""

import random
from dataclasses import dataclass

from tests.simulator.remote import FAULTS


@dataclass(frozen=True)
class Plan:
    """A history of `records` stream records.

    `algorithms` is the number of algorithms of each type, and `shards` the number of shards with
    which the stream begins. `faults` is the share of the remote calls that have one of the `kinds`
    of faults. `people` are the number of people who make requests at the same time. `repeats` is
    the share of batches that are delivered again, and `poison` the share of malformed records. The
    stream is `restored`: another one with lower numbers takes its place. Somebody has `broken`
    documents now and then. The table is `existing`: it is older than its stream.
    """

    seed: int
    records: int = 200
    algorithms: int = 3
    shards: int = 2
    batch_size: int = 10
    faults: float = 0.03
    kinds: tuple[str, ...] = FAULTS
    people: int = 2
    repeats: float = 0.1
    poison: float = 0.01
    restored: bool = False
    broken: bool = False
    existing: bool = False


def planned(seed: int, records: int) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(seed)
    return Plan(
        seed=seed,
        records=records,
        algorithms=rng.choice((1, 2, 3, 8)),
        shards=rng.choice((1, 2, 3)),
        batch_size=rng.choice((1, 3, 10, 100)),
        faults=rng.choice((0.0, 0.01, 0.03, 0.1)),
        people=rng.choice((0, 1, 2, 3)),
        repeats=rng.choice((0.0, 0.1, 0.3)),
        poison=rng.choice((0.0, 0.01)),
        restored=rng.random() < 0.3,
        broken=rng.random() < 0.3,
        existing=rng.random() < 0.3,
    )
