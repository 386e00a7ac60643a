"""The check of the releases as a whole: two passes, failures and the number of reads."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from phaseline.drift.releases import OVERDUE
from tests.builders import drift
from tests.builders.calls import Calls
from tests.builders.drift import World


def test_equal_states_have_no_findings_after_one_pass(world: World) -> None:
    report = world.look()

    assert (report.findings, report.explained, report.failures) == ((), (), ())
    assert (report.fingerprint, world.looks) == ("", 0)


def test_new_environment_has_no_findings() -> None:
    with drift.new() as made:
        assert made.found() == {}


def test_difference_only_in_the_first_pass_is_not_a_finding(world: World) -> None:
    world.item("2")

    def arrive() -> None:
        world.stream("2")
        world.publish()

    world.settling = arrive

    assert world.found() == {}
    assert world.looks == 1


def test_difference_only_in_the_second_pass_is_not_a_finding(world: World) -> None:
    world.item("1", algorithm="b")
    world.settling = lambda: world.item("2")

    assert world.found() == {"opt/b: 1 is tested, nothing is active": "lost-promotion"}


def test_overdue_dispatch_is_found(world: World) -> None:
    world.github_is_down = True
    world.stream("2")
    world.publish()
    assert world.found() == {}

    world.time += OVERDUE + timedelta(seconds=1)

    assert world.found() == {"document opt: revision 2": "owed-dispatch"}


def test_denied_call_is_a_failure_and_the_others_are_checked(world: World) -> None:
    Calls(world.dynamodb, Scan=lambda _: "AccessDeniedException")
    world.stream("2")

    report = world.look()

    assert [one.kind for one in report.findings] == ["old-site"]
    (failure,) = report.failures
    assert failure.subject == "algorithms table"
    assert "AccessDenied" in failure.sentence


def test_ended_session_ends_the_check(world: World) -> None:
    """It is no failure of one check, because no other check could succeed."""
    Calls(world.dynamodb, Scan=lambda _: "ExpiredTokenException")
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        world.look()


def test_ledger_is_read_only_for_differing_algorithms(world: World) -> None:
    for number in range(20):
        world.stream("1", algorithm=f"n{number}")
    world.publish()
    calls = Calls(world.dynamodb, Query=lambda _: None)

    assert world.found() == {}

    assert {query.get("IndexName") for query in calls.of("Query")} == {"open"}
