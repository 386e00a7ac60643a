"""The website's bucket, and the state of its last verified publication.

The state is one object, which is only changed by conditional writes:

    verified ---- begin, before the first upload ----> publishing by an execution
        ^                                                   |        |
        +---- remember, after the last check ---------------+        +-- begin, by a later execution

So an execution that crashed stays named in the state, and so does a later one that publishes when
an earlier one is verified. Each publication that begins gets the next number, which is the order of
publications: times are for people.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline.errors import ConfigurationError, InputError, RemoteCallError
from phaseline.site import manifests, publication
from phaseline.site.manifests import ServedManifest
from phaseline.site.publication import Listed, Publication, Published, Retained

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STATE_KEY = "state/published.json"
ATTEMPTS = 3
"""Attempts of one conditional write. S3 may refuse it while another write is in progress."""
DELETE_LIMIT = 1000
"""The most keys in one call of DeleteObjects.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""
CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict"}


@dataclass(frozen=True)
class Site:
    """The website's bucket, and the bucket with the state of its last verified publication."""

    s3: "S3Client"
    bucket: str
    metadata_bucket: str

    def listing(self) -> dict[str, Listed]:
        """Return all objects of the website's bucket. Their ETag is the MD5 of the uploaded
        content."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {
            item["Key"]: Listed(
                item["ETag"].strip('"'), item["LastModified"].astimezone(UTC).isoformat()
            )
            for page in pages
            for item in page.get("Contents", [])
        }

    def upload(self, key: str, body: IO[bytes] | bytes, listed: Listed | None, **more: Any) -> bool:
        """Replace the object that was `listed`. Return False if it has changed since.

        So a late upload cannot replace the file of a later publication.
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
        """Return the bucket's manifest, or None if it is missing or malformed."""
        try:
            data = self.s3.get_object(Bucket=self.bucket, Key=manifests.NAME)["Body"].read()
            return manifests.parse(data, f"s3://{self.bucket}/{manifests.NAME}")
        except (self.s3.exceptions.NoSuchKey, InputError):
            return None

    def published(self) -> tuple[Published | None, str | None]:
        """Return the last verified publication and the ETag of its state. Both may be None."""
        try:
            answer = self.s3.get_object(Bucket=self.metadata_bucket, Key=STATE_KEY)
        except self.s3.exceptions.NoSuchKey:
            return None, None
        try:
            return _published(json.loads(answer["Body"].read())), answer["ETag"]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"s3://{self.metadata_bucket}/{STATE_KEY}",
                f"expected the state of the last publication, found {type(error).__name__}",
                "Delete the object. The next publication then invalidates all files.",
            ) from error

    def begin(self, plan: Publication, known: Published | None, etag: str | None) -> bool:
        """Store that the execution of `plan` changes the bucket from now on.

        `known` and `etag` are the state from which the plan was made. Return False if the state has
        changed since.
        """
        if known is not None and known.publishing == plan.execution:
            return True
        return self._replace(publication.begun(plan, known), etag)

    def is_held_by(self, execution: str) -> bool:
        """Return whether no later execution has begun to publish since `execution` did.

        Also True if a person deleted the state.
        """
        known = self.published()[0]
        return known is None or known.publishing == execution

    def remember(self, verified: Published, etag: str | None) -> bool:
        """Store the last verified publication over the state with `etag`. Return False if it
        changed."""
        return self._replace(verified, etag)

    def _replace(self, state: Published, etag: str | None) -> bool:
        """Replace the state that has `etag` (None: create it). Return False if that changed."""
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
            stored, stored_etag = self.published()
            if stored == state:
                return True  # this write took effect, and its answer was lost
            if stored_etag != etag:
                return False
        raise RemoteCallError(
            f"s3://{self.metadata_bucket}/{STATE_KEY}",
            f"a conditional write was refused {ATTEMPTS} times, although the object did not change",
            "Retry the stage.",
        )

    def prune(self, keys: Sequence[str]) -> None:
        """Delete `keys`. Raises RemoteCallError that names the first key that cannot be deleted."""
        for start in range(0, len(keys), DELETE_LIMIT):
            part = keys[start : start + DELETE_LIMIT]
            answer = self.s3.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": [{"Key": key} for key in part], "Quiet": True},
            )
            for error in answer.get("Errors", []):
                raise RemoteCallError(
                    f"s3://{self.bucket}/{error.get('Key')}",
                    f"the file is no longer used and cannot be deleted ({error.get('Code')})",
                    "Check the function's permission to delete objects, then retry the stage.",
                )


def _published(body: Mapping[str, Any]) -> Published:
    retained = {key: Retained(**file) for key, file in body["retained"].items()}
    return Published(**{**body, "lasting": tuple(body["lasting"]), "retained": retained})
