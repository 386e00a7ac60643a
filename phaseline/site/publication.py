"""Pure: plans the changes of one publication to the website's bucket.

The Publish action passes the plan to Invalidate and Verify as the pipeline's artifact
`Publication`, a zip with publication.json. The state of the last verified publication is the object
state/published.json.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from mimetypes import MimeTypes
from typing import Any

from phaseline.errors import InputError
from phaseline.site.manifests import NAME as MANIFEST
from phaseline.site.manifests import ServedManifest
from phaseline.site.outcomes import PUBLISHED, SUPERSEDED

FILE = "publication.json"
SCHEMA = 1
HASHED = re.compile(r"\.[0-9a-f]{8,}\.[A-Za-z0-9]+$")
"""A name that changes with the content, such as style.3f9ac01b.css."""

# Only the table of the standard library, which is the same on every machine, and what it lacks.
_TYPES = MimeTypes()
for _type, _suffix in (
    ("application/manifest+json", ".webmanifest"),
    ("font/woff", ".woff"),
    ("font/woff2", ".woff2"),
    ("image/avif", ".avif"),
    ("image/webp", ".webp"),
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
):
    _TYPES.add_type(_type, _suffix)


@dataclass(frozen=True)
class Publication:
    """The plan of one execution's publication.

    `keys` maps each file of the build to its MD5 in hex. `changed` are the paths to invalidate
    (None for all). `stale` are the keys of the bucket that the build lacks. `documents` is the
    manifest's, as JSON. `outcome` is published, or superseded where the website shows newer
    documents than this build was made of; then nothing is done.
    """

    execution: str
    outcome: str
    changed: tuple[str, ...] | None
    keys: Mapping[str, str]
    stale: tuple[str, ...]
    documents: Mapping[str, Any]

    @property
    def revisions(self) -> dict[str, int]:
        return _revisions(self.documents)


@dataclass(frozen=True)
class Published:
    """The content of the bucket after the last verified publication.

    `publishing` is the execution that has begun to change that since, and is not verified yet:
    while there is one, caches may hold what it uploaded, even where it was restored later.
    """

    keys: Mapping[str, str]
    documents: Mapping[str, Any]
    execution: str
    publishing: str | None = None

    @property
    def revisions(self) -> dict[str, int]:
        return _revisions(self.documents)


def plan(
    *,
    execution: str,
    build: Mapping[str, str],
    manifest: ServedManifest,
    bucket: Mapping[str, str],
    in_bucket: ServedManifest | None,
    published: Published | None,
) -> Publication:
    """What to do to bring `build` (key -> MD5) into a `bucket` that holds key -> ETag.

    `in_bucket` is the bucket's own manifest. The build is too old if it is older than this manifest
    or than `published`, since the newest publication may not be verified yet.

    The changed files are invalidated if the bucket is as it was last verified, and if no execution
    has begun to change it since. Otherwise an earlier execution uploaded files and may not have
    invalidated them, so caches may have any content. Then all files are invalidated, which counts
    as one path.
    """
    floors = [known.revisions for known in (in_bucket, published) if known]
    superseded = any(is_older(manifest.revisions, floor) for floor in floors)
    changed = None
    if published and not published.publishing and published.keys == bucket:
        changed = tuple(sorted(f"/{key}" for key, _ in build.items() - bucket.items()))
    return Publication(
        execution=execution,
        outcome=SUPERSEDED if superseded else PUBLISHED,
        changed=changed,
        keys=dict(sorted(build.items())),
        stale=tuple(sorted(bucket.keys() - build.keys())),
        documents={type_: asdict(document) for type_, document in manifest.documents.items()},
    )


def is_older(revisions: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Return whether any document has a lower revision than in `other`."""
    return any(revisions.get(type_, 0) < revision for type_, revision in other.items())


def order(keys: Mapping[str, str], bucket: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The keys to upload, in groups: no group starts before the one before it is up.

    First what pages refer to, then the pages, then the manifest, which so never names what is
    not there. What the bucket holds already, by its ETag, is left out.
    """
    missing = sorted(key for key, digest in keys.items() if bucket.get(key) != digest)
    groups = (
        tuple(key for key in missing if not is_page(key) and key != MANIFEST),
        tuple(key for key in missing if is_page(key)),
        tuple(key for key in missing if key == MANIFEST),
    )
    return tuple(group for group in groups if group)


def is_page(key: str) -> bool:
    return key.endswith((".html", ".htm"))


def content_type(key: str) -> str:
    """The Content-Type of a file, by its name; text is UTF-8."""
    guessed, encoding = _TYPES.guess_type(key)
    if guessed is None or encoding is not None:
        return "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def cache_control(key: str) -> str:
    """For ever where the name changes with the content, else a minute and then ask again."""
    if HASHED.search(key):
        return "public, max-age=31536000, immutable"
    return "public, max-age=60, must-revalidate"


def render(publication: Publication) -> dict[str, bytes]:
    """Return the files of the artifact Publication."""
    text = json.dumps({"schema": SCHEMA} | asdict(publication), sort_keys=True)
    return {FILE: text.encode()}


def parse(data: bytes, where: str) -> Publication:
    """Return the publication in an artifact's zip. Raises InputError that names `where`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            body = json.loads(zipped.read(FILE))
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
    )


def _revisions(documents: Mapping[str, Any]) -> dict[str, int]:
    return {type_: document["revision"] for type_, document in documents.items()}
