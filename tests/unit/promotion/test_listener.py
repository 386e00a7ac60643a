"""Batches of stream records, and their effects on the documents, the ledger and GitHub."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from phaseline.algorithms.schema import Schema
from phaseline.documents.commit import Commits
from phaseline.documents.hold import Hold
from phaseline.errors import InputError, RemoteCallError
from phaseline.github.outbox import RELEASES_IN_A_DISPATCH
from phaseline.promotion.listener import Listener
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED, Release
from tests.builders.calls import Calls
from tests.builders.requests import ask
from tests.builders.stores import AT, BUCKET, make_stores, rewrite
from tests.events import stream_record

LATER = "2026-11-24T22:00:00Z"


class Github:
    """Accepts dispatches, or is down."""

    def __init__(self) -> None:
        self.payloads: list[Mapping[str, Any]] = []
        self.down = False

    def __call__(self, payload: Mapping[str, Any]) -> None:
        if self.down:
            raise RemoteCallError("GitHub", "it is down", "Wait.")
        self.payloads.append(payload)


@pytest.fixture
def github() -> Github:
    return Github()


@pytest.fixture
def calls() -> Counter[str]:
    """The number of calls of each AWS operation."""
    return Counter()


@pytest.fixture
def listener(github: Github, calls: Counter[str]) -> Iterator[Listener]:
    with mock_aws():
        documents, ledger = make_stores()
        for client in (documents.s3, ledger.client):
            client.meta.events.register(
                "before-call", lambda model, **_: calls.update([model.name])
            )
        yield Listener(Commits(documents, ledger), github, lambda: AT)


def active_in(listener: Listener, type_: str) -> dict[str, str]:
    """Return the active versions of a type."""
    return listener.commits.documents.read(type_).document.versions()


def verify(listener: Listener) -> None:
    """Mark each open release of `opt` as verified."""
    for release in list(listener.commits.ledger.open_releases("opt")):
        listener.commits.ledger.stamp(release, "verified", at=AT, state=VERIFIED)


def take_all(listener: Listener) -> Calls:
    """Replace the ledger's writes, which are slow in moto, by a response without effect."""
    return Calls(listener.commits.ledger.client, PutItem=lambda _: {})


def test_each_document_is_read_and_written_once_in_a_batch_of_10000_records(
    listener: Listener, calls: Counter[str], github: Github
) -> None:
    puts = take_all(listener)
    records = [
        stream_record(
            number,
            algorithm=f"a{number % 1000}",
            type_=("in", "opt", "out")[number % 1000 % 3],
            version=f"1.{number // 1000}.0",
        )
        for number in range(10_000)
    ]
    result = listener.process(records, Schema())
    assert result.failed is None
    assert len(result.releases) == 1000
    assert (calls["GetObject"], calls["PutObject"]) == (3, 3)
    assert (len(puts.of("PutItem")), calls["UpdateItem"], calls["Query"]) == (10_000, 2 * 3, 0)
    assert len(github.payloads) == 3
    for type_ in ("in", "opt", "out"):
        assert set(active_in(listener, type_).values()) == {"1.9.0"}


def test_second_delivery_writes_and_dispatches_nothing(
    listener: Listener, calls: Counter[str], github: Github
) -> None:
    listener.process([stream_record(1)], Schema())
    calls.clear()
    result = listener.process([stream_record(1)], Schema())
    assert result.failed is None
    assert calls["PutObject"] == 0
    assert len(github.payloads) == 1


def test_batch_stops_at_the_first_malformed_record(listener: Listener) -> None:
    records = [
        stream_record(1, version="1.0"),
        stream_record(2, type_="unknown"),
        stream_record(3, version="3.0"),
    ]
    result = listener.process(records, Schema())
    assert result.failed == "2"
    assert active_in(listener, "opt") == {"route-planner": "1.0"}


def test_changes_of_an_unreadable_document_are_parked_until_it_can_be_read(
    listener: Listener,
) -> None:
    """The records behind them do not wait, and the changes are applied in order."""
    documents = listener.commits.documents
    good = documents.s3.get_object(Bucket=BUCKET, Key="metadata/in.zip")["Body"].read()
    documents.s3.put_object(Bucket=BUCKET, Key="metadata/in.zip", Body=b"x")
    records = [
        stream_record(1, type_="in", algorithm="b", version="1.0"),
        stream_record(2, type_="opt"),
        stream_record(3, type_="in", algorithm="b", version="2.0"),
    ]
    for _ in range(2):
        result = listener.process(records, Schema())
        assert (result.failed, "in.zip" in str(result.errors[0])) == (None, True)
    assert active_in(listener, "opt") == {"route-planner": "2.1.0"}
    (error,) = listener.apply_due()
    assert "in.zip" in str(error)
    documents.s3.put_object(Bucket=BUCKET, Key="metadata/in.zip", Body=good)
    result = listener.process([stream_record(4, type_="in", algorithm="c")], Schema())
    assert active_in(listener, "in") == {"b": "2.0", "c": "2.1.0"}
    assert {release.version for release in result.releases} == {"2.0", "2.1.0"}
    assert listener.parking.read("in") == ()
    assert listener.commits.outbox.read("in").parked is None


def test_parked_changes_are_applied_by_the_schedule(listener: Listener) -> None:
    documents = listener.commits.documents
    good = documents.s3.get_object(Bucket=BUCKET, Key="metadata/in.zip")["Body"].read()
    documents.s3.put_object(Bucket=BUCKET, Key="metadata/in.zip", Body=b"x")
    listener.process([stream_record(1, type_="in", algorithm="b")], Schema())
    documents.s3.put_object(Bucket=BUCKET, Key="metadata/in.zip", Body=good)
    assert listener.apply_due() == ()
    assert active_in(listener, "in") == {"b": "2.1.0"}
    assert listener.parking.read("in") == ()


def test_dispatch_that_github_does_not_accept_is_sent_later(
    listener: Listener, github: Github
) -> None:
    github.down = True
    result = listener.process([stream_record(1, version="1.0")], Schema())
    assert result.failed is None
    assert len(result.undelivered) == 1
    assert len(listener.send_owed()) == 1
    listener.process([stream_record(2, version="2.0")], Schema())
    github.down = False
    assert listener.send_owed() == ()
    assert listener.send_owed() == ()
    (payload,) = github.payloads
    assert payload["document_version"] == listener.commits.documents.read("opt").version_id
    assert [name.rsplit("-", 1)[0] for name in payload["releases"]] == [
        "opt-route-planner-1.0",
        "opt-route-planner-2.0",
    ]


@pytest.mark.parametrize("step", ["PutItem", "UpdateItem"])
@pytest.mark.parametrize("next_one", ["redelivery", "another record", "the schedule", "a person"])
def test_whoever_comes_next_completes_the_steps_after_a_crash(
    listener: Listener, github: Github, step: str, next_one: str
) -> None:

    def crash(**_: Any) -> None:
        raise KeyboardInterrupt

    events = listener.commits.ledger.client.meta.events
    events.register(f"before-call.dynamodb.{step}", crash)
    with pytest.raises(KeyboardInterrupt):
        listener.process([stream_record(1)], Schema())
    events.unregister(f"before-call.dynamodb.{step}", crash)
    match next_one:
        case "redelivery":
            listener.process([stream_record(1)], Schema())
        case "another record":
            listener.process([stream_record(2, version="9.0")], Schema())
        case "the schedule":
            assert listener.apply_due() == ()
        case _:
            ask(listener, "promote", "9.0", id="other")
    assert listener.send_owed() == ()
    listener.process([stream_record(1)], Schema())
    recorded = [r for r in listener.commits.ledger.open_releases("opt") if r.version == "2.1.0"]
    assert [release.revision for release in recorded] == [1]
    sent = [id_ for payload in github.payloads for id_ in payload["releases"]]
    assert sent.count(recorded[0].release_id) == 1


def test_withdrawal_returns_to_the_version_that_was_verified_before(listener: Listener) -> None:
    listener.process([stream_record(1, version="1.0")], Schema())
    verify(listener)
    listener.process([stream_record(2, version="2.0")], Schema())
    verify(listener)
    left = stream_record(3, version="2.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    result = listener.process([left], Schema())
    assert [(r.version, r.previous) for r in result.releases] == [("1.0", "2.0")]
    assert active_in(listener, "opt") == {"route-planner": "1.0"}


def test_withdrawal_does_not_return_to_a_version_withdrawn_in_the_same_batch(
    listener: Listener,
) -> None:
    for number, version in ((1, "1.0"), (2, "2.0")):
        listener.process([stream_record(number, version=version)], Schema())
        verify(listener)
    leaving = [
        stream_record(number, version=version, old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
        for number, version in ((3, "2.0"), (4, "1.0"))
    ]
    listener.process(leaving, Schema())
    assert active_in(listener, "opt") == {}


def test_withdrawals_find_a_version_behind_many_releases_of_another_one(
    listener: Listener,
) -> None:
    """Each withdrawal of 3.0 made 2.0 active again: 2.0 has more releases than withdrawals need."""
    complete, numbers = "PACKAGE_TESTS_COMPLETE", iter(range(1, 100))

    def enter(version: str) -> dict[str, Any]:
        return stream_record(next(numbers), version=version)

    def leave(version: str) -> dict[str, Any]:
        return stream_record(next(numbers), version=version, old_phase=complete, phase="REJECTED")

    for version in ("1.0", "2.0"):
        listener.process([enter(version)], Schema())
        verify(listener)
    for _ in range(3):
        listener.process([enter("3.0")], Schema())
        listener.process([leave("3.0")], Schema())
        verify(listener)
    listener.process([leave("2.0"), enter("3.0"), leave("3.0")], Schema())
    assert active_in(listener, "opt") == {"route-planner": "1.0"}


def test_dispatch_of_many_releases_stays_within_githubs_limits(
    listener: Listener, github: Github
) -> None:
    """The payload lists some of the releases and counts all of them."""
    take_all(listener)
    longest = "a" * 120
    records = [
        stream_record(number, algorithm=f"{longest}{number}", version="1" * 128)
        for number in range(RELEASES_IN_A_DISPATCH + 50)
    ]
    listener.process(records, Schema())
    (payload,) = github.payloads
    assert payload["release_count"] == RELEASES_IN_A_DISPATCH + 50
    assert len(str(payload)) < 65_535
    assert len(payload) < 10


def frozen(listener: Listener, until: str) -> None:
    """Hold the type `opt` until a time."""
    hold = Hold("release day", "ana", AT, until=until)
    rewrite(listener.commits.documents, "opt", lambda document: document.revise(freeze=hold))


def test_changes_during_a_hold_wait_in_the_document_and_are_not_dispatched(
    listener: Listener, github: Github
) -> None:
    frozen(listener, LATER)
    for number, version in ((1, "1.0"), (2, "2.0"), (1, "1.0")):
        listener.process([stream_record(number, version=version)], Schema())
    waiting = listener.commits.documents.read("opt").document.waiting()
    assert [change.version for change in waiting] == ["1.0", "2.0"]
    assert list(listener.commits.ledger.newest("opt")) == []
    assert (active_in(listener, "opt"), github.payloads) == ({}, [])


def test_end_of_a_hold_releases_and_dispatches_the_newest_change(
    listener: Listener, github: Github
) -> None:
    """The other changes are superseded."""
    frozen(listener, LATER)
    for number in (1, 2):
        listener.process([stream_record(number, version=f"{number}.0")], Schema())
    assert listener.apply_due() == ()
    assert active_in(listener, "opt") == {}
    later = replace(listener, now=lambda: LATER)
    for _ in range(2):
        assert later.apply_due() == ()
        later.send_owed()
    assert active_in(listener, "opt") == {"route-planner": "2.0"}
    newest, overtaken = listener.commits.ledger.releases("opt", "route-planner")
    assert (newest.state, overtaken.state) == ("open", "superseded")
    (payload,) = github.payloads
    assert payload["releases"] == [newest.release_id]


def test_next_call_completes_due_changes_after_a_crash(listener: Listener, github: Github) -> None:
    frozen(listener, LATER)
    for number in (1, 2):
        listener.process([stream_record(number, version=f"{number}.0")], Schema())

    class Dead(Ledger):
        def record(self, releases: Iterable[Release], *, at: str) -> None:
            if list(releases):
                raise RemoteCallError("the ledger", "it was not reached", at)

    ledger = listener.commits.ledger
    commits = replace(listener.commits, ledger=Dead(ledger.client, ledger.table))
    dead = replace(listener, now=lambda: LATER, commits=commits)
    (error,) = dead.apply_due()
    assert "not reached" in str(error)
    assert active_in(listener, "opt") == {"route-planner": "2.0"}
    replace(listener, now=lambda: LATER).apply_due()
    newest, overtaken = ledger.releases("opt", "route-planner")
    assert (newest.state, newest.revision, overtaken.state) == ("open", 4, "superseded")
    listener.send_owed()
    assert github.payloads[-1]["releases"] == [newest.release_id]


def test_denied_document_does_not_stop_due_changes_of_others(listener: Listener) -> None:

    def deny(params: dict[str, Any], **_: Any) -> None:
        if params["url_path"].endswith("in.zip"):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    listener.commits.documents.s3.meta.events.register("before-call.s3.GetObject", deny)
    frozen(listener, AT)
    (error,) = listener.apply_due()
    assert "document 'in'" in str(error)
    assert listener.commits.documents.read("opt").document.freeze is None


def test_corrupt_document_does_not_stop_due_changes_of_others(listener: Listener) -> None:
    documents = listener.commits.documents
    documents.s3.put_object(Bucket=BUCKET, Key="metadata/in.zip", Body=b"")
    frozen(listener, AT)
    (error,) = listener.apply_due()
    assert "in.zip" in str(error)
    assert documents.read("opt").document.freeze is None


def test_item_that_changes_its_type_moves_to_the_other_document(
    listener: Listener, github: Github
) -> None:
    listener.process([stream_record(1, version="1.0")], Schema())
    moved = stream_record(2, version="1.0", old_phase="PACKAGE_TESTS_COMPLETE")
    moved["dynamodb"]["NewImage"]["type"] = {"S": "in"}
    for _ in range(2):
        result = listener.process([moved], Schema())
        assert (result.failed, result.errors) == (None, ())
        assert active_in(listener, "opt") == {}
        assert active_in(listener, "in") == {"route-planner": "1.0"}
    assert [payload["type"] for payload in github.payloads] == ["opt", "opt", "in"]


def test_item_that_is_overwritten_keeps_its_version_until_the_next_one_is_tested(
    listener: Listener,
) -> None:
    """A table with one item for each algorithm: its item is version after version."""
    complete, testing = "PACKAGE_TESTS_COMPLETE", "PACKAGE_TESTS_RUNNING"
    steps = [("1.0", complete), ("2.0", testing), ("2.0", complete), ("3.0", complete)]
    active = []
    for number, ((old, old_phase), (new, phase)) in enumerate(pairwise([("1.0", "NEW"), *steps])):
        record = stream_record(number, version=new, phase=phase, old_phase=old_phase)
        record["dynamodb"]["OldImage"]["version"] = {"S": old}
        assert listener.process([record], Schema()).failed is None
        active.append(active_in(listener, "opt")["route-planner"])
    assert active == ["1.0", "1.0", "2.0", "3.0"]


def test_record_without_sequence_number_is_an_error_that_names_its_position(
    listener: Listener,
) -> None:
    with pytest.raises(InputError, match="record 2 of 3"):
        listener.process([stream_record(1), {}, stream_record(2)], Schema())
    assert active_in(listener, "opt") == {"route-planner": "2.1.0"}
