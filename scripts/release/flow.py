"""A release, step by step: metadata, execution, invalidation, proof and report.

Each step looks first whether it is done, and adopts what another one did.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.documents import diff
from phaseline.errors import DeploymentError, InputError, RemoteCallError
from phaseline.pipeline.ensure import Adopted, carrier
from phaseline.pipeline.executions import SOURCES
from phaseline.site import live, manifests, proof
from phaseline.site.manifests import ServedManifest
from phaseline.slack import rendering
from scripts import slack
from scripts.cli import invocation
from scripts.cli.console import Console
from scripts.release import invalidation, journal, pipeline
from scripts.release.follow import follow
from scripts.release.journal import Differences, Journal
from scripts.release.subject import Subject
from scripts.services import Services

VERIFY_TIMEOUT = 600.0
"""Seconds until visitors must get what was published: the cache was invalidated before."""
PIPELINE = "Pipeline"
"""The step whose failure the pipeline tells by itself."""
UNVERIFIED = "slack#unverified"
"""The claim of a message about an execution that went well without its release being proved."""


@dataclass(frozen=True)
class Release:
    """One release: `make` writes or finds the documents' versions, the journal keeps what is done,
    `timeout` bounds the pipeline, in seconds."""

    services: Services
    console: Console
    journal: Journal
    make: Callable[[], tuple[Subject, ...]]
    timeout: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    fetch: Callable[[str], ServedManifest] = manifests.fetch

    def preview(self) -> None:
        """Say what would be done, and change nothing."""
        subjects = self._ensure_metadata()
        with self.console.step("Differences") as step:
            shown = self.journal.differences = self._differences(subjects)
            step.result = f"documents: {len(shown.documents)}, website: {len(shown.website)}"
        for subject in subjects:
            with self.console.step("Pipeline execution") as step:
                step.result = self._foresee(subject)
        self.journal.outcome = journal.DRY_RUN

    def _differences(self, subjects: tuple[Subject, ...]) -> Differences:
        """What would change, on the website also by what is not served yet of earlier changes."""
        after = {subject.type: subject.after for subject in subjects}
        for type_ in TYPES:
            if type_ not in after:
                after[type_] = self.services.documents.read(type_).document
        try:
            shown = self.fetch(self.services.environment.site_url)
        except (RemoteCallError, InputError) as error:
            website: tuple[str, ...] = (f"it shows nothing to compare with: {error.found}",)
        else:
            website = tuple(map(str, diff.compare_website(shown.versions, after.values())))
        return Differences(
            documents=tuple(
                str(difference)
                for subject in subjects
                for difference in diff.compare_documents(subject.before, subject.after)
            ),
            website=website,
            text="".join(diff.unified_diff(subject.before, subject.after) for subject in subjects),
        )

    def _foresee(self, subject: Subject) -> str:
        if subject.document_version is None:
            return "the new version of the document would start one"
        newest = self.services.executions.newest()
        carried = carrier(SOURCES[subject.type], subject.document_version, newest, None)
        if isinstance(carried, Adopted):
            self._adopt(carried.execution)
            return f"{carried.execution} would be adopted"
        return "one would be started, unless its event does"

    def run(self) -> None:
        """Every step, in order; each may find itself done."""
        started = invocation.now()
        subjects = self._ensure_metadata()
        shown = [self._see_through(subject) for subject in subjects]
        self.journal.outcome = journal.DONE if self.journal.did else journal.ALREADY_DONE
        if not all(shown):
            self.journal.outcome = journal.SUPERSEDED
        with self.console.step("Report") as step:
            self._stamp(subjects, started)
            step.result = "nothing to tell"
            if self.journal.outcome == journal.DONE:
                step.result = self.tell(None).note

    def _see_through(self, subject: Subject) -> bool:
        """From the document's version to the proof; False where something newer is shown."""
        execution, done = self._ensure_execution(subject)
        self._follow(execution, done=done)
        self._ensure_invalidation(execution)
        return self._verify(subject)

    def _stamp(self, subjects: tuple[Subject, ...], started: str) -> None:
        """Note in the ledger which workflow run saw the releases through."""
        run = invocation.run_url()
        for release in (release for subject in subjects for release in subject.releases):
            if run:
                self.services.ledger.stamp(
                    release, "workflow", at=invocation.now(), started=started, link=run
                )

    def _ensure_metadata(self) -> tuple[Subject, ...]:
        with self.console.step("Metadata") as step:
            self.journal.site_url = self.services.environment.site_url
            subjects = self.journal.subjects = self.make()
            self.journal.did |= any(subject.changed for subject in subjects)
            step.result = "; ".join(subject.note for subject in subjects)
        return subjects

    def _ensure_execution(self, subject: Subject) -> tuple[str, bool]:
        with self.console.step("Pipeline execution") as step:
            ensured = pipeline.ensure(
                self.services, subject.type, str(subject.document_version), subject.revision
            )
            self.journal.did |= not ensured.done
            step.url = self._adopt(ensured.execution)
            step.result = f"{ensured.execution}: {pipeline.describe(ensured)}"
            self.console.progress(f"  {step.url}")
        return ensured.execution, ensured.done

    def _adopt(self, execution: str) -> str:
        self.journal.execution = execution
        self.journal.execution_url = self.services.executions.url(execution)
        return self.journal.execution_url

    def _follow(self, execution: str, *, done: bool) -> None:
        with self.console.step(PIPELINE) as step:
            if done:
                step.result = "already done"
            else:
                ended = follow(self.services, self.console, execution, self.timeout)
                step.result = f"succeeded, {len(ended)} actions"

    def _ensure_invalidation(self, execution: str) -> None:
        with self.console.step("Invalidation") as step:
            invalidated = invalidation.ensure(self.services, execution)
            self.journal.did |= invalidated.id is not None and not invalidated.found
            step.result = invalidation.describe(invalidated)

    def _verify(self, subject: Subject) -> bool:
        """Wait for the proof and close the releases it proves; False where newer is shown."""
        site_url = self.services.environment.site_url
        with self.console.step("Website") as step:
            step.url = site_url
            manifest = proof.wait(
                self.fetch,
                site_url,
                type_=subject.type,
                revision=subject.revision,
                clock=self.clock,
                sleep=self.sleep,
                limit=VERIFY_TIMEOUT,
            )
            ledger = self.services.ledger
            open_releases = ledger.open_releases(subject.type)
            verdict = proof.close(
                ledger, manifest, open_releases, at=invocation.now(), link=site_url
            )
            self.journal.did |= bool(verdict.verified or verdict.superseded)
            self.services.lives.record(live.of(manifest, times.instant(datetime.now(UTC))))
            document = manifest.documents[subject.type]
            shown = _is_shown(subject, document.versions)
            step.result = f"{subject.type} revision {document.revision} is served"
            if not shown and document.revision == subject.revision:
                raise DeploymentError(
                    f"{site_url}/{manifests.NAME}",
                    f"it was built from revision {subject.revision} and shows other versions",
                    "Look at the frontend's build: its manifest must name what it was built from.",
                )
        return shown

    def tell(self, error: Exception | None) -> slack.Told:
        """Tell Slack how the release ended, where the pipeline's own messages do not."""
        kept = self.journal
        request = next(iter(kept.moves), None)
        message = rendering.reported(
            environment=kept.environment,
            succeeded=error is None,
            title=kept.request if error is None else f"{kept.request} failed",
            what=kept.sentence,
            facts={
                "Who": request.who if request else None,
                "Why": request.reason if request else None,
            },
            links={
                "Website": kept.site_url,
                "Pipeline": kept.execution_url,
                "Run": invocation.run_url(),
            },
        )
        claim = slack.PUBLISHED
        if error is not None:
            of_pipeline = isinstance(error, DeploymentError) and kept.steps[-1].step == PIPELINE
            claim = slack.FAILED if of_pipeline else UNVERIFIED
        return slack.tell(
            self.services,
            message,
            execution=kept.execution,
            claim=claim,
            revisions=[(subject.type, subject.revision) for subject in kept.subjects],
        )


def _is_shown(subject: Subject, versions: Mapping[str, str]) -> bool:
    """Whether the website shows what the subject made active."""
    return all(versions.get(move.algorithm) == move.after for move in subject.moves)
