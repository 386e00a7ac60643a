"""The algorithms table, compared with the documents."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from phaseline.algorithms.schema import Schema
from tests.builders import drift
from tests.builders.drift import World

TESTS = "PACKAGE_TESTS_RUNNING"


def test_lost_promotion_is_found_with_its_repair(world: World) -> None:
    world.item("2")
    world.item("1", algorithm="b")

    (one, other) = world.look().findings

    assert (one.kind, one.subject) == ("lost-promotion", "opt/a")
    assert "2 is tested but was never released; 1 is active" in one.sentence
    assert (other.subject, other.found) == ("opt/b", "1 is tested, nothing is active")
    assert one.repair is not None
    after = world.documents.read("opt").document.algorithms["a"].release
    assert one.repair.target == {
        "type": "opt", "algorithm": "a", "version": "2", "after": after,
    }  # fmt: skip


def test_tested_version_below_the_active_one_is_not_a_finding(world: World) -> None:
    world.item("0.9")
    world.item("2", phase=TESTS)

    assert world.found() == {}


def behind_a_hold(world: World) -> str:
    world.ask("hold")
    world.stream("2")
    return "waits behind a hold"


def behind_a_freeze(world: World) -> str:
    world.ask("hold", algorithms=())
    world.stream("2")
    return "waits behind a hold"


def marked_bad(world: World) -> str:
    world.stream("2")
    world.publish()
    world.ask("rollback")
    return "ana marked it bad: why"


def pinned(world: World) -> str:
    world.stream("2")
    world.publish()
    world.ask("promote", "1")
    return "ana made 1 active afterwards"


def in_the_order_of_the_stream(world: World) -> str:
    world.stream("3")
    world.stream("2")
    return "3 is tested and was released before"


def in_the_order_of_one_batch(world: World) -> str:
    world.batch("3", "2")
    return "3 is tested and was released before"


@pytest.mark.parametrize(
    "happened",
    [
        behind_a_hold,
        behind_a_freeze,
        marked_bad,
        pinned,
        in_the_order_of_the_stream,
        in_the_order_of_one_batch,
    ],
)
def test_inactive_newest_version_is_explained(
    world: World, happened: Callable[[World], str]
) -> None:
    """By a hold, a bad mark, a person's decision or the order of the stream."""
    why = happened(world)
    world.publish()

    ((subject, sentence),) = world.explained().items()
    assert subject == "opt/a"
    assert why in sentence


def test_version_that_entered_the_phase_again_can_be_lost_again(world: World) -> None:
    world.stream("2")
    world.publish()
    world.stream("2", phase=TESTS, old_phase=drift.PHASE)
    world.publish()
    assert world.found() == {}

    world.item("2")

    assert world.found() == {"opt/a: 2 is tested, 1 is active": "lost-promotion"}


@pytest.mark.parametrize("version", ["2", "0.9"])
def test_version_promoted_and_withdrawn_in_one_batch_is_not_a_finding(
    world: World, version: str
) -> None:
    """Neither before the next publication nor after it: its releases end with that."""
    world.item(version, phase=TESTS)
    world.records((version, drift.PHASE, TESTS), (version, TESTS, drift.PHASE))
    world.publish()
    assert world.found() == {}
    assert world.explained() == {}


def test_lost_promotion_on_hold_has_no_repair(world: World) -> None:
    world.ask("hold")
    world.publish()
    world.item("2")

    (finding,) = world.look().findings

    assert finding.repair is None
    assert "on hold by ana (why): resume it first" in finding.sentence


def test_invalid_item_is_found_with_its_attribute(world: World) -> None:
    world.item("2", type_="sideways")

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("lost-promotion", None)
    assert "attribute 'type'" in finding.sentence


@pytest.mark.parametrize(
    ("happened", "found"),
    [
        (lambda world: world.item("1", phase=TESTS), "has left the phase"),
        (lambda world: world.remove("1"), "has no item"),
        (lambda world: world.item("1", type_="in"), "is of another type"),
    ],
)
def test_lost_withdrawal_is_found_without_repair(
    world: World, happened: Callable[[World], None], found: str
) -> None:
    happened(world)

    finding = next(one for one in world.look().findings if one.subject == "opt/a")

    assert (finding.kind, finding.found) == ("lost-withdrawal", f"1 is active and {found}")
    assert finding.repair is None


def test_withdrawal_behind_a_hold_is_explained(world: World) -> None:
    world.ask("hold")
    world.publish()
    world.stream("1", phase=TESTS, old_phase=drift.PHASE)
    world.publish()

    assert "waits behind a hold" in world.explained()["opt/a"]


def test_manually_promoted_version_without_item_is_explained(world: World) -> None:
    world.stream("2")
    world.publish()
    world.ask("promote", "1")
    world.publish()
    world.remove("1")
    world.remove("2")

    assert "its item was removed" in world.explained()["opt/a"]


def test_table_of_a_downstream_environment_is_unchecked(world: World) -> None:
    world.promotes_from = "staging"
    world.item("2")

    report = world.look()

    assert report.findings == ()
    assert report.unchecked == ("algorithms table: versions come from staging",)


def test_version_outside_of_its_phase_is_explained_where_leaving_withdraws_nothing(
    world: World,
) -> None:
    world.item("1", phase=TESTS)
    world.registry = replace(world.registry, schema=Schema(withdraws_on_leave=False))
    assert "its item has the phase" in world.explained()["opt/a"]
