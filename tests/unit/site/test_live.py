"""The publications that were live, by time."""

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
    """Return a publication that was verified at this hour."""
    documents = {type_: LiveDocument(f"{type_}-{hour}", hour) for type_ in ("in", "opt", "out")}
    return Live(hour, f"2026-11-25T{hour:02}:00:00Z", execution, "c0ffee0", documents)


def test_newest_publication_until_a_time_was_live_at_that_time(lives: Lives) -> None:
    """It is live from its own second on. Before the first publication, none is live."""
    first, second = live(8, "b"), live(9, "a")
    for publication in (first, second):
        lives.record(publication)
    assert lives.at("2026-11-25T07:59:59Z") is None
    assert lives.at(first.at) == first
    assert lives.at("2026-11-25T08:59:59Z") == first
    assert lives.at(second.at) == second
    assert lives.newest() == second
    assert lives.at("2026-11-25T23:00:00Z") == second


def test_no_publication_is_live_before_the_first_one(lives: Lives) -> None:
    assert lives.newest() is None


@pytest.mark.parametrize("minutes", ["07:50", "08:00"])
def test_number_and_not_the_clock_says_what_is_live(lives: Lives, minutes: str) -> None:
    """The later publication was verified by a clock that is behind, or at the same time."""
    first, second = live(8, "b"), replace(live(9, "a"), at=f"2026-11-25T{minutes}:00Z")
    for publication in (second, first):  # the verification of the first is delivered late
        lives.record(publication)
    assert lives.newest() == second
    assert lives.at("2026-11-25T23:00:00Z") == second
    assert list(lives.between("2026-11-25T00:00:00Z", "2026-11-25T23:00:00Z")) == [first, second]
    assert lives.numbered(8) == first
    assert lives.numbered(9) == second
    assert lives.numbered(10) is None


def test_numbers_of_any_length_are_in_order(lives: Lives) -> None:
    """As after a state that a person deleted: the next number is the seconds since the epoch."""
    numbers = [9, 10, 1_795_000_000, 1_795_000_001]
    for number in numbers:
        lives.record(replace(live(8, f"e{number}"), number=number))
    between = lives.between("2026-11-25T08:00:00Z", "2026-11-25T08:00:00Z")
    assert [publication.number for publication in between] == numbers
    assert (found := lives.numbered(1)) is None, found


def test_two_publications_of_one_second_are_ordered_by_their_numbers(lives: Lives) -> None:
    """A query for the whole second includes both."""
    first = replace(live(8, "b"), at="2026-11-25T08:00:00.100Z")
    second = replace(live(9, "a"), at="2026-11-25T08:00:00.900Z")
    for publication in (first, second):
        lives.record(publication)
    assert lives.newest() == second
    assert lives.at("2026-11-25T08:00:00Z") == second
    assert lives.at("2026-11-25T08:00:00.500Z") == first
    assert lives.at("2026-11-25T07:59:59Z") is None
    of_the_second = lives.between("2026-11-25T08:00:00Z", "2026-11-25T08:00:00Z")
    assert list(of_the_second) == [first, second]


def test_publications_between_two_times_are_oldest_first_with_both_ends(lives: Lives) -> None:
    publications = [live(hour, f"e{hour}") for hour in range(8, 13)]
    for publication in reversed(publications):
        lives.record(publication)
    between = lives.between(publications[1].at, publications[3].at)
    assert list(between) == publications[1:4]


def test_second_verification_of_an_execution_changes_nothing(lives: Lives) -> None:
    lives.record(live(8, "a"))
    lives.record(replace(live(8, "a"), at="2026-11-25T08:00:07Z"))
    assert list(lives.between("2026", "2027")) == [live(8, "a")]


def test_repetition_completes_a_failed_record(lives: Lives) -> None:
    faults = iter(["AccessDeniedException"])
    Calls(lives.client, UpdateItem=lambda _: next(faults, None))
    with pytest.raises(ClientError, match="AccessDenied"):
        lives.record(live(8, "a"))
    lives.record(live(8, "a"))
    assert lives.newest() == live(8, "a")


def test_publication_at_a_time_costs_one_query(lives: Lives) -> None:
    """For any number of other publications."""
    for hour in range(20):
        lives.record(live(hour, f"e{hour}"))
    calls = Calls(lives.client, Query=lambda _: None)
    assert lives.at("2026-11-25T10:30:00Z") == live(10, "e10")
    assert len(calls.of("Query")) == 1
