"""Reads and writes metadata documents in S3, by compare-and-swap.

A write carries the ETag that was read (If-Match), so two writers can't overwrite each other: the
loser gets 412, or 409 while both are under way, reads again, merges again and tries again. A
write that landed while its answer was lost looks the same, and ends the same way: merging into
what was written changes nothing, so nothing is written twice.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from phaseline.algorithms.names import TYPES
from phaseline.documents import revision
from phaseline.documents.document import Document
from phaseline.documents.format import parse, render
from phaseline.errors import DocumentError, RefusedError, RemoteCallError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, ObjectVersionTypeDef

ATTEMPTS = 10
"""Reads and writes before a conflict is given up: with the pauses below about 10 seconds."""
LONGEST_PAUSE = 2.0
CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict"}
UNKNOWN_VERSION = {"NoSuchVersion", "NoSuchKey", "InvalidArgument", "MethodNotAllowed"}
"""What S3 answers for a version id that there is not, that is none, or that marks a deletion."""
DIGEST, EDITED = "phaseline-digest", "phaseline-edited"
"""The object's metadata by which a version is known as written by this program, and which names the
newest version before it that is not. A copy of an object takes both along.
"""
VERSION_SEARCH = 50
"""How many object versions are looked at, for the last good one or for the one before."""


@dataclass(frozen=True)
class Stored:
    """A document as one version of its object.

    `edited` is the newest version that somebody else wrote, this one or one that it goes back to.
    """

    document: Document
    etag: str
    version_id: str
    edited: str | None = None


@dataclass(frozen=True)
class Documents:
    """The three documents of one environment.

    `pause` waits for a number of seconds below the one it is given, chosen at random, so that
    writers that met once do not meet again.
    """

    s3: "S3Client"
    bucket: str
    prefix: str
    pause: Callable[[float], None]

    def read(self, type_: str) -> Stored:
        """The newest version. Raises DocumentError where it is missing, corrupt or foreign."""
        key = self._key(type_)
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except self.s3.exceptions.NoSuchKey as error:
            raise DocumentError(
                self._where(key),
                "the metadata document does not exist" + self._last_good(type_),
                "Deploy creates the first one; restore a deleted one from its versions.",
            ) from error
        data = answer["Body"].read()
        try:
            document = parse(data, type_, self._where(key))
        except DocumentError as error:
            raise DocumentError(
                error.where,
                error.found + self._last_good(type_),
                "It is left as it is: copy the good version over it, then try again.",
            ) from error
        return _stored(document, answer, data, answer.get("VersionId", "null"))

    def read_version(self, type_: str, version_id: str) -> Stored:
        """One version of a document. Raises RefusedError for one that does not exist."""
        key = self._key(type_)
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in UNKNOWN_VERSION:
                raise
            raise RefusedError(
                self._where(key),
                f"it has no version {version_id}",
                "Name the object version of a document: python -m scripts status lists the newest.",
            ) from error
        data = answer["Body"].read()
        document = parse(data, type_, f"{self._where(key)} version {version_id}")
        return _stored(document, answer, data, version_id)

    def before(self, stored: Stored) -> Stored | None:
        """The version of a document before this one; None where it is the first or far back."""
        type_ = stored.document.type
        versions = [version["VersionId"] for version in self._versions(type_)]
        if stored.version_id not in versions[:-1]:
            return None
        return self.read_version(type_, versions[versions.index(stored.version_id) + 1])

    def attempts(self, type_: str) -> Iterator[Stored]:
        """The newest version, read again and again until the caller's `write` has won.

        Other writers may come between a read and its write. So a writer decides anew at each
        attempt, and must find its own earlier result unchanged:

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
        """The error of a writer whose attempts were all lost to others."""
        return RemoteCallError(
            self._where(self._key(type_)),
            f"other writers changed the document {ATTEMPTS} times in a row",
            "It is safe to run this again.",
        )

    def write(self, document: Document, *, over: Stored) -> Stored | None:
        """Store `document` in place of the version that was read; None where another writer was
        faster. A document that is the same is not written."""
        if document == over.document:
            return over
        body = render(document)
        try:
            answer = self.s3.put_object(
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
        return Stored(document, answer["ETag"], answer.get("VersionId", "null"), over.edited)

    def last_own(self, type_: str, before: str) -> Stored | None:
        """The newest version of a document that this program wrote before the version `before`;
        None where there is none, or only far back."""
        key = self._key(type_)
        listed = self.s3.list_object_versions(
            Bucket=self.bucket,
            Prefix=key,
            KeyMarker=key,
            VersionIdMarker=before,
            MaxKeys=VERSION_SEARCH,
        )
        for version in listed.get("Versions", []):
            try:
                stored = self.read_version(type_, version["VersionId"])
            except DocumentError:
                continue
            if stored.edited != stored.version_id:
                return stored
        return None

    def create_missing(self) -> list[str]:
        """Create each document that never existed, empty; the keys of those created.

        Raises DocumentError for one that was deleted: an empty one in its place would take every
        algorithm of its type off the website.
        """
        return [self._key(type_) for type_ in TYPES if self._create(type_)]

    def _create(self, type_: str) -> bool:
        key = self._key(type_)
        listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        if listed.get("DeleteMarkers"):
            self.read(type_)  # raises, and names the last good version
        if listed.get("Versions"):
            return False
        first = Document(type=type_)
        body = render(first)
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType="application/zip",
                Metadata=_metadata(first, body, None),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in CONFLICTS:
                raise
            return False
        return True

    def _last_good(self, type_: str) -> str:
        """A phrase that names the newest object version that is a good document."""
        key = self._key(type_)
        for version in self._versions(type_):
            answer = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version["VersionId"])
            try:
                parse(answer["Body"].read(), type_, "")
            except DocumentError:
                continue
            return f"; the last good version of the object is {version['VersionId']}"
        return f"; none of its last {VERSION_SEARCH} object versions is a good one"

    def _versions(self, type_: str) -> Iterator["ObjectVersionTypeDef"]:
        pages = self.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket,
            Prefix=self._key(type_),
            PaginationConfig={"MaxItems": VERSION_SEARCH},
        )
        return (version for page in pages for version in page.get("Versions", []))

    def _key(self, type_: str) -> str:
        return f"{self.prefix}{type_}.zip"

    def _where(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


def _stored(
    document: Document, answer: "GetObjectOutputTypeDef", data: bytes, version: str
) -> Stored:
    known = answer["Metadata"]
    is_own = known.get(DIGEST) == _digest(data)
    return Stored(document, answer["ETag"], version, known.get(EDITED) if is_own else version)


def _metadata(document: Document, body: bytes, edited: str | None) -> dict[str, str]:
    known = {
        "codepipeline-artifact-revision-summary": revision.summary(document.revision),
        DIGEST: _digest(body),
    }
    return known | ({EDITED: edited} if edited else {})


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
