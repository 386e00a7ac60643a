"""Fetches the website's manifest as visitors get it through the CDN, and compares releases."""

import hashlib
import http.client
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote

from phaseline.algorithms.names import TYPES
from phaseline.errors import ConfigurationError, InputError, RemoteCallError

NAME = "phaseline.json"
SCHEMA = 1
SIZE_LIMIT = 16 * 1024 * 1024
"""The most bytes of a manifest. 50,000 algorithms need 4 MiB if names and versions have 40
characters, and 13 MiB if they have 128, which is their limit."""
TIMEOUT = 30.0
"""Seconds for the whole response."""


@dataclass(frozen=True)
class ServedDocument:
    """The document from which the website was built, with the active version of each algorithm."""

    version_id: str
    revision: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class ServedManifest:
    """The sources from which the website was built. `digest` is the manifest's MD5 in hex."""

    commit: str
    execution: str
    documents: Mapping[str, ServedDocument]
    digest: str

    @property
    def revisions(self) -> dict[str, int]:
        return {type_: document.revision for type_, document in self.documents.items()}

    @property
    def versions(self) -> dict[str, Mapping[str, str]]:
        """The served versions by type and algorithm."""
        return {type_: document.versions for type_, document in self.documents.items()}


def parse(data: bytes, where: str) -> ServedManifest:
    """Return the manifest in `data`, which has a document of each type and of no other.

    Raises InputError that names `where` and the field. A missing document can't be told from an
    older one, so a manifest without it proves nothing.
    """
    try:
        manifest = _manifest(json.loads(data), digest(data))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            where,
            f"expected a manifest of schema {SCHEMA}, found {type(error).__name__}: {error}",
            "The frontend's build must write it. See examples/frontend.",
        ) from error
    missing = [type_ for type_ in TYPES if type_ not in manifest.documents]
    unknown = sorted(manifest.documents.keys() - set(TYPES))
    if missing or unknown:
        found = [f"no document {type_!r}" for type_ in missing]
        found += [f"an unknown document {type_!r:.80}" for type_ in unknown]
        raise InputError(
            where,
            f"documents: expected {', '.join(TYPES)}, found {' and '.join(found)}",
            "The frontend's build must name each document that it read. See examples/frontend.",
        )
    return manifest


def _manifest(body: Mapping[str, Any], digest: str) -> ServedManifest:
    if body["schema"] != SCHEMA:
        raise ValueError(f"schema {body['schema']!r}")
    return ServedManifest(
        commit=_text(body, "commit"),
        execution=_text(body, "execution"),
        documents={name: _document(entry) for name, entry in body["documents"].items()},
        digest=digest,
    )


def _document(entry: Mapping[str, Any]) -> ServedDocument:
    revision, versions = entry["revision"], entry["versions"]
    if type(revision) is not int or revision < 0:
        raise ValueError(f"revision {revision!r}")
    if not all(isinstance(version, str) for version in versions.values()):
        raise ValueError("a version that is not text")
    return ServedDocument(_text(entry, "version_id"), revision, dict(versions))


def _text(holder: Mapping[str, Any], name: str) -> str:
    if not isinstance(holder[name], str) or not holder[name]:
        raise ValueError(f"{name} {holder[name]!r}")
    return str(holder[name])


def digest(data: bytes) -> str:
    """Return the MD5 of `data` in hex, which is the ETag of an S3 object written in one part."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def stream_digest(content: IO[bytes]) -> str:
    """Return the MD5 of a file in hex, without reading the whole file into memory."""
    md5 = hashlib.md5(usedforsecurity=False)
    while piece := content.read(1024 * 1024):
        md5.update(piece)
    return md5.hexdigest()


def fetch(
    site_url: str, *, timeout: float = TIMEOUT, clock: Callable[[], float] = time.monotonic
) -> ServedManifest:
    """Return the manifest of the website at `site_url`, within `timeout` seconds.

    Raises ConfigurationError if the address is not http or https, RemoteCallError if the request
    fails, and InputError if the response is not a manifest.
    """
    data, _ = _read(site_url, NAME, timeout, clock)
    return parse(data, f"{site_url.rstrip('/')}/{NAME}")


@dataclass(frozen=True)
class ServedFile:
    """A file as visitors get it: its MD5 in hex, and the headers by their names in lower case."""

    digest: str
    headers: Mapping[str, str]


def fetch_file(
    site_url: str,
    key: str,
    *,
    timeout: float = TIMEOUT,
    clock: Callable[[], float] = time.monotonic,
) -> ServedFile:
    """Return a file as visitors get it. `key` is its key in the website's bucket.

    Raises the errors of `fetch`.
    """
    data, headers = _read(site_url, quote(key), timeout, clock)
    return ServedFile(digest(data), headers)


def _read(
    site_url: str, path: str, timeout: float, clock: Callable[[], float]
) -> tuple[bytes, dict[str, str]]:
    if not site_url.startswith(("https://", "http://")):
        raise ConfigurationError(
            site_url or "SITE_URL", "expected an http or https address", "Correct the SiteUrl."
        )
    url = f"{site_url.rstrip('/')}/{path}"
    request = urllib.request.Request(url, headers={"User-Agent": "phaseline"})  # noqa: S310
    until = clock() + timeout
    data = bytearray()
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
            headers = {name.lower(): value for name, value in response.headers.items()}
            # In pieces: the socket's time-out alone would let a dripping answer last for ever.
            while len(data) <= SIZE_LIMIT and (piece := response.read1(64 * 1024)):
                data += piece
                if clock() > until:
                    raise TimeoutError(f"the response took longer than {timeout} s")
    except (OSError, http.client.HTTPException) as error:
        raise RemoteCallError(
            url, f"the request failed ({error or type(error).__name__})", "Open it in a browser."
        ) from error
    if len(data) > SIZE_LIMIT:
        raise RemoteCallError(
            url, f"expected at most {SIZE_LIMIT} bytes, found more", "Open it in a browser."
        )
    return bytes(data), headers
