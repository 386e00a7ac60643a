"""The website's bucket, and the memory of what was last verified there.

The memory is one object, changed by conditional writes only:

    verified ---- begin, before the first upload ----> publishing by an execution
        ^                                                   |        |
        +---- remember, after the last check ---------------+        +-- begin, by a later one

So an execution that died leaves its name, and one that was overtaken can't take back the doubt
of the one that overtook it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline.errors import ConfigurationError, InputError, RemoteCallError
from phaseline.site import manifests
from phaseline.site.manifests import ServedManifest
from phaseline.site.publication import Listed, Published

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STATE_KEY = "state/published.json"
ATTEMPTS = 3
"""Tries of one conditional write: S3 may refuse it while another write is under way."""
DELETE_LIMIT = 1000
"""Keys of one DeleteObjects.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""
CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict"}


@dataclass(frozen=True)
class Site:
    """The website's bucket, and the bucket that remembers its last verified publication."""

    s3: "S3Client"
    bucket: str
    metadata_bucket: str

    def listing(self) -> dict[str, Listed]:
        """Every object of the website's bucket; its ETag is the MD5 of what we upload."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {
            item["Key"]: Listed(
                item["ETag"].strip('"'), item["LastModified"].astimezone(UTC).isoformat()
            )
            for page in pages
            for item in page.get("Contents", [])
        }

    def upload(self, key: str, body: IO[bytes] | bytes, listed: Listed | None, **more: Any) -> bool:
        """Write an object over the one that was `listed`; False where that is not there any more.

        So an upload that comes late can't replace what a later publication wrote.
        """
        condition: Any = {"IfMatch": f'"{listed.digest}"'} if listed else {"IfNoneMatch": "*"}
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **condition, **more)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {*CONFLICTS, "NoSuchKey"}:
                raise
            return False
        return True

    def manifest(self) -> ServedManifest | None:
        """The bucket's manifest, or None where there is none that can be read."""
        try:
            data = self.s3.get_object(Bucket=self.bucket, Key=manifests.NAME)["Body"].read()
            return manifests.parse(data, f"s3://{self.bucket}/{manifests.NAME}")
        except (self.s3.exceptions.NoSuchKey, InputError):
            return None

    def published(self) -> tuple[Published | None, str | None]:
        """The last verified publication and the ETag of its state; None before the first."""
        try:
            answer = self.s3.get_object(Bucket=self.metadata_bucket, Key=STATE_KEY)
        except self.s3.exceptions.NoSuchKey:
            return None, None
        try:
            return Published(**json.loads(answer["Body"].read())), answer["ETag"]
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"s3://{self.metadata_bucket}/{STATE_KEY}",
                f"expected the state of the last publication, found {type(error).__name__}",
                "Delete the object: the next publication then invalidates everything.",
            ) from error

    def begin(self, execution: str, known: Published | None, etag: str | None) -> bool:
        """Note that `execution` changes the bucket from now on.

        `known` and `etag` are the state that its plan was made from; False where that has changed.
        """
        if known is not None and known.publishing == execution:
            return True
        known = known or Published(keys={}, documents={}, execution="")
        return self._replace(replace(known, publishing=execution), etag)

    def is_held_by(self, execution: str) -> bool:
        """Whether `execution` is still the last that began to publish.

        True, too, where someone deleted the state: then there is nothing to take back.
        """
        known = self.published()[0]
        return known is None or known.publishing == execution

    def remember(self, verified: Published, etag: str | None) -> bool:
        """Store what was verified last over the state with `etag`, unless that changed."""
        return self._replace(verified, etag)

    def _replace(self, state: Published, etag: str | None) -> bool:
        """Write `state` over the one with `etag` (None: over none); False where that changed."""
        condition: Any = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        for _ in range(ATTEMPTS):
            try:
                self.s3.put_object(
                    Bucket=self.metadata_bucket,
                    Key=STATE_KEY,
                    Body=json.dumps(asdict(state), sort_keys=True).encode(),
                    ContentType="application/json",
                    **condition,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in CONFLICTS:
                    raise
            else:
                return True
            found, current = self.published()
            if found == state:
                return True  # our own write, whose answer was lost
            if current != etag:
                return False
        raise RemoteCallError(
            f"s3://{self.metadata_bucket}/{STATE_KEY}",
            f"a conditional write was refused {ATTEMPTS} times, though nobody else wrote",
            "Retry the stage.",
        )

    def prune(self, keys: Sequence[str]) -> None:
        """Delete `keys`. Raises RemoteCallError naming the first that could not be deleted."""
        for start in range(0, len(keys), DELETE_LIMIT):
            part = keys[start : start + DELETE_LIMIT]
            answer = self.s3.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": [{"Key": key} for key in part], "Quiet": True},
            )
            for error in answer.get("Errors", []):
                raise RemoteCallError(
                    f"s3://{self.bucket}/{error.get('Key')}",
                    f"a file that no page names any more can't be deleted ({error.get('Code')})",
                    "Check the function's permission to delete objects, then retry the stage.",
                )
