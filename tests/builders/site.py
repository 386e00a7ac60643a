"""The buckets of a website and builds to publish into them, for tests."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from phaseline import archive
from phaseline.algorithms.names import TYPES
from phaseline.site.bucket import Site
from phaseline.site.files import of
from phaseline.site.headers import Headers, served
from tests.events.jobs import EXECUTION

SECOND = timedelta(seconds=1)
SITE, METADATA, ARTIFACTS = "site", "metadata", "artifacts"
BUILD_KEY, PUBLICATION_KEY = "demo/Site/abc", "demo/Publicatio/def"
ENVIRONMENT = {
    "ENVIRONMENT": "demo",
    "SITE_BUCKET": SITE,
    "METADATA_BUCKET": METADATA,
    "LEDGER_TABLE": "ledger",
}


def make_buckets(s3: Any) -> None:
    """The three buckets, empty."""
    for bucket in (SITE, METADATA, ARTIFACTS):
        s3.create_bucket(Bucket=bucket)


def manifest(
    execution: str = EXECUTION, revision: int = 1, versions: Mapping[str, str] | None = None
) -> bytes:
    """A phaseline.json whose document `opt` has a revision, and whose others are new."""
    documents: dict[str, Any] = {
        type_: {"version_id": "v0", "revision": 0, "versions": {}} for type_ in TYPES
    }
    documents["opt"] = {
        "version_id": f"v{revision}",
        "revision": revision,
        "versions": dict(versions or {"route-planner": "2.1.0"}),
    }
    body = {
        "schema": 1,
        "commit": "c0ffee0",
        "execution": execution,
        "documents": documents,
    }
    return json.dumps(body).encode()


def build(s3: Any, files: Mapping[str, bytes], key: str = BUILD_KEY) -> None:
    """Store a build as the artifact of the Build action."""
    s3.put_object(Bucket=ARTIFACTS, Key=key, Body=archive.pack(files))


def raw_zip(*names: str) -> bytes:
    """A zip with files of these names, whatever they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name in names:
            zipped.writestr(name, b"x")
    return buffer.getvalue()


def contents(s3: Any, bucket: str = SITE) -> dict[str, bytes]:
    """What a bucket holds."""
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def publication(s3: Any, key: str = PUBLICATION_KEY) -> dict[str, Any]:
    """The publication.json in the artifact."""
    data = s3.get_object(Bucket=ARTIFACTS, Key=key)["Body"].read()
    body: dict[str, Any] = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("publication.json"))
    return body


def state(s3: Any) -> dict[str, Any]:
    """The state of what was last verified, and of who publishes."""
    answer = s3.get_object(Bucket=METADATA, Key="state/published.json")
    body: dict[str, Any] = json.loads(answer["Body"].read())
    return body


def md5(data: bytes) -> str:
    """The ETag of an object with this content."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def put_state(
    s3: Any,
    files: Mapping[str, bytes],
    revision: int,
    execution: str = "e0",
    publishing: str | None = None,
    **more: Any,
) -> None:
    """Store `files` as what the last verified publication left, before `publishing` began.

    It remembers the headers that the bucket's objects have, and has the number 1. `more` are other
    fields of the state.
    """
    listing = Site(s3, SITE, METADATA).listing()
    state = {
        "keys": {key: md5(data) for key, data in files.items()},
        "documents": json.loads(manifest(revision=revision))["documents"],
        "execution": execution,
        "publishing": publishing,
        "headers": {key: kept_headers(s3, key).digest for key in listing},
        "modified": {key: listed.modified for key, listed in listing.items()},
        "number": 1,
        "begun": 2 if publishing else 1,
        "lasting": [],
        "retained": {},
        "uploading": {},
    } | more
    s3.put_object(Bucket=METADATA, Key="state/published.json", Body=json.dumps(state).encode())


def kept_headers(s3: Any, key: str) -> Headers:
    """The headers that an object of the website is kept with."""
    answer = s3.head_object(Bucket=SITE, Key=key)
    return served({k.lower(): v for k, v in answer["ResponseMetadata"]["HTTPHeaders"].items()})


def published(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the website's bucket holds once a build of these files is published."""
    return {
        key: file.source if isinstance(file.source, bytes) else files[file.source]
        for key, file in of(files, lambda name: files[name], None).items()
    }


def rewrite(s3: Any, key: str, **headers: str) -> None:
    """Somebody copies an object onto itself in the console, a second after it was written, with
    other headers."""
    source = {"Bucket": SITE, "Key": key}
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", **headers)
    # Listings tell seconds, and a test takes less.
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[SITE].keys[key].last_modified += SECOND
