"""Requests of people: promote, rollback, hold, resume."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.documents import Documents, Stored
from phaseline.errors import InputError, RefusedError
from phaseline.intake import Intake
from phaseline.ledger import VERIFIED, Ledger
from phaseline.metadata import Document
from phaseline.outbox import Outbox
from phaseline.requests import Outcome, Request, TableItem, carry_out
from phaseline.transition import Schema
from tests.events import stream_record
from tests.unit.test_documents import BUCKET, never
from tests.unit.test_ledger import AT, make_table
from tests.unit.test_metadata import active

NAME = "route-planner"
LATER = "2026-11-24T21:00:00Z"


@pytest.fixture
def intake() -> Iterator[Intake]:
    """The stream's road, to bring algorithms to the state that a request meets."""
    with mock_aws():
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        make_table(dynamodb, "ledger")
        documents = Documents(s3, BUCKET, "metadata/", never)
        documents.create_missing()
        yield Intake(
            documents,
            Ledger(dynamodb, "ledger"),
            Outbox(dynamodb, "ledger"),
            lambda payload: None,
            lambda: AT,
        )


def release(intake: Intake, *versions: str) -> None:
    """Promote each version by the stream, and see it verified."""
    for number, version in enumerate(versions, start=1):
        intake.take([stream_record(number, version=version)], Schema())
        verify(intake)


def verify(intake: Intake) -> None:
    """Close the open releases as verified."""
    for each in list(intake.ledger.open_releases("opt")):
        intake.ledger.stamp(each, "verified", at=AT, state=VERIFIED)


def ask(intake: Intake, action: str, version: str | None = None, **fields: Any) -> Outcome:
    """Carry out one request for the algorithm."""
    dry_run = fields.pop("dry_run", False)
    known: dict[str, Any] = {"type": "opt", "reason": "because", "id": "run-1", "at": LATER}
    request = Request(action=action, algorithm=NAME, version=version, who="ana", **(known | fields))
    return carry_out(
        request,
        documents=intake.documents,
        ledger=intake.ledger,
        tested=lambda name, version: TableItem("opt", {}) if version != "untested" else None,
        dry_run=dry_run,
    )


def now(intake: Intake) -> str | None:
    """The active version."""
    return active(intake.documents.read("opt").document).get(NAME)


def test_promote(intake: Intake) -> None:
    """A promotion by hand makes the version active and is a release with who and why."""
    outcome = ask(intake, "promote", "5.0")
    assert (outcome.before, outcome.after, outcome.changed) == (None, "5.0", True)
    (recorded,) = intake.ledger.open_releases("opt")
    assert recorded == outcome.release
    assert (recorded.who, recorded.reason, recorded.version) == ("ana", "because", "5.0")


def test_promote_again(intake: Intake) -> None:
    """Asking for what is active already writes nothing."""
    first = ask(intake, "promote", "5.0")
    again = ask(intake, "promote", "5.0", id="run-2")
    assert not again.changed
    assert again.document.version_id == first.document.version_id
    assert "already" in again.note


@pytest.mark.parametrize(
    ("action", "version", "fields"),
    [
        ("promote", "untested", {}),
        ("promote", "5.0", {"type": "in"}),
        ("rollback", "7.0", {}),
        ("rollback", None, {}),
    ],
)
def test_refused(intake: Intake, action: str, version: str | None, fields: dict[str, Any]) -> None:
    """An unknown, untested or never verified version is refused before anything is changed."""
    intake.take([stream_record(1, version="1.0")], Schema())
    before = intake.documents.read("opt")
    with pytest.raises(RefusedError):
        ask(intake, action, version, **fields)
    assert intake.documents.read("opt") == before


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "delete"},
        {"type": "inout"},
        {"reason": " "},
        {"version": "$(reboot)"},
        {"version": None},
    ],
)
def test_malformed(intake: Intake, fields: dict[str, Any]) -> None:
    """A malformed request is refused, and the field named."""
    field = next(iter(fields))
    with pytest.raises(InputError, match=f"'{field}'"):
        ask(intake, **({"action": "promote", "version": "1.0"} | fields))


def test_rollback_sticks(intake: Intake) -> None:
    """A rollback goes to the verified version before, and later events wait."""
    release(intake, "1.0", "2.0")
    outcome = ask(intake, "rollback")
    assert (outcome.before, outcome.after) == ("2.0", "1.0")
    intake.take([stream_record(2, version="2.0")], Schema())
    intake.take([stream_record(9, version="2.0")], Schema())
    assert now(intake) == "1.0"


def test_rollback_skips_bad_versions(intake: Intake) -> None:
    """A version that was rolled back from is never gone back to."""
    release(intake, "1.0", "2.0")
    ask(intake, "rollback")
    verify(intake)
    ask(intake, "resume")
    intake.take([stream_record(9, version="3.0")], Schema())
    verify(intake)
    outcome = ask(intake, "rollback", id="run-3", at="2026-11-24T22:00:00Z")
    assert outcome.after == "1.0"
    with pytest.raises(RefusedError, match="marked bad"):
        ask(intake, "rollback", "2.0", id="run-4")


def test_hold_and_resume(intake: Intake) -> None:
    """What arrives during a hold waits, in order, and is applied on resume."""
    release(intake, "1.0")
    ask(intake, "hold")
    for number, version in ((3, "3.0"), (2, "2.0"), (3, "3.0")):
        intake.take([stream_record(number, version=version)], Schema())
    assert now(intake) == "1.0"
    hold = intake.documents.read("opt").document.holds[NAME]
    assert [change.version for change in hold.waiting] == ["2.0", "3.0"]
    with pytest.raises(RefusedError, match="on hold by ana"):
        ask(intake, "promote", "5.0")
    outcome = ask(intake, "resume")
    assert (outcome.before, outcome.after) == ("1.0", "3.0")
    assert outcome.release is not None
    assert outcome.release.previous == "1.0"
    assert intake.documents.read("opt").document.holds == {}


def test_withdrawal_during_a_hold(intake: Intake) -> None:
    """A withdrawal that waited brings back the verified version on resume."""
    release(intake, "1.0", "2.0")
    ask(intake, "hold")
    left = stream_record(3, version="2.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    intake.take([left], Schema())
    assert now(intake) == "2.0"
    assert ask(intake, "resume").after == "1.0"


@pytest.mark.parametrize("action", ["hold", "resume"])
def test_repeated(intake: Intake, action: str) -> None:
    """Holding what is held and resuming what is not changes nothing."""
    release(intake, "1.0")
    ask(intake, "hold")
    if action == "resume":
        ask(intake, "resume")
    assert not ask(intake, action, id="run-2").changed


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_the_same_request_again(intake: Intake, action: str) -> None:
    """One request that runs twice, later too, is one release; a rollback goes back once."""
    release(intake, "1.0", "2.0", "3.0")
    version = "9.0" if action == "promote" else None
    first = ask(intake, action, version)
    verify(intake)
    again = ask(intake, action, version, at="2026-11-24T23:00:00Z")
    assert (again.after, again.changed) == (first.after, False)
    recorded = [each.release_id for each in intake.ledger.releases("opt", NAME)]
    assert first.release
    assert recorded.count(first.release.release_id) == 1
    assert list(intake.ledger.open_releases("opt")) == []


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_the_same_request_after_a_newer_one(intake: Intake, action: str) -> None:
    """A run that is run again when others have moved on is refused: it would undo what they did."""
    release(intake, "1.0", "2.0")
    version = "9.0" if action == "promote" else None
    ask(intake, action, version)
    verify(intake)
    ask(intake, "resume")
    ask(intake, "promote", "10.0", id="run-2")
    before = intake.documents.read("opt")
    with pytest.raises(RefusedError, match=r"carried out before, and 10\.0 has taken its place"):
        ask(intake, action, version, at="2026-11-24T23:00:00Z")
    assert intake.documents.read("opt") == before
    assert ask(intake, action, version, id="run-3").changed


def test_one_run_may_ask_for_two_versions(intake: Intake) -> None:
    """One after the other: a request is known by its run and by its version."""
    assert ask(intake, "promote", "9.0").after == "9.0"
    assert ask(intake, "promote", "8.0").after == "8.0"


def test_within_one_second(intake: Intake) -> None:
    """Requests of the same second, or by a clock that is behind, are newer than what is there."""
    release(intake, "1.0", "2.0")
    since = intake.documents.read("opt").document.algorithms[NAME].since
    for number, version in enumerate(["9.0", "8.0", "7.0"]):
        ask(intake, "promote", version, id=f"run-{number}", at=since)
    versions = [each.version for each in intake.ledger.releases("opt", NAME)]
    assert versions[:3] == ["7.0", "8.0", "9.0"]
    ask(intake, "promote", "6.0", id="run-9", at=LATER)
    assert intake.documents.read("opt").document.algorithms[NAME].since == LATER


def test_the_ledger_was_not_reached(intake: Intake) -> None:
    """A request that died after the document was written is recorded when it runs again."""
    first = ask(intake, "promote", "9.0")
    assert first.release
    intake.ledger.client.delete_item(TableName="ledger", Key=first.release.key)
    ask(intake, "promote", "9.0", at="2026-11-24T23:00:00Z")
    (recorded,) = intake.ledger.releases("opt", NAME)
    assert recorded == first.release


def test_a_resumption_that_died_is_recorded_too(intake: Intake) -> None:
    """What it let become active is in the ledger when it runs again, and once."""
    release(intake, "1.0")
    ask(intake, "hold")
    intake.take([stream_record(3, version="3.0")], Schema())
    first = ask(intake, "resume")
    assert first.release
    intake.ledger.client.delete_item(TableName="ledger", Key=first.release.key)
    for _ in range(2):
        again = ask(intake, "resume", at="2026-11-24T23:00:00Z")
        assert not again.changed
    recorded = [each.release_id for each in intake.ledger.releases("opt", NAME)]
    assert recorded.count(first.release.release_id) == 1
    assert len(recorded) == 2


def test_a_rollback_that_died_has_marked_what_it_left(intake: Intake) -> None:
    """Whether or not its document was written: nothing goes back to that version."""
    release(intake, "1.0", "2.0")

    class Broken(Documents):
        def _write(self, document: Document, etag: str) -> Stored | None:
            super()._write(document, etag)
            raise ConnectionError

    documents = intake.documents
    broken = Broken(documents.s3, documents.bucket, documents.prefix, documents.pause)
    with pytest.raises(ConnectionError):
        ask(replace(intake, documents=broken), "rollback")
    again = ask(intake, "rollback")
    assert (again.after, again.changed) == ("1.0", False)
    verify(intake)
    with pytest.raises(RefusedError, match="marked bad"):
        ask(intake, "rollback", id="run-2")


@pytest.mark.parametrize("action", ["promote", "rollback", "hold", "resume"])
def test_dry_run(intake: Intake, action: str) -> None:
    """A dry run says what would become active and writes nothing."""
    release(intake, "1.0", "2.0")
    if action == "resume":
        ask(intake, "hold")
        intake.take([stream_record(9, version="9.0")], Schema())
    before = intake.documents.read("opt")
    version = "9.0" if action == "promote" else None
    outcome = ask(intake, action, version, dry_run=True)
    expected = {"promote": "9.0", "rollback": "1.0", "hold": "2.0", "resume": "9.0"}
    assert outcome.after == expected[action]
    assert outcome.changed
    assert intake.documents.read("opt") == before
    assert list(intake.ledger.open_releases("opt")) == []
