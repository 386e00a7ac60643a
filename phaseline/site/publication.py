"""Pure: plans the changes of one publication to the website's bucket.

The Publish action passes the plan to Invalidate and Verify as the pipeline's artifact
`Publication`, a zip with publication.json. The state of the last verified publication is the object
state/published.json.
"""

import io
import json
import zipfile
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from phaseline import archive
from phaseline.errors import InputError
from phaseline.site.manifests import NAME as MANIFEST
from phaseline.site.manifests import ServedManifest
from phaseline.site.outcomes import PUBLISHED, SUPERSEDED

FILE = "publication.json"
SIZE_LIMIT = 128 * 1024**2
"""The most bytes of the file. It has each key of a build at most three times: 20,000 keys of 1,024
bytes, with a digest each."""
SCHEMA = 3
RETENTION = timedelta(hours=24)
"""How long a file whose name changes with its content stays after the publication that left it out.
A browser that holds an older page loads some of its scripts later. AWS Amplify serves an older
build to such a browser for as long.
https://aws-amplify.github.io/amplify-backend/types/_aws-amplify_hosting..SkewProtectionConfig.html
"""
RETAINED_LIMIT = 20_000
"""The most files that stay, the newest first. A build may have as many."""


@dataclass(frozen=True)
class Listed:
    """An object in the listing of the bucket: its ETag, and the time of its last write (ISO 8601).

    A listing has no headers. But a change of the headers is a write of the object, so the headers
    are unchanged while the time is.
    """

    digest: str
    modified: str


@dataclass(frozen=True)
class Publication:
    """The plan of one execution's publication.

    `keys` maps each file of the build to its MD5 in hex. `changed` contains the paths to
    invalidate, or is None for all paths. `stale` contains the keys of the bucket that the build
    lacks. `documents` is the manifest's, as JSON. `outcome` is published, or superseded if the
    website shows newer documents than those of the build. A superseded build is not uploaded.

    `headers` contains the digest of each file's headers. `again` names the files that have the
    right content in the bucket and perhaps other headers, with the time of their last write. They
    are uploaded again while the listing shows this time.

    `number` orders publications: it grows with each one that begins. `at` is the time at which it
    began, for people and for RETENTION (ISO 8601, UTC). `lasting` contains the digests of headers
    with which browsers may keep a file for ever.
    """

    execution: str
    outcome: str
    changed: tuple[str, ...] | None
    keys: Mapping[str, str]
    stale: tuple[str, ...]
    documents: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    again: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    at: str = ""
    lasting: tuple[str, ...] = ()

    @property
    def revisions(self) -> dict[str, int]:
        return _revisions(self.documents)


@dataclass(frozen=True)
class Retained:
    """A file of an earlier publication, as in the listing of the bucket.

    `since` is the time at which the first publication without it began (ISO 8601, UTC).
    """

    digest: str
    modified: str
    since: str


@dataclass(frozen=True)
class Published:
    """The content of the bucket after the last verified publication.

    `publishing` is the execution that has begun to change the content since and is not verified
    yet. Meanwhile, caches may hold the files that it uploaded, even if they were restored later.
    `headers` contains the digest of each file's headers, and `modified` the time of the write with
    these headers. A file that others wrote since has neither.

    `number` is that of the verified publication, and `begun` that of the newest one that began.
    `lasting` is the publication's. `retained` contains the files that stay for browsers with older
    pages. `uploading` contains the digests of the lasting files of all publications that began
    after it, because visitors may have their pages, too.
    """

    keys: Mapping[str, str]
    documents: Mapping[str, Any]
    execution: str
    publishing: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    modified: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    begun: int = 0
    lasting: tuple[str, ...] = ()
    retained: Mapping[str, Retained] = field(default_factory=dict)
    uploading: Mapping[str, str] = field(default_factory=dict)

    def is_as_written(self, key: str, listed: Listed | None) -> bool:
        """Return whether an object has the verified content and headers.

        A retained object may be missing, because nothing can restore it.
        """
        if kept := self.retained.get(key):
            return listed in (None, Listed(kept.digest, kept.modified))
        return listed == Listed(self.keys.get(key, ""), self.modified.get(key, ""))

    def is_content(self, present: Mapping[str, str]) -> bool:
        """Return whether a bucket has these files and no others except retained ones."""
        return self.keys == {
            key: digest
            for key, digest in present.items()
            if key not in self.retained or self.retained[key].digest != digest
        }

    def number_of(self, execution: str) -> int | None:
        """Return the number of an execution's publication if it is the verified or newest one."""
        if execution == self.publishing:
            return self.begun
        return self.number if execution == self.execution else None

    @property
    def revisions(self) -> dict[str, int]:
        return _revisions(self.documents)


def plan(
    *,
    execution: str,
    at: str,
    build: Mapping[str, str],
    headers: Mapping[str, str],
    lasting: Collection[str],
    manifest: ServedManifest,
    bucket: Mapping[str, Listed],
    in_bucket: ServedManifest | None,
    published: Published | None,
) -> Publication:
    """Return the plan for `build` (key -> MD5), with `headers` (key -> digest), and a `bucket`.

    `at` is the time, and `lasting` are the digests of headers with which browsers keep a file.

    `in_bucket` is the manifest in the bucket. The build is superseded if it is older than this
    manifest or than `published`, because the newest publication may not be verified yet.

    The changed files are invalidated if the bucket equals the last verified state, and if no
    execution has begun to change it since. Otherwise an earlier execution may have uploaded files
    without invalidating them, so caches may have any content. Then all files are invalidated, which
    counts as one path.
    """
    floors = [known.revisions for known in (in_bucket, published) if known]
    superseded = any(is_older(manifest.revisions, floor) for floor in floors)
    present = digests(bucket)
    again = {
        key: bucket[key].modified
        for key, digest in build.items()
        if present.get(key) == digest and not _has_headers(key, headers, bucket, published)
    }
    changed = None
    if published and not published.publishing and published.is_content(present):
        different = again.keys() | {key for key, _ in build.items() - present.items()}
        changed = tuple(sorted(f"/{key}" for key in different))
    return Publication(
        execution=execution,
        outcome=SUPERSEDED if superseded else PUBLISHED,
        changed=changed,
        keys=dict(sorted(build.items())),
        stale=tuple(sorted(bucket.keys() - build.keys())),
        documents={type_: asdict(document) for type_, document in manifest.documents.items()},
        headers=dict(sorted(headers.items())),
        again=dict(sorted(again.items())),
        number=_number(execution, published, at),
        at=at,
        lasting=tuple(sorted(lasting)),
    )


def _number(execution: str, published: Published | None, at: str) -> int:
    """Return the number of the publication that `execution` begins at the time `at`.

    It is higher than that of the state, even if the clock is wrong. It is at least the number of
    seconds since the epoch, so that it also grows after a person deleted the state or restored an
    earlier one.
    """
    if published and published.publishing == execution:
        return published.begun
    before = published.begun if published else 0
    return max(before + 1, int(datetime.fromisoformat(at).timestamp()))


def begun(plan: Publication, known: Published | None) -> Published:
    """Return the state after the execution of `plan` has begun to publish."""
    known = known or Published(keys={}, documents={}, execution="")
    lasting = {
        key: digest for key, digest in plan.keys.items() if plan.headers.get(key) in plan.lasting
    }
    # The newest come first, and stay if there are too many.
    files = {**lasting, **known.uploading, **lasting}
    uploading = dict(list(files.items())[:RETAINED_LIMIT])
    return replace(known, publishing=plan.execution, begun=plan.number, uploading=uploading)


def _has_headers(
    key: str,
    headers: Mapping[str, str],
    bucket: Mapping[str, Listed],
    published: Published | None,
) -> bool:
    """Return whether an object is known to have the right headers."""
    known = published is not None and published.is_as_written(key, bucket.get(key))
    return bool(known and published and published.headers.get(key) == headers.get(key))


def digests(bucket: Mapping[str, Listed]) -> dict[str, str]:
    """Return the ETags."""
    return {key: listed.digest for key, listed in bucket.items()}


def verified(
    done: Publication, bucket: Mapping[str, Listed], before: Published | None
) -> Published:
    """Return the state after `done` was verified, from the bucket and the state `before`.

    The manifest is written last. An object that was written after it is by others: its headers are
    unknown, and the next publication writes it again. A later execution that has begun stays in the
    state.
    """
    manifest = bucket.get(MANIFEST)
    until = manifest.modified if manifest and manifest.digest == done.keys.get(MANIFEST) else ""
    modified = {
        key: bucket[key].modified
        for key in done.keys
        if key in bucket and bucket[key].modified <= until
    }
    later = before is not None and before.publishing not in {None, done.execution}
    return Published(
        done.keys,
        done.documents,
        done.execution,
        publishing=before.publishing if before and later else None,
        headers=done.headers,
        modified=modified,
        number=done.number,
        begun=max(done.number, before.begun if before else 0),
        lasting=done.lasting,
        retained=_retained(done, bucket, before) if before else {},
        uploading=before.uploading if before and later else {},
    )


def _retained(
    done: Publication, bucket: Mapping[str, Listed], before: Published
) -> dict[str, Retained]:
    """Return the files that stay although `done` does not name them, or the newest if there are
    too many.

    These are the lasting files of the publication `before` and of those that began since, and
    earlier retained files that have not stayed for RETENTION. A file that somebody else wrote since
    does not stay.
    """
    dropped = {
        key: Retained(listed.digest, listed.modified, done.at)
        for key, listed in bucket.items()
        if (before.headers.get(key) in before.lasting and before.is_as_written(key, listed))
        or before.uploading.get(key) == listed.digest
    }
    end = datetime.fromisoformat(done.at) - RETENTION
    kept = {
        key: file
        for key, file in before.retained.items()
        if bucket.get(key) == Listed(file.digest, file.modified)
        and datetime.fromisoformat(file.since) > end
    }
    staying = [(file, key) for key, file in (dropped | kept).items() if key not in done.keys]
    staying.sort(key=lambda pair: (pair[0].since, pair[1]), reverse=True)
    return {key: file for file, key in staying[:RETAINED_LIMIT]}


def removed(done: Publication, after: Published) -> tuple[str, ...]:
    """Return the files to delete after `done` was verified, with the state `after` that."""
    return tuple(key for key in done.stale if key not in after.retained)


def is_older(revisions: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Return whether any document has a lower revision than in `other`."""
    return any(revisions.get(type_, 0) < revision for type_, revision in other.items())


def is_page(key: str) -> bool:
    """Return whether a file is a page, by its name."""
    return key.endswith((".html", ".htm", ".xhtml", ".xht"))


def order(
    keys: Mapping[str, str],
    bucket: Mapping[str, Listed],
    again: Mapping[str, str],
    written: Container[str] = (),
    page: Callable[[str], bool] = is_page,
) -> tuple[tuple[str, ...], ...]:
    """Return the keys to upload, in groups. A group starts after the previous one is uploaded.

    Files that pages refer to come first, then the pages, then the manifest. So the manifest never
    names a file that is missing. A file that the bucket has is left out: by its ETag or, if it is
    to be uploaded `again`, by the time of its last write or because it was `written`.
    """

    def is_there(key: str, digest: str) -> bool:
        listed = bucket.get(key)
        if listed is None or listed.digest != digest:
            return False
        return key in written or again.get(key) != listed.modified

    missing = sorted(key for key, digest in keys.items() if not is_there(key, digest))
    groups = (
        tuple(key for key in missing if not page(key) and key != MANIFEST),
        tuple(key for key in missing if page(key)),
        tuple(key for key in missing if key == MANIFEST),
    )
    return tuple(group for group in groups if group)


def render(publication: Publication) -> dict[str, bytes]:
    """Return the files of the artifact Publication."""
    text = json.dumps({"schema": SCHEMA} | asdict(publication), sort_keys=True)
    return {FILE: text.encode()}


def parse(data: bytes, where: str) -> Publication:
    """Return the publication in an artifact's zip. Raises InputError that names `where`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            body = json.loads(archive.read(zipped, FILE, SIZE_LIMIT))
        return _publication(body)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise InputError(
            where,
            f"expected a zip with {FILE} of schema {SCHEMA}, found {type(error).__name__}: {error}",
            "Set the output artifact of the Publish action as the input of this action.",
        ) from error


def _publication(body: Mapping[str, Any]) -> Publication:
    if body["schema"] != SCHEMA:
        raise ValueError(f"schema {body['schema']!r}")
    changed = body["changed"]
    return Publication(
        execution=body["execution"],
        outcome=body["outcome"],
        changed=None if changed is None else tuple(changed),
        keys=body["keys"],
        stale=tuple(body["stale"]),
        documents=body["documents"],
        headers=body["headers"],
        again=body["again"],
        number=body["number"],
        at=body["at"],
        lasting=tuple(body["lasting"]),
    )


def _revisions(documents: Mapping[str, Any]) -> dict[str, int]:
    return {type_: document["revision"] for type_, document in documents.items()}
