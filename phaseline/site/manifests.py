"""What the website really serves: its phaseline.json, as any visitor gets it, cache included."""

import hashlib
import http.client
import json
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote

from phaseline.errors import ConfigurationError, InputError, RemoteCallError
from phaseline.releases.release import SUPERSEDED, VERIFIED, Release

NAME = "phaseline.json"
SCHEMA = 1
SIZE_LIMIT = 16 * 1024 * 1024
"""Bytes of a manifest that are read. 50,000 algorithms need 4 MiB with names and versions of 40
characters, and 13 MiB with the longest, 128 each."""
TIMEOUT = 5.0
"""Seconds for the whole answer."""


@dataclass(frozen=True)
class ServedDocument:
    """The metadata document that the site was built from: its algorithms' active versions."""

    version_id: str
    revision: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class ServedManifest:
    """What the site was built from. `digest` is the MD5 of the manifest's own bytes, in hex."""

    commit: str
    execution: str
    documents: Mapping[str, ServedDocument]
    digest: str

    @property
    def revisions(self) -> dict[str, int]:
        return {type_: document.revision for type_, document in self.documents.items()}

    @property
    def versions(self) -> dict[str, Mapping[str, str]]:
        """The versions that visitors see, by type and algorithm."""
        return {type_: document.versions for type_, document in self.documents.items()}


@dataclass(frozen=True)
class Verdict:
    """What a manifest says about open releases: served, overtaken, or not built from yet."""

    verified: tuple[Release, ...]
    superseded: tuple[Release, ...]
    waiting: tuple[Release, ...]

    @property
    def ends(self) -> tuple[tuple[tuple[Release, ...], str], ...]:
        """The releases that it ends, with the state in which they do."""
        return (self.verified, VERIFIED), (self.superseded, SUPERSEDED)


def parse(data: bytes, where: str) -> ServedManifest:
    """The manifest in `data`. Raises InputError, naming `where` and the field."""
    try:
        return _manifest(json.loads(data), digest(data))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            where,
            f"expected a manifest of schema {SCHEMA}, found {type(error).__name__}: {error}",
            "The frontend's build must write it: see examples/frontend.",
        ) from error


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
    if type(revision) is not int:
        raise ValueError(f"revision {revision!r}")
    if not all(isinstance(version, str) for version in versions.values()):
        raise ValueError("a version that is not text")
    return ServedDocument(_text(entry, "version_id"), revision, dict(versions))


def _text(holder: Mapping[str, Any], name: str) -> str:
    if not isinstance(holder[name], str):
        raise ValueError(f"{name} {holder[name]!r}")  # noqa: TRY004 - one kind of bad content
    return str(holder[name])


def digest(data: bytes) -> str:
    """The MD5 of `data` in hex: the ETag that S3 gives an object written in one part."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def stream_digest(content: IO[bytes]) -> str:
    """The same of a file, without holding it in memory."""
    known = hashlib.md5(usedforsecurity=False)
    while piece := content.read(1024 * 1024):
        known.update(piece)
    return known.hexdigest()


def fetch(
    site_url: str, *, timeout: float = TIMEOUT, clock: Callable[[], float] = time.monotonic
) -> ServedManifest:
    """The manifest behind `site_url`, within `timeout` seconds.

    Raises ConfigurationError for an address that is not http or https, RemoteCallError where no
    answer of use arrives, InputError where the answer is no manifest.
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
    """A file as visitors get it; `key` is its key in the website's bucket.

    Raises as `fetch` does.
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
                    raise TimeoutError(f"the answer took longer than {timeout} s")
    except (OSError, http.client.HTTPException) as error:
        raise RemoteCallError(
            url, f"no answer of use ({error or type(error).__name__})", "Open it in a browser."
        ) from error
    if len(data) > SIZE_LIMIT:
        raise RemoteCallError(
            url, f"expected at most {SIZE_LIMIT} bytes, found more", "Look at what is served there."
        )
    return bytes(data), headers


def compare(manifest: ServedManifest, releases: Iterable[Release]) -> Verdict:
    """Sort open `releases` by what `manifest` shows.

    A release counts once its document's revision, or a later one, was built. It is verified
    where its version is the one shown (for a withdrawal that leaves none: where none is shown),
    and superseded where another is.
    """
    verified, superseded, waiting = [], [], []
    for release in releases:
        document = manifest.documents.get(release.type)
        if document is None or release.revision is None or release.revision > document.revision:
            waiting.append(release)
        elif document.versions.get(release.algorithm) == release.version:
            verified.append(release)
        else:
            superseded.append(release)
    return Verdict(tuple(verified), tuple(superseded), tuple(waiting))
