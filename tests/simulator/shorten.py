"""Finds a short history that breaks an invariant, once a longer one did."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.simulator.plan import Plan
from tests.simulator.world import World

SEEDS = 20
"""Seeds that are tried for a smaller plan: another plan is another history of the same seed."""


def failure_of(plan: Plan, *, readable: bool = False) -> tuple[Counter[str], str | None, list[str]]:
    """Return the counts of a history, why it failed if it did, and its lines if it is readable."""
    world = World(plan, lines=[] if readable else None)
    failure = None
    try:
        world.run()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a Violation is no Exception
        failure = f"{type(error).__name__}: {error}"
    return world.counts, failure, world.lines or []


def shortest(plan: Plan) -> list[str]:
    """Return the lines of the shortest history found that fails for the same reason."""
    reason = _reason(failure_of(plan)[1])
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(plan):
            if _reason(failure_of(smaller)[1]) == reason:
                plan, progress = smaller, True
                break
    _, failure, lines = failure_of(plan, readable=True)
    return [*lines, f"{plan}", f"{failure}"]


def _reason(failure: str | None) -> str | None:
    return failure and ": ".join(failure.split(": ")[:2])


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yield plans with less in them."""
    simpler: list[dict[str, Any]] = [
        {"records": plan.records // 2},
        {"records": plan.records * 3 // 4},
        {"people": plan.people - 1},
        {"algorithms": plan.algorithms // 2},
        {"shards": plan.shards - 1},
        {"restored": False},
        {"broken": False},
        {"poison": 0.0},
        {"repeats": 0.0},
        *({"kinds": tuple(k for k in plan.kinds if k != kind)} for kind in plan.kinds),
    ]
    for fields in simpler:
        smaller = replace(plan, **fields)
        if (
            smaller != plan
            and smaller.records
            and smaller.algorithms
            and smaller.shards
            and (smaller.people >= 0)
        ):
            yield from (replace(smaller, seed=plan.seed + number) for number in range(SEEDS))
