"""A bucket with versions in memory: the calls of `phaseline.documents.store`, with their errors."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from tests.simulator.remote import client_error


class NoSuchKeyError(type(client_error("", ""))):  # type: ignore[misc]
    """The error of a key without an object."""


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object."""

    key: str
    version_id: str
    etag: str
    body: bytes
    metadata: dict[str, str]


def _no_such_key(operation: str) -> Exception:
    error: Exception = NoSuchKeyError(client_error("NoSuchKey", operation, 404).response, operation)
    return error


class S3:
    """One bucket. `stored` is called with each new version."""

    exceptions = SimpleNamespace(NoSuchKey=NoSuchKeyError)

    def __init__(self, stored: Callable[[ObjectVersion], None] = lambda _: None) -> None:
        self.versions: dict[str, list[ObjectVersion]] = {}
        self._by_id: dict[tuple[str, str], ObjectVersion] = {}
        self._stored = stored

    def newest(self, key: str) -> ObjectVersion:
        """Return the newest version of an object."""
        return self.versions[key][-1]

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803
        del Bucket
        if Key not in self.versions:
            raise _no_such_key("GetObject")
        version = self._by_id.get((Key, VersionId)) if VersionId else self.newest(Key)
        if version is None:
            raise client_error("NoSuchVersion", "GetObject", 404)
        return {
            "Body": io.BytesIO(version.body),
            "ETag": version.etag,
            "VersionId": version.version_id,
            "Metadata": dict(version.metadata),
        }

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        Metadata: dict[str, str],  # noqa: N803
        ContentType: str = "",  # noqa: N803
        IfMatch: str | None = None,  # noqa: N803
        IfNoneMatch: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        del Bucket, ContentType
        versions = self.versions.setdefault(Key, [])
        if IfNoneMatch and versions:
            raise client_error("PreconditionFailed", "PutObject", 412)
        if IfMatch and not versions:
            raise _no_such_key("PutObject")
        if IfMatch and versions[-1].etag != IfMatch:
            raise client_error("PreconditionFailed", "PutObject", 412)
        etag = f'"{hashlib.md5(Body, usedforsecurity=False).hexdigest()}"'
        number = len(versions) + 1
        version = ObjectVersion(Key, f"{Key}-{number}", etag, Body, Metadata)
        versions.append(version)
        self._by_id[Key, version.version_id] = version
        self._stored(version)
        return {"ETag": etag, "VersionId": version.version_id}

    def list_object_versions(
        self,
        *,
        Bucket: str,  # noqa: N803
        Prefix: str,  # noqa: N803
        MaxKeys: int = 1000,  # noqa: N803
        KeyMarker: str | None = None,  # noqa: N803
        VersionIdMarker: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        del Bucket, KeyMarker
        newest_first = [
            version
            for key in sorted(self.versions)
            if key.startswith(Prefix)
            for version in reversed(self.versions[key])
        ]
        if VersionIdMarker:
            ids = [version.version_id for version in newest_first]
            newest_first = newest_first[ids.index(VersionIdMarker) + 1 :]
        listed = [{"Key": v.key, "VersionId": v.version_id} for v in newest_first[:MaxKeys]]
        return {"Versions": listed} if listed else {}
