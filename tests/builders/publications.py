"""Plans of publications, manifests and listings of buckets."""

from datetime import datetime, timedelta

from phaseline.site import publication
from phaseline.site.manifests import ServedDocument, ServedManifest
from phaseline.site.publication import Listed, Publication, Published

WRITTEN, HEADERS = "2026-11-24T20:00:00+00:00", "headers"


def manifest(**revisions: int) -> ServedManifest:
    """Return a manifest with these revisions."""
    documents = {
        name: ServedDocument(f"v{revision}", revision, {}) for name, revision in revisions.items()
    }
    return ServedManifest("c", "e", documents, "digest")


def published(keys: dict[str, str], **revisions: int) -> Published:
    """A state with these keys and revisions, whose files have their headers."""
    documents = {name: {"revision": revision} for name, revision in revisions.items()}
    return Published(
        keys=keys,
        documents=documents,
        execution="e0",
        headers=dict.fromkeys(keys, HEADERS),
        modified=dict.fromkeys(keys, WRITTEN),
    )


def listing(bucket: dict[str, str], modified: str = WRITTEN) -> dict[str, Listed]:
    """What is listed of a bucket that holds key -> MD5."""
    return {key: Listed(digest, modified) for key, digest in bucket.items()}


def plan(
    build: dict[str, str],
    bucket: dict[str, str],
    state: Published | None,
    *,
    revision: int = 1,
    in_bucket: ServedManifest | None = None,
) -> Publication:
    """Return the plan of a build whose document `opt` has this revision."""
    return publication.plan(
        execution="e1",
        at=WRITTEN,
        build=build,
        headers=dict.fromkeys(build, HEADERS),
        lasting=(),
        manifest=manifest(opt=revision),
        bucket=listing(bucket),
        in_bucket=in_bucket,
        published=state,
    )


def at(hours: float) -> str:
    """The time some hours after the first publication."""
    return (datetime.fromisoformat(WRITTEN) + timedelta(hours=hours)).isoformat()


class Site:
    """A website with a script for each page, published and verified at times in hours."""

    def __init__(self) -> None:
        self.bucket: dict[str, Listed] = {}
        self.state: Published | None = None
        self.number = 0

    def begin(self, hours: float, *scripts: str) -> Publication:
        """An execution uploads a build."""
        self.number += 1
        build = {f"{name}.js": name for name in scripts} | {
            "index.html": " ".join(scripts),
            "phaseline.json": f"manifest {self.number}",
        }
        made = publication.plan(
            execution=f"e{self.number}",
            at=at(hours),
            build=build,
            headers={key: "kept" if key.endswith(".js") else HEADERS for key in build},
            lasting={"kept"},
            manifest=manifest(opt=1),
            bucket=self.bucket,
            in_bucket=None,
            published=self.state,
        )
        for key in (key for group in publication.order(build, self.bucket, {}) for key in group):
            self.bucket[key] = Listed(build[key], at(hours))
        self.state = publication.begun(made, self.state)
        return made

    def verify(self, made: Publication) -> None:
        """It is verified, which removes files unless a later one has begun."""
        after = publication.verified(made, self.bucket, self.state)
        if after.publishing is None:
            for key in publication.removed(made, after):
                self.bucket.pop(key, None)
        self.state = after

    def publish(self, hours: float, *scripts: str) -> Publication:
        made = self.begin(hours, *scripts)
        self.verify(made)
        return made

    @property
    def scripts(self) -> set[str]:
        return {key.removesuffix(".js") for key in self.bucket if key.endswith(".js")}
