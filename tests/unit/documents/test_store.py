"""Documents in S3, written by compare-and-swap."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local.waiting import PATIENCE
from phaseline.documents.document import Document
from phaseline.documents.format import render
from phaseline.documents.merge import merge
from phaseline.documents.store import ATTEMPTS, Documents, Stored
from phaseline.errors import DocumentError, RefusedError, RemoteCallError
from tests.builders.calls import Calls
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
    documents = Documents(s3, BUCKET, "metadata/", never)
    documents.create_missing()
    return documents


def promote(sequence: int, algorithm: str) -> Callable[[Document], Document]:
    """Return a function that promotes a version of `algorithm` in a document."""
    changes = [change(sequence, algorithm=algorithm)]
    return lambda document: merge(document, changes, {}, NOW).document


def versions(s3: Any) -> int:
    """Return the number of versions of the object of `opt`."""
    return len(s3.list_object_versions(Bucket=BUCKET, Prefix="metadata/opt.zip")["Versions"])


def test_next_reader_gets_the_stored_version(documents: Documents) -> None:
    stored = rewrite(documents, "opt", promote(1, "a"))
    assert documents.read("opt") == stored
    assert stored.document.versions() == {"a": "1.0.0"}


def test_document_is_transferred_again_only_if_somebody_wrote(
    documents: Documents, s3: Any
) -> None:
    stored = documents.read("opt")
    reads = Calls(s3, GetObject=lambda _: None)
    assert documents.reread(stored) is stored
    assert reads.asked == []
    rewrite(documents, "opt", promote(1, "a"))
    assert documents.reread(stored).document.revision == stored.document.revision + 1


def test_missing_document_is_named_when_it_is_read_again(documents: Documents, s3: Any) -> None:
    stored = documents.read("opt")
    s3.delete_object(Bucket=BUCKET, Key="metadata/opt.zip")
    with pytest.raises(DocumentError, match="does not exist"):
        documents.reread(stored)


def test_equal_document_is_not_written(documents: Documents, s3: Any) -> None:
    rewrite(documents, "opt", promote(1, "a"))
    before = versions(s3)
    rewrite(documents, "opt", promote(1, "a"))
    assert versions(s3) == before


def test_error_that_is_no_conflict_is_raised(documents: Documents, s3: Any) -> None:
    stored = documents.read("opt")
    s3.delete_object(
        Bucket=BUCKET, Key="metadata/in.zip", VersionId=documents.read("in").version_id
    )
    Calls(s3, PutObject=lambda _: "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        documents.write(promote(1, "a")(stored.document), over=stored)
    with pytest.raises(ClientError, match="AccessDenied"):
        documents.create_missing()


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_document_that_another_deployment_creates_meanwhile_is_not_created(
    s3: Any, code: str
) -> None:
    Calls(s3, PutObject=lambda _: code)
    assert Documents(s3, BUCKET, "metadata/", never).create_missing() == []


def test_document_that_appears_after_the_look_is_not_overwritten(
    documents: Documents, s3: Any
) -> None:
    stored = rewrite(documents, "opt", promote(1, "a"))
    Calls(s3, ListObjectVersions=lambda _: {})
    assert documents.create_missing() == []
    assert documents.read("opt") == stored


def test_bucket_that_keeps_no_versions_has_one_version() -> None:
    """S3 calls it null."""
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        documents = Documents(s3, BUCKET, "metadata/", never)
        documents.create_missing()
        assert documents.read("opt").version_id == "null"
        assert rewrite(documents, "opt", promote(1, "a")).version_id == "null"
        assert documents.read("opt").document.versions() == {"a": "1.0.0"}


def test_concurrent_writers_both_succeed(documents: Documents, s3: Any) -> None:
    lock, put_object = threading.Lock(), s3.put_object

    def put(**request: Any) -> Any:
        with lock:  # S3 compares and writes in one step, moto in two
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


def test_write_whose_response_is_lost_is_not_repeated(documents: Documents, s3: Any) -> None:
    """botocore sends the write again, and the writer recognizes its own document."""
    lost = iter([True])

    def lose_answer(response: Any, **_: Any) -> float | None:
        return 0.0 if response and next(lost, False) else None

    s3.meta.events.register_first("needs-retry.s3.PutObject", lose_answer)
    before = versions(s3)
    stored = rewrite(documents, "opt", promote(1, "a"))
    assert stored.document.versions() == {"a": "1.0.0"}
    assert stored.document.revision == 1
    assert versions(s3) == before + 1


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_refused_conditional_write_is_repeated_on_the_newest_document(
    documents: Documents, s3: Any, code: str
) -> None:
    """412 means that another writer was faster, and 409 that it writes at this moment."""
    rival = Documents(boto3.client("s3"), BUCKET, "metadata/", never)
    refused = iter([code])

    def overtaken(_: dict[str, Any]) -> str | None:
        answer = next(refused, None)
        if answer:
            rewrite(rival, "opt", promote(1, "rival"))
        return answer

    Calls(s3, PutObject=overtaken)
    pauses: list[float] = []
    stored = rewrite(Documents(s3, BUCKET, "metadata/", pauses.append), "opt", promote(1, "a"))
    assert len(pauses) == 1
    assert stored.document.versions() == {"a": "1.0.0", "rival": "1.0.0"}
    assert stored.document.revision == 2


def test_writer_that_always_loses_fails_after_a_limited_time(documents: Documents, s3: Any) -> None:
    pauses: list[float] = []
    counter = iter(range(1, 100))
    rival = Documents(s3, BUCKET, "metadata/", never)

    def overtaken(document: Document) -> Document:
        rewrite(rival, "opt", promote(next(counter), "rival"))
        return promote(1, "a")(document)

    with pytest.raises(RemoteCallError, match="other writers"):
        rewrite(Documents(s3, BUCKET, "metadata/", pauses.append), "opt", overtaken)
    assert len(pauses) == ATTEMPTS - 1
    assert pauses[:3] == [0.05, 0.1, 0.2]
    assert max(pauses) <= 0.5


def test_corrupt_document_stays_and_the_error_names_the_last_good_version(
    documents: Documents, s3: Any
) -> None:
    good = rewrite(documents, "opt", promote(1, "a"))
    for _ in range(2):
        s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"edited by hand")
    with pytest.raises(DocumentError, match=good.version_id) as caught:
        rewrite(documents, "opt", promote(2, "b"))
    assert caught.value.where == f"s3://{BUCKET}/metadata/opt.zip"
    body = s3.get_object(Bucket=BUCKET, Key="metadata/opt.zip")["Body"].read()
    assert body == b"edited by hand"


def test_good_version_is_searched_in_a_bounded_number_of_versions(
    documents: Documents, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phaseline.documents.store.VERSION_SEARCH", 2)
    for _ in range(2):
        last = s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"broken")["VersionId"]
    with pytest.raises(DocumentError, match="none of its last 2 object versions is a good one"):
        documents.read("opt")
    assert documents.last_own("opt", last)
    last = s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"broken")["VersionId"]
    assert documents.last_own("opt", last) is None


def test_deleted_document_is_not_created_again(documents: Documents, s3: Any) -> None:
    """The error names the last good version."""
    good = rewrite(documents, "opt", promote(1, "a"))
    s3.delete_object(Bucket=BUCKET, Key="metadata/opt.zip")
    with pytest.raises(DocumentError, match=good.version_id):
        documents.create_missing()
    with pytest.raises(DocumentError, match="does not exist"):
        rewrite(documents, "opt", promote(2, "b"))


def test_only_documents_that_never_existed_are_created(documents: Documents, s3: Any) -> None:
    s3.delete_object(
        Bucket=BUCKET,
        Key="metadata/in.zip",
        VersionId=documents.read("in").version_id,
    )
    rewrite(documents, "opt", promote(1, "a"))
    assert documents.create_missing() == ["metadata/in.zip"]
    assert documents.read("opt").document.versions() == {"a": "1.0.0"}


def test_metadata_of_each_version_names_the_revision(documents: Documents, s3: Any) -> None:
    """CodePipeline uses this metadata as the summary of the source revision."""
    key: Any = {"Bucket": BUCKET, "Key": "metadata/opt.zip"}
    first = s3.head_object(**key)
    metadata = [first["Metadata"]]
    assert first["ContentType"] == "application/zip"
    rewrite(documents, "opt", promote(1, "a"))
    head = s3.head_object(**key)
    metadata.append(head["Metadata"])
    assert head["ContentType"] == "application/zip"
    body = s3.get_object(**key)["Body"].read()
    assert head["Metadata"]["phaseline-digest"] == hashlib.sha256(body).hexdigest()
    assert [each["codepipeline-artifact-revision-summary"] for each in metadata] == [
        "revision 0",
        "revision 1",
    ]


def test_each_version_leads_to_the_preceding_one(documents: Documents) -> None:
    first = documents.read("opt")
    second = rewrite(documents, "opt", promote(1, "a"))
    third = rewrite(documents, "opt", promote(2, "b"))
    assert documents.read_version("opt", second.version_id) == second
    assert documents.before(third) == second
    assert documents.before(second) == first
    assert documents.before(first) is None


@pytest.mark.parametrize("version", ["00000000-0000-0000-0000-000000000000", "nonsense"])
def test_unknown_version_is_refused_by_bucket_key_and_version(
    documents: Documents, version: str
) -> None:
    with pytest.raises(RefusedError, match=f"opt.zip: it has no version {version}"):
        documents.read_version("opt", version)


@pytest.mark.parametrize(
    "code", ["NoSuchVersion", "NoSuchKey", "InvalidArgument", "MethodNotAllowed"]
)
def test_version_that_s3_does_not_have_is_refused(documents: Documents, s3: Any, code: str) -> None:
    """It does not exist, is malformed, or marks a deletion."""
    Calls(s3, GetObject=lambda _: code)
    with pytest.raises(RefusedError, match="it has no version v"):
        documents.read_version("opt", "v")


def test_version_that_may_not_be_read_is_an_error_of_the_call(
    documents: Documents, s3: Any
) -> None:
    Calls(s3, GetObject=lambda _: "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        documents.read_version("opt", "v")


def test_version_of_another_writer_is_recognized_in_later_versions(
    documents: Documents, s3: Any
) -> None:
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
    metadata = s3.head_object(Bucket=BUCKET, Key="metadata/opt.zip")["Metadata"]
    assert metadata["phaseline-edited"] == other


def test_other_content_with_copied_metadata_counts_as_another_writers(
    documents: Documents, s3: Any
) -> None:
    metadata = s3.head_object(Bucket=BUCKET, Key="metadata/opt.zip")["Metadata"]
    data = render(Document("opt", revision=7))
    s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=data, Metadata=metadata)

    stored = documents.read("opt")

    assert stored.edited == stored.version_id


def test_last_own_version_skips_corrupt_ones_and_may_be_missing(
    documents: Documents, s3: Any
) -> None:
    first = documents.read("opt").version_id
    s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"no zip")
    last = s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"no zip")["VersionId"]

    own = documents.last_own("opt", last)
    s3.delete_object(Bucket=BUCKET, Key="metadata/opt.zip", VersionId=first)

    assert own
    assert own.version_id == first
    assert documents.last_own("opt", last) is None


def test_version_far_back_is_preceded_by_another_one(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Further back than the versions that are listed at once."""
    monkeypatch.setattr("phaseline.documents.store.VERSION_SEARCH", 2)
    for number in range(5):
        stored = rewrite(documents, "opt", promote(number + 1, f"a{number}"))
    while stored.document.revision > 1:
        earlier = documents.before(stored)
        assert earlier
        assert earlier.document.revision == stored.document.revision - 1
        stored = earlier


def test_object_whose_key_begins_with_the_key_of_a_document_is_another_object(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip.bak", Body=render(Document("opt", 9)))
    documents = Documents(s3, BUCKET, "metadata/", never)
    assert documents.create_missing() == [f"metadata/{type_}.zip" for type_ in ("in", "opt", "out")]
    s3.delete_object(Bucket=BUCKET, Key="metadata/opt.zip.bak")
    first = documents.read("opt")
    assert documents.before(first) is None
    s3.put_object(Bucket=BUCKET, Key="metadata/opt.zip", Body=b"broken")
    with pytest.raises(
        DocumentError, match=f"last good version of the object is {first.version_id}"
    ):
        documents.read("opt")


def test_sixteen_writers_at_once_all_succeed(documents: Documents) -> None:
    """A writer fails an attempt only because another one succeeded."""
    ready, atomic = threading.Barrier(16), threading.Lock()

    class Atomic(Documents):  # moto compares and writes in two steps, S3 in one
        def write(self, document: Document, *, over: Stored) -> Stored | None:
            with atomic:
                return super().write(document, over=over)

    contended = Atomic(documents.s3, BUCKET, "metadata/", never)

    def write(number: int) -> None:
        ready.wait()
        rewrite(contended, "opt", promote(1, f"a{number}"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(16)))
    document = documents.read("opt").document
    assert (len(document.algorithms), document.revision) == (16, 16)
