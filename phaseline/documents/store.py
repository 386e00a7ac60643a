"""Reads and writes metadata documents in S3, by compare-and-swap.

A write names the ETag of the version that it read (If-Match), so writers cannot overwrite each
other. The slower writer gets status 412, or 409 during a concurrent write; it reads and merges
again. If the response to a successful write is lost, the retry ends the same way: merging into the
written document changes nothing, so nothing is written twice.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline.algorithms.names import TYPES
from phaseline.documents import revision
from phaseline.documents.document import Document
from phaseline.documents.format import parse, render
from phaseline.errors import DocumentError, RefusedError, RemoteCallError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, ObjectVersionTypeDef

ATTEMPTS = 50
"""The number of attempts to write a document.

An attempt fails only because another writer succeeded. So of 50 writers at once, each with one
write, all succeed.
"""
LONGEST_PAUSE = 0.5
"""The upper bound of the pause between two attempts, in seconds. All pauses take 13 s on average.
"""
CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict"}
UNKNOWN_VERSION = {"NoSuchVersion", "NoSuchKey", "InvalidArgument", "MethodNotAllowed"}
"""The error codes of S3 for a version id that does not exist, is malformed or marks a deletion."""
DIGEST, EDITED = "phaseline-digest", "phaseline-edited"
"""The names of two metadata values of an object.

The digest of the content shows that Phaseline wrote the version. The other value names the newest
earlier version that somebody else wrote. A copy of an object keeps both.
"""
VERSION_SEARCH = 50
"""The number of object versions in which the last good version is searched."""


@dataclass(frozen=True)
class Stored:
    """A document and the version of the S3 object that contains it.

    `edited` is the id of the newest version that somebody else wrote, up to this one, or None.
    """

    document: Document
    etag: str
    version_id: str
    edited: str | None = None


@dataclass(frozen=True)
class Documents:
    """Reads and writes the three documents of one environment.

    `pause` waits for a random time up to the given number of seconds, so that writers that
    conflicted once do not conflict again.
    """

    s3: "S3Client"
    bucket: str
    prefix: str
    pause: Callable[[float], None]

    def read(self, type_: str) -> Stored:
        """Return the newest version. Raises DocumentError if it is missing or malformed."""
        key = self._key(type_)
        try:
            response = self.s3.get_object(Bucket=self.bucket, Key=key)
        except self.s3.exceptions.NoSuchKey as error:
            raise DocumentError(
                self._where(key),
                "the metadata document does not exist" + self._last_good(type_),
                "Deploy creates the first one; restore a deleted one from its versions.",
            ) from error
        data = response["Body"].read()
        try:
            document = parse(data, type_, self._where(key))
        except DocumentError as error:
            raise DocumentError(
                error.where,
                error.found + self._last_good(type_),
                "It is left as it is: copy the good version over it, then try again.",
            ) from error
        return _stored(document, response, data, response.get("VersionId", "null"))

    def reread(self, stored: Stored) -> Stored:
        """Return the newest version, which is `stored` itself if its ETag is still the newest.

        Raises DocumentError as `read` does.
        """
        type_ = stored.document.type
        try:
            head = self.s3.head_object(Bucket=self.bucket, Key=self._key(type_))
        except ClientError:
            return self.read(type_)  # which tells a missing document from another error
        return stored if head["ETag"] == stored.etag else self.read(type_)

    def read_version(self, type_: str, version_id: str) -> Stored:
        """Return one version of a document.

        Raises RefusedError if it does not exist, and DocumentError if it is malformed.
        """
        key = self._key(type_)
        try:
            response = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in UNKNOWN_VERSION:
                raise
            raise RefusedError(
                self._where(key),
                f"it has no version {version_id}",
                "Name the object version of a document: phaseline status lists the newest.",
            ) from error
        data = response["Body"].read()
        document = parse(data, type_, f"{self._where(key)} version {version_id}")
        return _stored(document, response, data, version_id)

    def before(self, stored: Stored) -> Stored | None:
        """Return the preceding version of a document, or None for the first one."""
        type_ = stored.document.type
        earlier = next(self._versions(type_, before=stored.version_id), None)
        return self.read_version(type_, earlier["VersionId"]) if earlier else None

    def attempts(self, type_: str) -> Iterator[Stored]:
        """Yield the newest version once for each attempt to write it, with pauses in between.

        Another writer may change the document between a read and its write. So the caller decides
        again in each attempt. A decision must not change a document that it was applied to before::

            for stored in documents.attempts("opt"):
                if written := documents.write(decide(stored.document), over=stored):
                    return written
            raise documents.contended("opt")
        """
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(min(LONGEST_PAUSE, 0.05 * 2 ** (attempt - 1)))
            yield self.read(type_)

    def contended(self, type_: str) -> RemoteCallError:
        """Return the error to raise when all attempts to write have failed."""
        return RemoteCallError(
            self._where(self._key(type_)),
            f"other writers changed the document {ATTEMPTS} times in a row",
            "It is safe to run this again.",
        )

    def write(self, document: Document, *, over: Stored) -> Stored | None:
        """Store `document` in place of the version that was read.

        Returns None if another writer was faster. An equal document is not written.
        """
        if document == over.document:
            return over
        body = render(document)
        try:
            response = self.s3.put_object(
                Bucket=self.bucket,
                Key=self._key(document.type),
                Body=body,
                ContentType="application/zip",
                Metadata=_metadata(document, body, over.edited),
                IfMatch=over.etag,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in CONFLICTS:
                raise
            return None
        return Stored(document, response["ETag"], response.get("VersionId", "null"), over.edited)

    def last_own(self, type_: str, before: str) -> Stored | None:
        """Return the newest version that Phaseline wrote before the version `before`.

        Returns None if the VERSION_SEARCH versions before it contain no such version.
        """
        for version in self._versions(type_, before=before):
            try:
                stored = self.read_version(type_, version["VersionId"])
            except DocumentError:
                continue
            if stored.edited != stored.version_id:
                return stored
        return None

    def create_missing(self) -> list[str]:
        """Create each document that never existed, and return the keys of the new objects.

        Raises DocumentError if a document was deleted: an empty document in its place would remove
        every algorithm of its type from the website.
        """
        return [self._key(type_) for type_ in TYPES if self._create(type_)]

    def _create(self, type_: str) -> bool:
        key = self._key(type_)
        # The object itself precedes the other objects whose keys begin with its key.
        page = self.s3.list_object_versions(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        if any(marker["Key"] == key for marker in page.get("DeleteMarkers", [])):
            self.read(type_)  # raises, and names the last good version
        if any(version["Key"] == key for version in page.get("Versions", [])):
            return False
        document = Document(type=type_)
        body = render(document)
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType="application/zip",
                Metadata=_metadata(document, body, None),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in CONFLICTS:
                raise
            return False
        return True

    def _last_good(self, type_: str) -> str:
        """Name the newest object version that contains a valid document, for an error message."""
        key = self._key(type_)
        for version in self._versions(type_):
            version_id = version["VersionId"]
            response = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)
            try:
                parse(response["Body"].read(), type_, "")
            except DocumentError:
                continue
            return f"; the last good version of the object is {version_id}"
        return f"; none of its last {VERSION_SEARCH} object versions is a good one"

    def _versions(self, type_: str, before: str | None = None) -> Iterator["ObjectVersionTypeDef"]:
        """Yield the newest VERSION_SEARCH versions of a document, or those before `before`."""
        key = self._key(type_)
        markers: Any = {"KeyMarker": key, "VersionIdMarker": before} if before else {}
        page = self.s3.list_object_versions(
            Bucket=self.bucket, Prefix=key, MaxKeys=VERSION_SEARCH, **markers
        )
        # Other objects may have keys that begin with the key of the document.
        return (version for version in page.get("Versions", []) if version["Key"] == key)

    def _key(self, type_: str) -> str:
        return f"{self.prefix}{type_}.zip"

    def _where(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


def _stored(
    document: Document, response: "GetObjectOutputTypeDef", data: bytes, version_id: str
) -> Stored:
    metadata = response["Metadata"]
    is_own = metadata.get(DIGEST) == _digest(data)
    edited = metadata.get(EDITED) if is_own else version_id
    return Stored(document, response["ETag"], version_id, edited)


def _metadata(document: Document, body: bytes, edited: str | None) -> dict[str, str]:
    metadata = {
        "codepipeline-artifact-revision-summary": revision.summary(document.revision),
        DIGEST: _digest(body),
    }
    return metadata | ({EDITED: edited} if edited else {})


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
