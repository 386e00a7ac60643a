"""Documents in S3, written by compare-and-swap."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.waiting import PATIENCE
from phaseline.documents.document import Document
from phaseline.documents.format import render
from phaseline.documents.merge import merge
from phaseline.documents.store import ATTEMPTS, Documents
from phaseline.errors import DocumentError, RefusedError, RemoteCallError
from tests.builders.changes import NOW, change
from tests.builders.stores import BUCKET, never, rewrite


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def documents(s3: Any) -> Documents:
    made = Documents(s3, BUCKET, "metadata/", never)
    made.create_missing()
    return made


def promote(sequence: int, algorithm: str) -> Callable[[Document], Document]:
    """A change that promotes one version of `algorithm`."""
    changes = [change(sequence, algorithm=algorithm)]
    return lambda document: merge(document, changes, {}, NOW).document


def versions(s3: Any) -> int:
    """How many versions the object of `opt` has."""
    return len(s3.list_object_versions(Bucket=BUCKET, Prefix="metadata/opt.zip")["Versions"])


def test_update(documents: Documents) -> None:
    """An update is what the next reader finds, under the version id that was returned."""
    stored = rewrite(documents, "opt", promote(1, "a"))
    assert documents.read("opt") == stored
    assert stored.document.versions() == {"a": "1.0.0"}


def test_no_change_is_no_write(documents: Documents, s3: Any) -> None:
    """A merge that changes nothing writes no object version."""
    rewrite(documents, "opt", promote(1, "a"))
    before = versions(s3)
    rewrite(documents, "opt", promote(1, "a"))
    assert versions(s3) == before


def test_two_writers_at_once(documents: Documents, s3: Any) -> None:
    """Two writers that read the same version both find their change in the end."""
    one_at_a_time, put_object = threading.Lock(), s3.put_object

    def put(**request: Any) -> Any:
        with one_at_a_time:  # S3 compares and writes in one step, moto in two
            return put_object(**request)

    s3.put_object = put
    barrier = threading.Barrier(2, timeout=PATIENCE)
    waiting = threading.local()

    def slowly(algorithm: str) -> Callable[[Document], Document]:
        def together(document: Document) -> Document:
            if not getattr(waiting, "done", False):
                waiting.done = True
                barrier.wait()
            return promote(1, algorithm)(document)

        return together

    threads = [
        threading.Thread(target=rewrite, args=(documents, "opt", slowly(name))) for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = documents.read("opt")
    assert sorted(stored.document.versions()) == ["a", "b"]
    assert stored.document.revision == 2


def test_answer_lost_after_the_write_landed(documents: Documents, s3: Any) -> None:
    """A write whose answer was lost is sent again by botocore and recognised as our own."""
    lost = iter([True])

    def lose_answer(response: Any, **_: Any) -> float | None:
        return 0.0 if response and next(lost, False) else None

    s3.meta.events.register_first("needs-retry.s3.PutObject", lose_answer)
    before = versions(s3)
    stored = rewrite(documents, "opt", promote(1, "a"))
    assert stored.document.versions() == {"a": "1.0.0"}
    assert stored.document.revision == 1
    assert versions(s3) == before + 1


def test_losing_every_time(documents: Documents, s3: Any) -> None:
    """A writer that loses each attempt gives up with an error, within a bound of pauses."""
    pauses: list[float] = []
    counter = iter(range(1, 100))
    rival = Documents(s3, BUCKET, "metadata/", never)

    def overtaken(document: Document) -> Document:
        rewrite(rival, "opt", promote(next(counter), "rival"))
        return promote(1, "a")(document)

    with pytest.raises(RemoteCallError, match="other writers"):
        rewrite(Documents(s3, BUCKET, "metadata/", pauses.append), "opt", overtaken)
    assert len(pauses) == ATTEMPTS - 1
    assert max(pauses) <= 2.0


def test_corrupt_document_is_left_alone(documents: Documents, s3: Any) -> None:
    """A corrupt document is refused, not overwritten, and the last good version named."""
    good = rewrite(documents, "opt", promote(1, "a"))
    s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"edited by hand")
    with pytest.raises(DocumentError, match=good.version_id):
        rewrite(documents, "opt", promote(2, "b"))
    body = s3.get_object(Bucket=BUCKET, Key="metadata/opt.zip")["Body"].read()
    assert body == b"edited by hand"


def test_deleted_document(documents: Documents, s3: Any) -> None:
    """A deleted document is not replaced by an empty one: its last good version is named."""
    good = rewrite(documents, "opt", promote(1, "a"))
    s3.delete_object(Bucket=BUCKET, Key="metadata/opt.zip")
    with pytest.raises(DocumentError, match=good.version_id):
        documents.create_missing()
    with pytest.raises(DocumentError, match="does not exist"):
        rewrite(documents, "opt", promote(2, "b"))


def test_create_missing(documents: Documents, s3: Any) -> None:
    """Only documents that never existed are created."""
    s3.delete_object(
        Bucket=BUCKET,
        Key="metadata/in.zip",
        VersionId=documents.read("in").version_id,
    )
    rewrite(documents, "opt", promote(1, "a"))
    assert documents.create_missing() == ["metadata/in.zip"]
    assert documents.read("opt").document.versions() == {"a": "1.0.0"}


def test_codepipeline_is_told_the_revision(documents: Documents, s3: Any) -> None:
    """Each version has its revision where CodePipeline takes its summary from, the first too."""
    key: Any = {"Bucket": BUCKET, "Key": "metadata/opt.zip"}
    told = [s3.head_object(**key)["Metadata"]]
    rewrite(documents, "opt", promote(1, "a"))
    told.append(s3.head_object(**key)["Metadata"])
    assert [one["codepipeline-artifact-revision-summary"] for one in told] == [
        "revision 0",
        "revision 1",
    ]


def test_a_version_and_the_one_before(documents: Documents) -> None:
    """Each version can be read again, and leads to the one before; the first leads nowhere."""
    first = documents.read("opt")
    second = rewrite(documents, "opt", promote(1, "a"))
    third = rewrite(documents, "opt", promote(2, "b"))
    assert documents.read_version("opt", second.version_id) == second
    assert documents.before(third) == second
    assert documents.before(second) == first
    assert documents.before(first) is None


@pytest.mark.parametrize("version", ["00000000-0000-0000-0000-000000000000", "nonsense"])
def test_a_version_that_there_is_not(documents: Documents, version: str) -> None:
    """It is refused, by bucket, key and version."""
    with pytest.raises(RefusedError, match=f"opt.zip: it has no version {version}"):
        documents.read_version("opt", version)


def test_what_this_program_wrote_is_known(documents: Documents, s3: Any) -> None:
    """A version by somebody else is known as such, also once something was written over it."""
    own = rewrite(documents, "opt", promote(1, "a"))
    assert own.edited is None
    data = s3.get_object(Bucket=BUCKET, Key="metadata/opt.zip")["Body"].read()
    other = s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=data)["VersionId"]
    assert documents.read("opt").edited == other

    written = rewrite(documents, "opt", promote(1, "b"))
    later = rewrite(documents, "opt", promote(1, "c"))

    assert (written.edited, later.edited) == (other, other)
    assert documents.read("opt") == later
    assert documents.last_own("opt", other) == own


def test_other_content_under_our_metadata_is_not_ours(documents: Documents, s3: Any) -> None:
    """Who uploads with the metadata of an earlier version is not taken for this program."""
    known = s3.head_object(Bucket=BUCKET, Key="metadata/opt.zip")["Metadata"]
    data = render(Document("opt", revision=7))
    s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=data, Metadata=known)

    stored = documents.read("opt")

    assert stored.edited == stored.version_id


def test_the_last_version_of_ours_may_be_gone(documents: Documents, s3: Any) -> None:
    """None of ours before a version is no error; a corrupt one is passed over."""
    first = documents.read("opt").version_id
    s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"no zip")
    last = s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"no zip")["VersionId"]

    found = documents.last_own("opt", last)
    s3.delete_object(Bucket=BUCKET, Key="metadata/opt.zip", VersionId=first)

    assert found
    assert found.version_id == first
    assert documents.last_own("opt", last) is None
