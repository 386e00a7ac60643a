"""Versions that were in the table before its stream are promoted once."""

from collections.abc import Iterator

import pytest

from phaseline.drift.lost_versions import LostVersions
from phaseline.errors import RefusedError, RemoteCallError
from scripts.release import backfill
from scripts.release.backfill import Backfill
from tests.builders import drift
from tests.builders.drift import World


@pytest.fixture
def world() -> Iterator[World]:
    """A table with items that its stream did not bring."""
    with drift.new() as world:
        for version in ("1.0.0", "1.10.0", "1.9.0"):
            world.item(version)
        world.item("2.0.0", phase="RUNNING")
        world.item("0.1", "b", type_="in")
        yield world


def promote(world: World, found: Backfill) -> list[str]:
    """Promote what was found, and return what was told."""
    told: list[str] = []
    lost = LostVersions(world.check, "ana", "it was there")
    backfill.promote(found, lost, lambda repaired: told.append(repaired.sentence))
    return told


def active(world: World) -> dict[str, str]:
    return {
        f"{type_}/{name}": version
        for type_ in ("in", "opt", "out")
        for name, version in world.documents.read(type_).document.versions().items()
    }


def test_highest_tested_version_of_each_algorithm_is_promoted(world: World) -> None:
    found = backfill.find(world.check)
    assert [(one.subject, one.found) for one in found.promotions] == [
        ("in/b", "0.1 is tested, nothing is active"),
        ("opt/a", "1.10.0 is tested, nothing is active"),
    ]
    assert active(world) == {}
    promote(world, found)
    assert active(world) == {"in/b": "0.1", "opt/a": "1.10.0"}
    (release,) = world.ledger.releases("opt", "a")
    assert (release.who, release.reason) == ("ana", "it was there")


def test_second_run_promotes_nothing_again(world: World) -> None:
    found = backfill.find(world.check)
    promote(world, found)
    assert backfill.find(world.check).promotions == []
    promote(world, found)
    assert len(list(world.ledger.releases("opt", "a"))) == 1


def test_versions_of_one_type_are_promoted_in_bounded_writes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        world.item("1", f"c{number}")
    monkeypatch.setattr(backfill, "IN_ONE_WRITE", 2)
    promote(world, backfill.find(world.check))
    assert len(active(world)) == 6
    assert world.documents.read("opt").document.revision == 3


def test_what_waits_or_is_marked_or_malformed_is_left_out_with_the_reason(world: World) -> None:
    world.ask("hold", algorithms=("a",))
    world.item("1", "not a name")
    found = backfill.find(world.check)
    assert [one.subject for one in found.promotions] == ["in/b"]
    shown = "\n".join(f"{line}" for line in found.lines(made=False))
    assert "2 left out" in shown
    assert {one["subject"] for one in found.data["left_out"]} >= {"opt/a"}
    assert "It is on hold by ana" in str(found.data["left_out"])


def test_version_that_left_its_phase_meanwhile_is_refused_and_the_others_are_promoted(
    world: World,
) -> None:
    found = backfill.find(world.check)
    world.item("1.10.0", phase="RUNNING")
    with pytest.raises(RefusedError, match="1 of 2 versions were not promoted"):
        promote(world, found)
    assert active(world) == {"in/b": "0.1"}


def test_environment_that_takes_versions_from_another_one_is_refused(world: World) -> None:
    world.promotes_from = "staging"
    with pytest.raises(RefusedError, match="its versions come from staging"):
        backfill.find(world.check)


def test_table_that_cannot_be_read_is_an_error(world: World) -> None:
    world.dynamodb.delete_table(TableName="algorithms")
    with pytest.raises(RemoteCallError, match="algorithms table"):
        backfill.find(world.check)
