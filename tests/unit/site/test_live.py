"""What was live at a time."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from phaseline.site.live import Live, LiveDocument, Lives
from tests.builders.calls import Calls
from tests.builders.stores import make_table


@pytest.fixture
def lives() -> Iterator[Lives]:
    with mock_aws():
        client = boto3.client("dynamodb")
        make_table(client, "ledger")
        yield Lives(client, "ledger")


def live(hour: int, execution: str) -> Live:
    """A publication that was verified at a full hour."""
    documents = {type_: LiveDocument(f"{type_}-{hour}", hour) for type_ in ("in", "opt", "out")}
    return Live(f"2026-11-25T{hour:02}:00:00Z", execution, "c0ffee0", documents)


def test_what_was_live_at_a_time(lives: Lives) -> None:
    """It is the newest of that time, its own second included; before the first there is none."""
    first, second = live(8, "b"), live(9, "a")
    for each in (first, second):
        lives.record(each)
    assert lives.at("2026-11-25T07:59:59Z") is None
    assert lives.at(first.at) == first
    assert lives.at("2026-11-25T08:59:59Z") == first
    assert lives.at(second.at) == second
    assert lives.newest() == second
    assert lives.at("2026-11-25T23:00:00Z") == second


def test_nothing_was_live_yet(lives: Lives) -> None:
    """Before the first verified publication nothing is live."""
    assert lives.newest() is None


def test_two_in_one_second(lives: Lives) -> None:
    """They are told apart by their milliseconds, and belong to that second."""
    first = replace(live(8, "b"), at="2026-11-25T08:00:00.100Z")
    second = replace(live(8, "a"), at="2026-11-25T08:00:00.900Z")
    for each in (first, second):
        lives.record(each)
    assert lives.newest() == second
    assert lives.at("2026-11-25T08:00:00Z") == second
    assert lives.at("2026-11-25T08:00:00.500Z") == first
    assert lives.at("2026-11-25T07:59:59Z") is None
    found = lives.between("2026-11-25T08:00:00Z", "2026-11-25T08:00:00Z")
    assert list(found) == [first, second]


def test_what_became_live_between_two_times(lives: Lives) -> None:
    """Both ends count, and the oldest comes first."""
    known = [live(hour, f"e{hour}") for hour in range(8, 13)]
    for each in reversed(known):
        lives.record(each)
    assert list(lives.between(known[1].at, known[3].at)) == known[1:4]


def test_a_verification_that_runs_twice(lives: Lives) -> None:
    """Its execution is noted once, with the time of the first."""
    lives.record(live(8, "a"))
    lives.record(replace(live(8, "a"), at="2026-11-25T08:00:07Z"))
    assert list(lives.between("2026", "2027")) == [live(8, "a")]


def test_a_lost_write_is_made_up_for(lives: Lives) -> None:
    """Where the second write fails, its repetition writes what was to be written."""
    faults = iter([None, "AccessDeniedException"])
    Calls(lives.client, UpdateItem=lambda _: next(faults, None))
    with pytest.raises(ClientError, match="AccessDenied"):
        lives.record(live(8, "a"))
    lives.record(replace(live(8, "a"), at="2026-11-25T08:00:07Z"))
    assert lives.newest() == live(8, "a")


def test_one_read_for_one_time(lives: Lives) -> None:
    """What was live at a time costs one query, whatever came before and after."""
    for hour in range(20):
        lives.record(live(hour, f"e{hour}"))
    calls = Calls(lives.client, Query=lambda _: None)
    assert lives.at("2026-11-25T10:30:00Z") == live(10, "e10")
    assert len(calls.of("Query")) == 1
