"""Random histories with faults at every remote call keep every invariant."""

import random

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.simulator.plan import Plan, planned
from tests.simulator.remote import FAULTS
from tests.simulator.world import World

SEED = random.SystemRandom().randrange(10**9)
PLANS = st.builds(
    Plan,
    seed=st.integers(0, 10**9),
    records=st.integers(1, 60),
    algorithms=st.integers(1, 4),
    shards=st.integers(1, 3),
    batch_size=st.sampled_from((1, 3, 10, 100)),
    faults=st.sampled_from((0.0, 0.02, 0.1)),
    kinds=st.lists(st.sampled_from(FAULTS), unique=True).map(tuple),
    people=st.integers(0, 3),
    repeats=st.sampled_from((0.0, 0.2)),
    poison=st.sampled_from((0.0, 0.05)),
    restored=st.booleans(),
    broken=st.booleans(),
    existing=st.booleans(),
)


@seed(SEED)
@settings(
    max_examples=25,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
@given(plan=PLANS)
def test_invariants_hold_in_a_random_history(plan: Plan) -> None:
    """Hypothesis prints the plan of a failure, with its seed, once it has made it smaller."""
    World(plan).run()


# A change of the simulator gives a plan another history, so the unit tests have these cases, too.
@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(planned(1097, 200), id="a withdrawal waited twice and was superseded twice"),
        pytest.param(
            Plan(
                seed=5419,
                algorithms=1,
                shards=3,
                batch_size=3,
                faults=0.01,
                people=3,
                repeats=0.0,
                poison=0.0,
            ),
            id="a version was rolled back to and withdrawn at once",
        ),
        pytest.param(planned(1000996, 200), id="a change was parked after the parking was read"),
        pytest.param(planned(5549, 200), id="a change was parked while another writer read"),
        pytest.param(planned(5430, 200), id="a change waited behind an ended hold and a freeze"),
        pytest.param(planned(47, 200), id="a document was restored before it was settled"),
        pytest.param(planned(214, 200), id="a person promoted a version ahead of the stream"),
        pytest.param(planned(20261876, 200), id="a version was verified during a withdrawal"),
        pytest.param(planned(1091, 200), id="a refused version came again without its mark"),
    ],
)
def test_invariants_hold_in_a_history_that_broke_one(plan: Plan) -> None:
    World(plan).run()


def test_same_plan_gives_the_same_history() -> None:
    plan = planned(7, 60)
    first, second = World(plan, lines=[]).run(), World(plan, lines=[]).run()
    assert first.lines
    assert first.lines == second.lines
    assert first.counts == second.counts


def test_history_has_every_kind_of_fault_and_request() -> None:
    counts = World(Plan(seed=3, records=150, faults=0.1, people=3, poison=0.03)).run().counts
    assert {f"fault: {kind}" for kind in FAULTS} <= counts.keys()
    requests = {name.split()[1] for name in counts if name.startswith("request: ")}
    assert requests == {"promote", "rollback", "hold", "resume", "clear"}
    assert counts["deliveries"] > counts["records"] == 150
    results = {"superseded", "older than the website", "overtaken", "verified"}
    assert {f"pipeline: {result}" for result in results} <= counts.keys()
