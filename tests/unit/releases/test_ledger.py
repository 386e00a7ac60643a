"""The ledger's conditional writes."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from phaseline.releases.ledger import Ledger
from phaseline.releases.release import (
    SUPERSEDED,
    VERIFIED,
    WITHDRAWN,
    Position,
    Release,
    RequestRecord,
    Step,
)
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


def test_releases_are_sorted_by_revision_whatever_their_times(ledger: Ledger) -> None:
    clocks = {1: "2026-11-24T20:10:00Z", 2: "2026-11-24T20:00:00Z", 10: "2026-11-24T19:00:00Z"}
    for number in (10, 1, 2):
        release = replace(numbered_release(number), requested_at=clocks[number])
        ledger.record([release], at=clocks[number])
    assert [each.revision for each in ledger.releases("opt", "a")] == [10, 2, 1]
    assert [each.revision for each in ledger.open_releases("opt")] == [1, 2, 10]


def test_lists_go_on_after_a_position(ledger: Ledger) -> None:
    """Also within the releases of one document, which have one time."""
    ledger.record([numbered_release(n, f"{n}.0") for n in (1, 2, 3, 4)], at=AT)
    ledger.withdraw("opt", "a", "1.0", revision=9, at=AT)
    for listed in (ledger.newest, lambda type_, after: ledger.releases(type_, "a", after=after)):
        complete = list(listed("opt", after=None))
        following = list(listed("opt", after=Position.of(complete[1])))
        assert len(complete) == 4
        assert following == complete[2:]
    (oldest,) = ledger.releases("opt", "a", after=Position.of(numbered(ledger, 2)))
    assert WITHDRAWN in oldest.steps


def numbered(ledger: Ledger, revision: int) -> Release:
    """The release of a revision, as the ledger holds it."""
    return next(one for one in ledger.releases("opt", "a") if one.revision == revision)


def test_position_of_a_release_that_was_superseded_at_once_is_the_time_of_that(
    ledger: Ledger,
) -> None:
    ledger.record([replace(numbered_release(1), state=SUPERSEDED)], at=AT)
    assert Position.of(numbered(ledger, 1)).at == AT


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
    ledger.withdraw("opt", "a", "4.0", revision=5, at=AT)
    assert [each.version for each in ledger.releases("opt", "a") if each.can_return] == [
        "2.0",
        "1.0",
    ]


def test_late_withdrawal_keeps_a_newer_release_of_the_same_version(ledger: Ledger) -> None:
    ledger.record([numbered_release(1, "1.0"), numbered_release(5, "1.0")], at=AT)
    ledger.withdraw("opt", "a", "1.0", revision=3, at=AT)
    newer, older = ledger.releases("opt", "a")
    assert ("withdrawn" in newer.steps, "withdrawn" in older.steps) == (False, True)


def test_withdrawal_is_one_item_whose_highest_revision_stays(ledger: Ledger) -> None:
    ledger.record([numbered_release(n, "1.0") for n in (1, 2, 3)], at=AT)
    for revision in (3, 2, 3):
        ledger.withdraw("opt", "a", "1.0", revision=revision, at=f"at {revision}")
    releases = list(ledger.releases("opt", "a"))
    assert ["withdrawn" in each.steps for each in releases] == [False, True, True]
    assert releases[1].steps["withdrawn"] == Step("at 3")
    assert ledger.client.scan(TableName="ledger")["Count"] == 4


def test_release_that_waited_keeps_the_time_since_when(ledger: Ledger) -> None:
    waited = replace(numbered_release(1), steps={"waiting": Step("first")})
    ledger.record([waited], at="second")
    (recorded,) = ledger.open_releases("opt")
    assert recorded.steps == {"waiting": Step("first"), "document": Step("second", link="v1")}


def test_superseded_release_is_not_open(ledger: Ledger) -> None:
    ledger.record([replace(numbered_release(1), state=SUPERSEDED)], at=AT)
    (recorded,) = ledger.releases("opt", "a")
    assert (recorded.state, set(recorded.steps)) == (SUPERSEDED, {"superseded"})
    assert list(ledger.open_releases("opt")) == []


def test_release_with_a_long_display_in_any_script_fits(ledger: Ledger) -> None:
    """Escaped as ASCII, these 210 kB would be 420 kB, more than an item may have."""
    display = {"text": "\u6f22" * 70_000}
    ledger.record([replace(numbered_release(1), display=display)], at=AT)
    assert next(ledger.releases("opt", "a")).display == display


def test_stamp_creates_no_release(ledger: Ledger) -> None:
    ledger.stamp(numbered_release(1), "workflow", at=AT)
    assert list(ledger.releases("opt", "a")) == []


def test_request_is_known_once_it_is_recorded(ledger: Ledger) -> None:
    request = RequestRecord("key", "hold", ("a", "b"), "ana", "slow", AT)
    assert ledger.request("opt", "key") is None
    ledger.record_request("opt", request, revision=3)
    ledger.record_request("opt", replace(request, who="bo"), revision=9)
    assert ledger.request("opt", "key") == request
    assert ledger.request("in", "key") is None


def test_requests_are_listed_newest_first_and_are_no_releases(ledger: Ledger) -> None:
    requests = [
        RequestRecord(f"key{n}", "hold", ("a",), "ana", "slow", f"2026-11-24T20:00:0{n}Z")
        for n in (1, 2, 3)
    ]
    for request in requests:
        ledger.record_request("opt", request, revision=3)
    ledger.record([numbered_release(1)], at=AT)
    assert list(ledger.requests("opt")) == requests[::-1]
    period = ("2026-11-24T20:00:02Z", "2026-11-24T20:00:02Z")
    assert list(ledger.requests("opt", *period)) == [requests[1]]
    assert list(ledger.requests("in")) == []
    assert list(ledger.newest("opt")) == [numbered_release(1)]


def test_releases_of_a_period_include_both_ends_oldest_first(ledger: Ledger) -> None:
    for n in (1, 2, 3, 4):
        ledger.record([numbered_release(n)], at=f"2026-11-24T20:00:0{n}.500000Z")
    releases = ledger.between("opt", "2026-11-24T20:00:02Z", "2026-11-24T20:00:03Z")
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


def test_releases_are_read_in_the_order_of_their_keys_without_missing_ones(ledger: Ledger) -> None:
    first, second, missing = numbered_release(1), numbered_release(2, "2.0.0"), numbered_release(3)
    ledger.record([first, second], at=AT)
    assert ledger.read([second.key, missing.key, first.key]) == [second, first]
    assert ledger.read([]) == []
