"""Requests that conflict with other writers of the document."""

from collections.abc import Callable
from typing import Any

import pytest

from phaseline.algorithms.schema import Schema
from phaseline.documents.document import Document
from phaseline.documents.store import Documents, Stored
from phaseline.errors import RefusedError
from phaseline.promotion.listener import Listener
from tests.builders.requests import NAME, ask, now, release
from tests.builders.requests import listener as listener  # a fixture
from tests.events import stream_record

COMPLETE = "PACKAGE_TESTS_COMPLETE"


class Raced(Documents):
    """Documents to which somebody else writes between a request's first read and its write."""

    meanwhile: list[Callable[[], object]]

    def write(self, document: Document, *, over: Stored) -> Stored | None:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().write(document, over=over)


def raced(listener: Listener, meanwhile: Callable[[], object]) -> Documents:
    documents = listener.commits.documents
    raced_documents = Raced(documents.s3, documents.bucket, documents.prefix, documents.pause)
    object.__setattr__(raced_documents, "meanwhile", [meanwhile])
    return raced_documents


@pytest.mark.parametrize("action", ["promote", "rollback"])
@pytest.mark.parametrize("by", ["promote", "rollback", "the table"])
def test_slower_of_two_concurrent_changes_is_refused(
    listener: Listener, action: str, by: str
) -> None:
    """The error names the faster one and its version."""
    release(listener, "1.0", "2.0", "3.0")

    def meanwhile() -> None:
        if by == "the table":
            listener.process([stream_record(9, version="4.0")], Schema())
        elif by == "promote":
            ask(listener, "promote", "4.0", id="other")
        else:
            ask(listener, "rollback", id="other")

    documents = raced(listener, meanwhile)
    version = "1.0" if action == "rollback" else "5.0"
    won = "2.0" if by == "rollback" else "4.0"
    who = "the table" if by == "the table" else "ana"
    with pytest.raises(RefusedError, match=f"{who} made {won} active at the same time"):
        ask(listener, action, version, documents=documents)
    assert now(listener) == won
    assert [each.version for each in listener.commits.ledger.open_releases("opt")] == [won]


@pytest.mark.parametrize(("action", "version"), [("promote", "5.0"), ("rollback", None)])
def test_slower_of_two_equal_concurrent_requests_finds_it_done(
    listener: Listener, action: str, version: str | None
) -> None:
    release(listener, "1.0", "2.0")
    documents = raced(listener, lambda: ask(listener, action, version, id="other"))
    outcome = ask(listener, action, version, documents=documents)
    assert (now(listener), outcome.releases) == (version or "1.0", ())
    assert len(list(listener.commits.ledger.open_releases("opt"))) == 1


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("action", ["promote", "rollback", "rollback to a publication"])
def test_request_for_a_version_that_is_withdrawn_at_the_same_time_is_refused(
    listener: Listener, action: str, held: bool
) -> None:
    """Also if the withdrawal waits behind a hold."""
    release(listener, "1.0", "2.0", "3.0")
    left: set[str] = set()

    def meanwhile() -> None:
        if held:
            ask(listener, "hold", id="hold")
        record = stream_record(9, version="1.0", old_phase=COMPLETE, phase="REJECTED")
        listener.process([record], Schema())
        left.add("1.0")

    documents = raced(listener, meanwhile)
    target: dict[str, Any] = {"version": "1.0"}
    if action == "rollback to a publication":
        action, target = "rollback", {"publication": 1}
    with pytest.raises(RefusedError):
        ask(listener, action, **target, documents=documents, left=left)
    assert now(listener) == "3.0"
    older = list(listener.commits.ledger.releases("opt", NAME))[-1]
    assert (older.version, older.can_return) == ("1.0", False)


def test_withdrawal_of_another_version_at_the_same_time_stops_no_request(
    listener: Listener,
) -> None:
    release(listener, "1.0", "2.0", "3.0")
    record = stream_record(9, version="2.0", old_phase=COMPLETE, phase="REJECTED")
    documents = raced(listener, lambda: listener.process([record], Schema()))
    ask(listener, "rollback", "1.0", documents=documents)
    assert now(listener) == "1.0"


def test_promotion_is_refused_after_a_concurrent_hold(listener: Listener) -> None:
    documents = raced(listener, lambda: ask(listener, "hold"))
    with pytest.raises(RefusedError, match="on hold by ana"):
        ask(listener, "promote", "5.0", documents=documents)


def test_concurrent_changes_of_different_algorithms_both_succeed(listener: Listener) -> None:
    documents = raced(listener, lambda: ask(listener, "promote", "1.0", algorithms=("other",)))
    ask(listener, "promote", "5.0", documents=documents)
    assert listener.commits.documents.read("opt").document.versions() == {
        NAME: "5.0",
        "other": "1.0",
    }
