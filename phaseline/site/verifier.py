"""Proves that visitors get what was published, then closes the releases and tidies up.

The bucket's own manifest is what the edge should serve. Where it is not this publication's any
more, a later execution published meanwhile, and the proof is left to that one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from phaseline import times
from phaseline.aws.wait import poll
from phaseline.errors import DeploymentError, InputError, RemoteCallError, TimedOutError
from phaseline.pipeline import jobs
from phaseline.pipeline.jobs import Continue, Done, Job
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED
from phaseline.site import live, manifests, proof, publication
from phaseline.site.bucket import Site
from phaseline.site.live import Lives
from phaseline.site.manifests import ServedManifest
from phaseline.site.outcomes import OVERTAKEN, SUPERSEDED
from phaseline.site.publication import Publication

PATIENCE = 10.0
"""Seconds that one invocation spends on looking."""
PAUSE = 2.0
AGE_LIMIT = 600.0
"""Seconds from the first look until it is given up. The cache was invalidated before, and keeps
the manifest for a minute; ten cover an edge that is slow to forget."""


@dataclass(frozen=True)
class Verification:
    """What verifying needs. `clock` counts seconds since the epoch, `pause` waits."""

    site: Site
    site_url: str
    ledger: Ledger
    lives: Lives
    fetch: Callable[[str], ServedManifest]
    pause: Callable[[float], None]
    clock: Callable[[], float]

    def run(self, job: Job) -> Done | Continue:
        """Look for some seconds; done once the edge serves this publication's manifest.

        Raises TimedOutError, saying what is served instead, after AGE_LIMIT.
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
            return self._finish(done, seen)
        if self.clock() - started > AGE_LIMIT:
            raise TimedOutError(
                f"{self.site_url}/{manifests.NAME}",
                f"expected the manifest of execution {done.execution}, {seen}, after {attempt}"
                f" attempts in {AGE_LIMIT:.0f} seconds",
                "Check the distribution's origin and cache policy, then retry the stage.",
            )
        return Continue({"started": started, "attempt": attempt + 1})

    def _overtaken(self, done: Publication) -> bool:
        manifest = self.site.manifest()
        if manifest is None:
            raise DeploymentError(
                f"s3://{self.site.bucket}/{manifests.NAME}",
                "the manifest was published and is not there any more",
                "Look for another writer of the bucket, then start the pipeline again.",
            )
        return manifest.digest != done.keys[manifests.NAME]

    def _look(self, done: Publication) -> ServedManifest | str:
        """The publication's manifest as the edge serves it, or what is found in its place."""
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

    def _finish(self, done: Publication, manifest: ServedManifest) -> Done:
        """Close the releases, note what is live, prune, and remember: each may be repeated.

        Pruned and remembered is only as long as no later execution has begun to publish: it may
        want a stale file again, and its doubt must stay.
        """
        state, etag = self.site.published()
        if self._overtaken(done):  # while it was looked for
            return Done({"outcome": OVERTAKEN})
        present = self.site.listing().keys()
        if missing := sorted(done.keys.keys() - present):
            raise DeploymentError(
                f"s3://{self.site.bucket}/{missing[0]}",
                f"{len(missing)} published files are not there any more",
                "Start the pipeline again: it uploads what is missing.",
            )
        now = datetime.fromtimestamp(self.clock(), UTC)
        open_releases = [
            release for type_ in manifest.documents for release in self.ledger.open_releases(type_)
        ]
        verdict = proof.close(
            self.ledger, manifest, open_releases, at=times.second(now), link=self.site_url
        )
        self.lives.record(live.of(manifest, times.instant(now)))
        if state is None or state.publishing == done.execution:
            self.site.prune([key for key in done.stale if key in present])
            self.site.remember(done, etag)
        return Done(
            {
                "outcome": VERIFIED,
                "verified": str(len(verdict.verified)),
                "superseded": str(len(verdict.superseded)),
            }
        )
