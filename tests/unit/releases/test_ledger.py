"""The ledger's conditional writes."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from phaseline.github.outbox import Dispatch, Outbox
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import SUPERSEDED, VERIFIED, WAITING, Step
from tests.builders.releases import numbered_release
from tests.builders.stores import AT, make_table


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with mock_aws():
        client = boto3.client("dynamodb")
        make_table(client, "ledger")
        yield Ledger(client, "ledger")


def test_recorded_release_is_open_and_is_read_newest_first(ledger: Ledger) -> None:
    first, second = numbered_release(1), numbered_release(2, "2.0.0")
    ledger.record([first, second], at=AT)
    assert list(ledger.releases("opt", "a")) == [second, first]
    assert list(ledger.open_releases("opt")) == [first, second]
    assert list(ledger.open_releases("in")) == []


def test_releases_of_one_second_are_sorted_by_sequence_number(ledger: Ledger) -> None:
    same = [
        replace(numbered_release(n), requested_at=AT, release_id=f"id-{9 - n}") for n in (9, 1, 2)
    ]
    same.append(replace(numbered_release(10), requested_at=AT, release_id="id"))
    ledger.record(same, at=AT)
    assert [r.sequence for r in ledger.releases("opt", "a")] == ["10", "9", "2", "1"]


def test_redelivery_keeps_the_first_record(ledger: Ledger) -> None:
    ledger.record([numbered_release(1)], at=AT)
    ledger.record([replace(numbered_release(1), document_version="v2", previous="0.1")], at=AT)
    (kept,) = ledger.releases("opt", "a")
    assert kept.document_version == "v1"


def test_redelivery_does_not_reopen_a_verified_release(ledger: Ledger) -> None:
    ledger.record([numbered_release(1)], at=AT)
    ledger.stamp(numbered_release(1), "verified", at=AT, state=VERIFIED)
    ledger.record([numbered_release(1)], at=AT)
    assert list(ledger.open_releases("opt")) == []
    assert next(ledger.releases("opt", "a")).state == VERIFIED


def test_first_stamp_of_a_step_stays(ledger: Ledger) -> None:
    ledger.record([numbered_release(1)], at=AT)
    ledger.stamp(numbered_release(1), "verified", at="first", link="one", state=VERIFIED)
    ledger.stamp(numbered_release(1), "verified", at="second", link="two", state=SUPERSEDED)
    item = ledger.client.get_item(TableName="ledger", Key=numbered_release(1).key)["Item"]
    assert item["step_verified"]["M"] == {"at": {"S": "first"}, "link": {"S": "one"}}
    assert item["state"] == {"S": VERIFIED}


def test_only_verified_releases_that_were_not_withdrawn_can_return(ledger: Ledger) -> None:
    ledger.record([numbered_release(n, f"{n}.0") for n in (1, 2, 3, 4)], at=AT)
    for n in (1, 2, 4):
        ledger.stamp(numbered_release(n, f"{n}.0"), "verified", at=AT, state=VERIFIED)
    ledger.withdraw("opt", "a", "4.0", before=5, at=AT)
    assert [each.version for each in ledger.releases("opt", "a") if each.can_return] == [
        "2.0",
        "1.0",
    ]


def test_late_withdrawal_keeps_a_newer_release_of_the_same_version(ledger: Ledger) -> None:
    ledger.record([numbered_release(1, "1.0"), numbered_release(5, "1.0")], at=AT)
    ledger.withdraw("opt", "a", "1.0", before=3, at=AT)
    newer, older = ledger.releases("opt", "a")
    assert ("withdrawn" in newer.steps, "withdrawn" in older.steps) == (False, True)


def test_waiting_release_opens_after_its_hold_and_keeps_the_time_of_its_wait(
    ledger: Ledger,
) -> None:
    waiting = replace(numbered_release(1), state=WAITING, document_version=None, revision=None)
    ledger.record([waiting], at="first")
    ledger.record([waiting], at="second")
    assert list(ledger.open_releases("opt")) == []
    ledger.record([numbered_release(1)], at="third")
    ledger.record([waiting], at="fourth")
    (recorded,) = ledger.open_releases("opt")
    assert (recorded.state, recorded.revision) == ("open", 1)
    assert recorded.steps == {"waiting": Step("first"), "document": Step("third", link="v1")}


def test_waiting_release_that_was_superseded_never_opens(ledger: Ledger) -> None:
    waiting = replace(numbered_release(1), state=WAITING)
    ledger.record([waiting], at=AT)
    ledger.record([replace(waiting, state=SUPERSEDED)], at=AT)
    ledger.record([numbered_release(1)], at=AT)
    (recorded,) = ledger.releases("opt", "a")
    assert (recorded.state, set(recorded.steps)) == (SUPERSEDED, {"superseded", "waiting"})
    assert list(ledger.open_releases("opt")) == []


def test_releases_of_a_period_include_both_ends_oldest_first(ledger: Ledger) -> None:
    ledger.record([numbered_release(n) for n in (1, 2, 3, 4)], at=AT)
    releases = ledger.between(
        "opt", numbered_release(2).requested_at, numbered_release(3).requested_at
    )
    assert list(releases) == [numbered_release(2), numbered_release(3)]
    assert list(ledger.between("in", "2026", "2027")) == []


def test_release_is_found_by_its_id_with_any_number_of_hyphens(ledger: Ledger) -> None:
    long = replace(numbered_release(1), algorithm="a-b-c", release_id="opt-a-b-c-1.0-rc-1-0badcafe")
    ledger.record([long, numbered_release(2)], at=AT)
    assert ledger.find(long.release_id) == long
    assert ledger.find("opt-a-b-c-2.0-0badcafe") is None
    assert ledger.find("opt") is None


def test_claim_succeeds_once_or_again_after_its_lease_until_it_is_settled(ledger: Ledger) -> None:
    claim = ("execution#1", "slack#SUCCEEDED")
    assert ledger.claim(*claim, now=100.0, lease=60)
    assert not ledger.claim(*claim, now=101.0, lease=60)
    assert ledger.claim(*claim, now=161.0, lease=60)
    ledger.settle(*claim, detail="1.2")
    assert not ledger.claim(*claim, now=900.0, lease=60)


def test_outbox_keeps_the_newest_dispatch_until_it_is_sent(ledger: Ledger) -> None:
    outbox = Outbox(ledger.client, ledger.table)
    old = Dispatch("opt", "v1", 1, ("r1",), False)
    new = Dispatch("opt", "v2", 2, ("r1", "r2"), False)
    assert outbox.newest("opt") is None
    outbox.owe(new)
    outbox.owe(old)
    outbox.mark_sent(replace(old, sent=True))
    assert outbox.newest("opt") == new
    outbox.mark_sent(replace(new, sent=True))
    assert outbox.newest("opt") == replace(new, sent=True)


def test_releases_are_read_in_the_order_of_their_keys_without_missing_ones(ledger: Ledger) -> None:
    first, second, missing = numbered_release(1), numbered_release(2, "2.0.0"), numbered_release(3)
    ledger.record([first, second], at=AT)
    assert ledger.read([second.key, missing.key, first.key]) == [second, first]
    assert ledger.read([]) == []
