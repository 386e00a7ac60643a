"""Writes of documents, and what follows from them."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from phaseline.documents.commit import Commits, Committed
from phaseline.documents.hold import Hold
from phaseline.documents.merge import Merged, merge
from tests.builders.changes import NOW, change
from tests.builders.stores import AT, BUCKET, make_stores


@pytest.fixture
def commits() -> Iterator[Commits]:
    with mock_aws():
        yield Commits(*make_stores())


def promote(commits: Commits, sequence: int, version: str) -> Committed:
    """Promote a version of the algorithm `a`."""
    attempt = next(commits.attempts("opt"))
    merged = merge(attempt.document, [change(sequence, version)], {}, NOW)
    committed = commits.write(merged, over=attempt, at=AT)
    assert committed
    return committed


def test_release_is_recorded_and_dispatched_with_its_document(commits: Commits) -> None:
    committed = promote(commits, 1, "1.0.0")
    (release,) = committed.releases
    assert list(commits.ledger.open_releases("opt")) == [release]
    assert (release.document_version, release.revision) == (committed.stored.version_id, 1)
    assert release.display == {"title": "1.0.0"}
    assert committed.owed
    assert committed.owed.releases == (release.release_id,)


def test_write_without_release_owes_no_dispatch(commits: Commits) -> None:
    attempt = next(commits.attempts("opt"))
    held = Merged(attempt.document.revise(freeze=Hold("r", "ana", AT)))
    committed = commits.write(held, over=attempt, at=AT)
    assert committed
    assert committed.owed is None
    assert commits.outbox.read("opt").revision == 1


def test_changes_behind_a_hold_are_in_the_ledger_until_they_are_released(commits: Commits) -> None:
    """At the same revision as what follows from the document, so that messages can tell of them."""
    attempt = next(commits.attempts("opt"))
    held = Merged(attempt.document.revise(holds={"a": Hold("compares", "ana", AT)}))
    assert commits.write(held, over=attempt, at=AT)
    promote(commits, 1, "1.0.0")
    (waiting,) = commits.outbox.read("opt").waiting
    assert (waiting.subject, waiting.who, waiting.reason) == ("opt/a", "ana", "compares")
    assert (waiting.changes, waiting.count) == ((("promote", "a", "1.0.0"),), 1)
    attempt = next(commits.attempts("opt"))
    resumed = merge(attempt.document.revise(holds={}), [change(2, "2.0.0")], {}, NOW)
    assert commits.write(resumed, over=attempt, at=AT)
    assert commits.outbox.read("opt").waiting == ()


def test_slower_writer_is_told_so_and_records_nothing(commits: Commits) -> None:
    attempt = next(commits.attempts("opt"))
    promote(commits, 1, "1.0.0")
    merged = merge(attempt.document, [change(2, "2.0.0")], {}, NOW)
    assert commits.write(merged, over=attempt, at=AT) is None
    assert [release.version for release in commits.ledger.releases("opt", "a")] == ["1.0.0"]


def test_unsettled_document_is_settled_once_by_whoever_reads_it_next(commits: Commits) -> None:
    attempt = next(commits.attempts("opt"))
    committed = promote(commits, 1, "1.0.0")
    for release in committed.releases:
        commits.ledger.client.delete_item(TableName="ledger", Key=release.key)
    commits.ledger.client.delete_item(
        TableName="ledger", Key={"pk": {"S": "document#opt"}, "sk": {"S": "settled"}}
    )
    assert attempt.settled.revision == -1
    for _ in range(2):
        assert next(commits.attempts("opt")).settled.owed == committed.owed
        assert list(commits.ledger.releases("opt", "a")) == list(committed.releases)


def test_preview_settles_nothing(commits: Commits) -> None:
    promote(commits, 1, "1.0.0")
    commits.ledger.client.delete_item(
        TableName="ledger", Key={"pk": {"S": "document#opt"}, "sk": {"S": "settled"}}
    )
    commits.preview("opt")
    assert commits.outbox.read("opt").revision == -1


def test_revision_grows_after_an_older_version_of_the_object_was_restored(
    commits: Commits,
) -> None:
    """Otherwise the website, built from a higher revision, would never show a change again."""
    older = promote(commits, 1, "1.0.0").stored
    promote(commits, 2, "2.0.0")
    promote(commits, 3, "3.0.0")
    s3 = commits.documents.s3
    s3.copy_object(
        Bucket=BUCKET,
        Key="metadata/opt.zip",
        CopySource={
            "Bucket": BUCKET, "Key": "metadata/opt.zip", "VersionId": older.version_id,
        },
    )  # fmt: skip
    committed = promote(commits, 4, "4.0.0")
    assert committed.stored.document.revision == 4
    assert [release.revision for release in commits.ledger.releases("opt", "a")] == [4, 3, 2, 1]


def test_withdrawal_of_an_inactive_version_is_recorded_by_a_write(commits: Commits) -> None:
    """So it conflicts with every other write on the same revision."""
    promote(commits, 1, "1.0.0")
    promote(commits, 2, "2.0.0")
    attempt = next(commits.attempts("opt"))
    merged = merge(attempt.document, [change(3, "1.0.0", action="withdraw")], {}, NOW)
    committed = commits.write(merged, over=attempt, at=AT)
    assert committed
    assert committed.stored.document.revision == attempt.document.revision + 1
    assert committed.owed == attempt.settled.owed
    newest, older = commits.ledger.releases("opt", "a")
    assert ("withdrawn" in newest.steps, "withdrawn" in older.steps) == (False, True)
