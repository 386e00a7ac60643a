"""Proves that visitors get the published website, then closes the releases and deletes old files.

The CDN must serve the manifest that is in the bucket. If the bucket has the manifest of a later
execution, that execution proves its publication.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from phaseline import times
from phaseline.aws.wait import poll
from phaseline.errors import DeploymentError, InputError, RemoteCallError, TimedOutError
from phaseline.pipeline import jobs
from phaseline.pipeline.jobs import Continue, Done, Job
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED, Release
from phaseline.site import invalidation_paths, live, manifests, proof, publication
from phaseline.site.bucket import Site
from phaseline.site.cdn import Cdn, Progress
from phaseline.site.live import Lives
from phaseline.site.manifests import ServedManifest
from phaseline.site.outcomes import OVERTAKEN, SUPERSEDED
from phaseline.site.publication import Listed, Publication, Published

PATIENCE = 10.0
"""Seconds for which one invocation polls the website."""
PAUSE = 2.0
ATTEMPTS = 3
"""Attempts to remember what was verified. Only an execution that begins to publish changes the
state meanwhile."""
CLOSES = 1_000
"""Releases that one invocation closes. Each is a write to the ledger, WRITERS at a time."""
AGE_LIMIT = 600.0
"""Seconds from the first request until the action fails. The cache was invalidated before, and
keeps the manifest for a minute. Ten minutes allow for a slow edge location."""


@dataclass(frozen=True)
class Verification:
    """Verifies publications. `clock` returns seconds since the epoch."""

    site: Site
    site_url: str
    ledger: Ledger
    lives: Lives
    cdn: Cdn
    fetch: Callable[[str], ServedManifest]
    pause: Callable[[float], None]
    clock: Callable[[], float]

    def run(self, job: Job) -> Done | Continue:
        """Poll the website until it serves this publication's manifest, for PATIENCE seconds.

        Raises TimedOutError after AGE_LIMIT, with the manifest that is served instead.
        """
        source = job.input("Publication")
        done = publication.parse(jobs.read(self.site.s3, source) or b"", source.where)
        if done.outcome == SUPERSEDED:
            return Done({"outcome": SUPERSEDED})
        if self._overtaken(done):
            return Done({"outcome": OVERTAKEN})
        progress = job.progress or {}
        started = float(progress.get("started", self.clock()))
        attempt = int(progress.get("attempt", 1))
        seen = self._look(done)
        if isinstance(seen, ServedManifest):
            return self._finish(done, seen, progress)
        if self.clock() - started > AGE_LIMIT:
            raise TimedOutError(
                f"{self.site_url}/{manifests.NAME}",
                f"expected the manifest of execution {done.execution}, {seen}, after {attempt}"
                f" attempts in {AGE_LIMIT:.0f} seconds",
                "Check the distribution's origin and cache policy. Then retry the stage.",
            )
        return Continue({"started": started, "attempt": attempt + 1})

    def _overtaken(self, done: Publication) -> bool:
        """Return whether the bucket has the manifest of a later execution.

        Raises DeploymentError if it has none, or another one although no later execution has begun.
        """
        manifest = self.site.manifest()
        if manifest is None:
            raise DeploymentError(
                f"s3://{self.site.bucket}/{manifests.NAME}",
                "the published manifest is missing",
                "Check that nothing else writes to the bucket. Then start the pipeline again.",
            )
        if manifest.digest == done.keys[manifests.NAME]:
            return False
        state, _ = self.site.published()
        if state and state.publishing == done.execution:
            raise DeploymentError(
                f"s3://{self.site.bucket}/{manifests.NAME}",
                f"it is that of execution {manifest.execution}, and no execution began to publish"
                f" after {done.execution}",
                "Check that nothing else writes to the bucket. Then start the pipeline again.",
            )
        return True

    def _look(self, done: Publication) -> ServedManifest | str:
        """Return the publication's manifest, or a description of what is served instead."""
        found = ""

        def look() -> ServedManifest | None:
            nonlocal found
            try:
                manifest = self.fetch(self.site_url)
            except (RemoteCallError, InputError) as error:
                found = f"found: {error.found}"
                return None
            found = f"found that of execution {manifest.execution}"
            return manifest if manifest.digest == done.keys[manifests.NAME] else None

        manifest = poll(look, clock=self.clock, sleep=self.pause, limit=PATIENCE, pauses=(PAUSE,))
        return manifest or found

    def _finish(
        self, done: Publication, manifest: ServedManifest, progress: Mapping[str, Any]
    ) -> Done | Continue:
        """Close the releases, record what is live, delete old files and store the verified state.

        Each of these may be repeated.
        """
        if self._overtaken(done):  # a later execution published meanwhile
            return Done({"outcome": OVERTAKEN})
        bucket = self.site.listing()
        self._check(done, bucket)
        if not progress.get("closed"):
            progress = {**progress, **self._close(manifest, progress.get("ended", {}))}
            if not progress["closed"]:
                return Continue(progress)
            self.lives.record(live.of(manifest, done.number, times.instant(self._now())))
        for _ in range(ATTEMPTS):
            state, etag = self.site.published()
            if state and state.number >= done.number:
                break  # an earlier delivery remembered it, or a later publication is verified
            after = publication.verified(done, bucket, state)
            if after.publishing is None:
                waiting = self._remove(done, after, bucket, progress.get("removal"))
                if waiting:
                    return Continue({**progress, "removal": waiting.token()})
            if self.site.remember(after, etag):
                break
        counts = {name: str(count) for name, count in progress["ended"].items()}
        return Done({"outcome": VERIFIED, **counts})

    def _check(self, done: Publication, bucket: Mapping[str, Listed]) -> None:
        """Raises DeploymentError if a published file is missing, or was replaced by others than a
        later execution."""
        wrong = sorted(
            key for key, digest in done.keys.items() if _digest(bucket.get(key)) != digest
        )
        lost = [key for key in wrong if key not in bucket]
        if lost or (wrong and self.site.is_held_by(done.execution)):
            found = "are not there any more" if lost else "have another content"
            raise DeploymentError(
                f"s3://{self.site.bucket}/{(lost or wrong)[0]}",
                f"{len(lost or wrong)} published files {found}",
                "Start the pipeline again: it uploads what is missing.",
            )

    def _close(self, manifest: ServedManifest, ended: Mapping[str, int]) -> dict[str, Any]:
        """Close up to CLOSES of the releases that the manifest proves.

        Return the progress: whether all are `closed`, and the numbers of those that `ended` so far.
        Closed releases are not open any more, so the next invocation begins with the others, and no
        invocation reads more than it closes.
        """
        ending = list(islice(self._ending(manifest), CLOSES + 1))
        at = times.second(self._now())
        verdict = proof.close(self.ledger, manifest, ending[:CLOSES], at=at, link=self.site_url)
        counts = {
            "verified": ended.get("verified", 0) + len(verdict.verified),
            "superseded": ended.get("superseded", 0) + len(verdict.superseded),
        }
        return {"closed": len(ending) <= CLOSES, "ended": counts}

    def _ending(self, manifest: ServedManifest) -> Iterator[Release]:
        """Yield the open releases that the manifest ends. The ledger has them by revision."""
        for type_, document in manifest.documents.items():
            for release in self.ledger.open_releases(type_):
                if release.revision is None or release.revision > document.revision:
                    break
                yield release

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def _remove(
        self,
        done: Publication,
        after: Published,
        bucket: Mapping[str, Listed],
        token: Mapping[str, Any] | None,
    ) -> Progress | None:
        """Delete the files that need not stay, and then invalidate them.

        Return the progress of the invalidation, or None if it is complete. The files are deleted
        first, because otherwise a visitor's request would put them into the cache again. All of
        them are invalidated, including those that an earlier invocation deleted before it failed.
        No file is deleted while a later execution publishes, because its build may have an old file
        again.
        """
        removed = publication.removed(done, after)
        self.site.prune([key for key in removed if key in bucket])
        paths = invalidation_paths.paths([f"/{key}" for key in removed])
        if not paths:
            return None
        progress = Progress(**token) if token else Progress(started=self.clock())
        result = self.cdn.advance(f"{done.execution}-removed", paths, progress)
        return result if isinstance(result, Progress) else None


def _digest(listed: Listed | None) -> str | None:
    return listed.digest if listed else None
