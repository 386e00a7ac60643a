"""The flow of a release: metadata, execution, invalidation, website and report.

Each step first checks whether its work is done, and adopts the work of others.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.documents import diff
from phaseline.errors import DeploymentError, InputError, RemoteCallError
from phaseline.pipeline.carrier import Adopted, carrier
from phaseline.pipeline.executions import SOURCES
from phaseline.pipeline.follow import SupersededError
from phaseline.site import live, manifests, proof
from phaseline.site.manifests import ServedManifest
from phaseline.slack import rendering
from scripts import slack
from scripts.cli import invocation
from scripts.cli.console import Console
from scripts.cli.interruption import Interrupted
from scripts.release import invalidation, journal, pipeline
from scripts.release.follow import follow
from scripts.release.journal import Differences, Journal
from scripts.release.subject import Subject
from scripts.services import Services

VERIFY_TIMEOUT = 600.0
"""Seconds to wait until visitors are served the publication, after the cache was invalidated."""
STEPS = 4
"""The steps that a document version takes: execution, pipeline, invalidation and website."""
PIPELINE = "Pipeline"
"""The step whose failure the pipeline reports to Slack itself."""
INTERRUPTED = "slack#interrupted"
"""The claim of a message about an interruption of the command that followed an execution."""
UNVERIFIED = "slack#unverified"
"""The claim of a message about an execution that succeeded, but whose release was not verified."""


@dataclass(frozen=True)
class ReleaseFlow:
    """One release. `make` writes or finds the document versions, `journal` records the steps, and
    `timeout` limits the wait for the pipeline, in seconds. Only the document versions that
    `follows` names are followed until visitors are served them."""

    services: Services
    console: Console
    journal: Journal
    make: Callable[[], tuple[Subject, ...]]
    timeout: float
    follows: Callable[[Subject], bool] = lambda subject: True  # noqa: ARG005
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    fetch: Callable[[str], ServedManifest] = manifests.fetch

    def preview(self) -> None:
        """Record the changes that a run would make, and change nothing."""
        subjects = self._ensure_metadata()
        with self.console.step("Differences") as step:
            differences = self.journal.differences = self._differences(subjects)
            step.result = (
                f"documents: {len(differences.documents)}, website: {len(differences.website)}"
            )
        for subject in subjects:
            with self.console.step("Pipeline execution") as step:
                step.result = self._predict(subject)
        self.journal.outcome = journal.DRY_RUN

    def _differences(self, subjects: tuple[Subject, ...]) -> Differences:
        """Return the changes; on the website, also those of earlier releases not served yet."""
        after = {subject.type: subject.after for subject in subjects}
        for type_ in TYPES:
            if type_ not in after:
                after[type_] = self.services.documents.read(type_).document
        try:
            manifest = self.fetch(self.services.environment.site_url)
        except (RemoteCallError, InputError) as error:
            website: tuple[str, ...] = (f"it could not be compared: {error.found}",)
        else:
            website = tuple(map(str, diff.compare_website(manifest.versions, after.values())))
        return Differences(
            documents=tuple(
                str(difference)
                for subject in subjects
                for difference in diff.compare_documents(subject.before, subject.after)
            ),
            website=website,
            text="".join(diff.unified_diff(subject.before, subject.after) for subject in subjects),
        )

    def _predict(self, subject: Subject) -> str:
        if subject.document_version is None:
            return "the new document version would start one"
        newest = self.services.executions.newest()
        source = SOURCES[subject.type]
        carried = carrier(source, subject.document_version, subject.revision, newest, None)
        if isinstance(carried, Adopted):
            self._adopt(carried.execution)
            return f"{carried.execution} would be adopted"
        return "one would be started, unless the event of the document starts it first"

    def run(self) -> None:
        """Take all steps in order."""
        started = invocation.now()
        subjects = self._ensure_metadata()
        followed = [subject for subject in subjects if self.follows(subject)]
        self.console.total = 2 + STEPS * len(followed)
        are_shown = [self._release(subject) for subject in followed]
        self.journal.outcome = journal.DONE if self.journal.did_work else journal.ALREADY_DONE
        if self.journal.did_work and not followed:
            self.journal.outcome = journal.RECORDED
        if not all(are_shown):
            self.journal.outcome = journal.SUPERSEDED
        with self.console.step("Report") as step:
            self._stamp(subjects, started)
            step.result = "nothing to report"
            if self.journal.outcome in {journal.DONE, journal.RECORDED}:
                step.result = self.report(None).note

    def _release(self, subject: Subject) -> bool:
        """Take a document version to the website. Return False if a newer version is shown."""
        execution, done = self._ensure_execution(subject)
        started, timeout = self.clock(), self.timeout
        while not self._follow(execution, timeout, done=done):
            self.console.total += 2  # the two steps are taken again
            execution, done = self._ensure_execution(subject)
            timeout = started + self.timeout - self.clock()
        self._ensure_invalidation(execution)
        return self._verify(subject)

    def _stamp(self, subjects: tuple[Subject, ...], started: str) -> None:
        """Record in the ledger which workflow run followed the releases."""
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
            self.journal.did_work |= any(subject.changed for subject in subjects)
            step.result = "; ".join(subject.note for subject in subjects)
        return subjects

    def _ensure_execution(self, subject: Subject) -> tuple[str, bool]:
        with self.console.step("Pipeline execution") as step:
            ensured = pipeline.ensure(
                self.services, subject.type, str(subject.document_version), subject.revision
            )
            self.journal.did_work |= not ensured.done
            step.url = self._adopt(ensured.execution)
            step.result = f"{ensured.execution}: {pipeline.describe(ensured)}"
            self.console.progress(f"  {step.url}")
        return ensured.execution, ensured.done

    def _adopt(self, execution: str) -> str:
        self.journal.execution = execution
        self.journal.execution_url = self.services.executions.url(execution)
        return self.journal.execution_url

    def _follow(self, execution: str, timeout: float, *, done: bool) -> bool:
        """Follow an execution for `timeout` seconds. Return False if a newer one superseded it."""
        with self.console.step(PIPELINE) as step:
            if done:
                step.result = "already done"
                return True
            try:
                ended = follow(self.services, self.console, execution, timeout)
            except SupersededError:
                step.result = "superseded by a newer execution, which is followed instead"
                return False
            step.result = f"succeeded, {len(ended)} actions"
            return True

    def _ensure_invalidation(self, execution: str) -> None:
        with self.console.step("Invalidation") as step:
            invalidated = invalidation.ensure(self.services, execution)
            self.journal.did_work |= invalidated.id is not None and not invalidated.found
            step.result = invalidation.describe(invalidated)

    def _verify(self, subject: Subject) -> bool:
        """Wait for the proof, and close releases. Return False if a newer version is shown."""
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
            self.journal.did_work |= bool(verdict.verified or verdict.superseded)
            self._note_live(manifest)
            document = manifest.documents[subject.type]
            shown = _is_shown(subject, document.versions)
            step.result = f"{subject.type} revision {document.revision} is served"
            if not shown and document.revision == subject.revision:
                raise DeploymentError(
                    f"{site_url}/{manifests.NAME}",
                    f"it was built from revision {subject.revision}, but names other versions",
                    "Correct the frontend's build: its manifest must name the documents' versions.",
                )
        return shown

    def _note_live(self, manifest: ServedManifest) -> None:
        """Record that visitors are served a publication, unless a later one has been verified."""
        published, _ = self.services.site.published()
        number = published.number_of(manifest.execution) if published else None
        if number is not None:
            at = times.instant(datetime.now(UTC))
            self.services.lives.record(live.of(manifest, number, at))

    def report(self, error: Exception | Interrupted | None) -> slack.PostResult:
        """Report to Slack how the release ended, unless the pipeline's messages do."""
        record = self.journal
        request = next(iter(record.moves), None)
        message = rendering.reported(
            environment=record.environment,
            succeeded=error is None,
            title=f"{record.request}{_ending(error)}",
            what=record.sentence,
            facts={
                "Who": request.who if request else None,
                "Why": request.reason if request else None,
            },
            links={
                "Website": record.site_url,
                "Pipeline": record.execution_url,
                "Run": invocation.run_url(),
            },
        )
        claim = slack.PUBLISHED
        if isinstance(error, Interrupted):
            claim = INTERRUPTED
        elif error is not None:
            of_pipeline = isinstance(error, DeploymentError) and record.steps[-1].step == PIPELINE
            claim = slack.FAILED if of_pipeline else UNVERIFIED
        return slack.post(
            self.services,
            message,
            execution=record.execution,
            claim=claim,
            revisions=[(subject.type, subject.revision) for subject in record.subjects],
        )


def _ending(error: Exception | Interrupted | None) -> str:
    if error is None:
        return ""
    return " was interrupted" if isinstance(error, Interrupted) else " failed"


def _is_shown(subject: Subject, versions: Mapping[str, str]) -> bool:
    """Return whether the website shows the versions that the subject made active."""
    return all(versions.get(move.algorithm) == move.after for move in subject.moves)
