"""Pure: compares the website with the documents, its bucket and the CDN."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phaseline.documents import diff
from phaseline.documents.document import Document
from phaseline.documents.store import Stored
from phaseline.drift.release_rules import listed
from phaseline.drift.report import Finding, Repair
from phaseline.errors import InputError
from phaseline.site import headers, manifests, publication
from phaseline.site.manifests import ServedFile, ServedManifest
from phaseline.site.publication import Listed, Published

BUILD, INVALIDATE = Repair("build"), Repair("invalidate")
WEBSITE = "website"


@dataclass(frozen=True)
class Website:
    """The state of the website.

    `bucket` is the listing of its bucket, `manifest` the manifest there, and `published` the last
    verified state. `served` is the manifest that visitors get, the error in it, or None if it could
    not be fetched. `pages` are the pages as visitors get them. `sources` contains the document
    versions that `manifest` names, if they exist.
    """

    bucket: Mapping[str, Listed]
    manifest: ServedManifest | None
    published: Published | None
    served: ServedManifest | InputError | None
    pages: Mapping[str, ServedFile]
    sources: Mapping[str, Document]


def website(site: Website, newest: Mapping[str, Stored]) -> Iterator[Finding]:
    """Yield the differences of the website from the `newest` documents, the last verified state and
    its bucket."""
    yield from _bucket(site, newest)
    if site.manifest:
        for stored in newest.values():
            yield from _source(site, site.manifest, stored)
        yield from _cache(site, site.manifest)


def _bucket(site: Website, newest: Mapping[str, Stored]) -> Iterator[Finding]:
    fault = ""
    if site.manifest is None:
        if site.published or any(stored.document.revision for stored in newest.values()):
            fault = f"its bucket has no {manifests.NAME} that can be read"
    elif site.published and site.published.publishing:
        fault = f"execution {site.published.publishing} began to publish, which was never verified"
    elif site.published and (names := _rewritten(site.bucket, site.published)):
        fault = f"its bucket is not as it was published: {listed(names)}"
    if fault:
        yield _built("wrong-site", fault, f"The website is in doubt: {fault}.")


def _rewritten(bucket: Mapping[str, Listed], published: Published) -> list[str]:
    """Return the keys of the objects that others have written or deleted since they were verified.

    Whoever changes the headers of an object writes it again with the same content.
    """
    keys = sorted(bucket.keys() | published.keys.keys())
    return [key for key in keys if not published.is_as_written(key, bucket.get(key))]


def _source(site: Website, manifest: ServedManifest, stored: Stored) -> Iterator[Finding]:
    type_, document = stored.document.type, stored.document
    shown, source = manifest.documents.get(type_), site.sources.get(type_)
    revision = shown.revision if shown else 0
    if revision > document.revision:
        yield Finding(
            kind="edited-document",
            subject=f"document {type_}",
            found=f"revision {document.revision} after {revision}",
            sentence=f"An older document was restored: it has revision {document.revision}, but the"
            f" website was built from revision {revision} and refuses a lower one. Restore version"
            f" {shown.version_id if shown else ''}, then roll back the unwanted versions.",
        )
    elif document.revision and (shown is None or shown.version_id != stored.version_id):
        pending = diff.compare_website(manifest.versions, [document])
        yield _built(
            "old-site",
            f"{type_} {shown.version_id if shown else 'none'} instead of {stored.version_id}",
            f"The website was built from revision {revision} of the document '{type_}', but the"
            f" newest is {document.revision}"
            f" ({listed(pending) or 'visitors would see no difference'}).",
        )
    if shown and source:
        wrong = diff.compare_website(manifest.versions, [source])
        if wrong or source.revision != revision:
            yield _built(
                "wrong-site",
                f"{type_} {shown.version_id}: {listed(wrong)}",
                f"The website's manifest differs from version {shown.version_id} of the document"
                f" '{type_}' ({listed(wrong) or f'revision {source.revision}'}).",
            )


def _cache(site: Website, manifest: ServedManifest) -> Iterator[Finding]:
    # Where the bucket was edited the edge may well hold what was published, which is right.
    published = site.published.keys if site.published else {}
    present = publication.digests(site.bucket)

    def is_stale(key: str, digest: str) -> bool:
        return digest not in {present.get(key), published.get(key)}

    if site.served is None:
        return
    if isinstance(site.served, InputError):
        fault = f"no {manifests.NAME} that can be read"
    elif is_stale(manifests.NAME, site.served.digest):
        fault = f"{manifests.NAME} of execution {site.served.execution}, not {manifest.execution}"
    else:
        stale = sorted(key for key, page in site.pages.items() if is_stale(key, page.digest))
        wrong = sorted(
            f"{key} as {page.headers.get('content-type', 'nothing')}"
            for key, page in site.pages.items()
            if _has_other_headers(site, key, page)
        )
        if stale:
            fault = f"other content than its bucket: {listed(stale)}"
        elif wrong:
            fault = f"other headers than its bucket: {listed(wrong)}"
        else:
            return
    yield Finding(
        kind="old-cache",
        subject=WEBSITE,
        found=fault,
        sentence=f"The CDN serves {fault}. Invalidate it; then check the distribution's origin.",
        repair=INVALIDATE,
    )


def _has_other_headers(site: Website, key: str, page: ServedFile) -> bool:
    """Return whether the headers of a served page differ from those in the bucket."""
    published = site.published
    if published is None or not published.is_as_written(key, site.bucket.get(key)):
        return False
    return headers.served(page.headers).digest != published.headers.get(key)


def _built(kind: Any, found: str, sentence: str) -> Finding:
    """Return a finding that a build repairs."""
    remedy = "No execution is in progress: start the pipeline."
    return Finding(kind, WEBSITE, found, f"{sentence} {remedy}", BUILD)
