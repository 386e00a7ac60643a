"""Takes a version to the website: metadata, pipeline, invalidation, proof and report.

Every step looks first whether it is done, so that running it twice, or at once with another,
releases once; what is done already ends as "already done", with a link and exit code 0. Give
either a request (--action, --reason and what it is about) or a version of a document that was
written already (--document-version).

\b
  release --action promote --type opt --algorithm route-planner --version 2.1.0 --reason ...
  release --action rollback --type opt --algorithm route-planner,lane-change --reason ...
  release --action rollback --type opt --as-of 2026-11-24T20:00:00Z --reason ...
  release --action hold --type all --until 2026-12-01T08:00:00Z --reason ...
  release --action hold --type opt --window "0 18 * * 5 for 2d14h in Europe/Berlin" --reason ...
  release --action resume --type opt --algorithm route-planner --reason ...
  release --action clear --type opt --algorithm route-planner --version 2.1.0 --reason ...
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.documents import diff
from phaseline.errors import DeploymentError, InputError, PhaselineError, RemoteCallError
from phaseline.pipeline.executions import SOURCES, Adopted, decide
from phaseline.site import live, manifests, proof
from phaseline.site.manifests import ServedManifest
from phaseline.slack import rendering
from scripts import services, slack
from scripts.cli.console import Console, json_option, translated
from scripts.cli.options import (
    ALL,
    document_version_option,
    dry_run_option,
    environment_option,
    request_options,
    timeout_option,
)
from scripts.commands import invalidate_cache, start_pipeline
from scripts.commands.follow_pipeline import FOLLOW_TIMEOUT, follow
from scripts.commands.update_metadata import requested, update
from scripts.github import job
from scripts.release import journal, subject
from scripts.release.journal import Differences, Journal
from scripts.release.subject import Subject
from scripts.services import Services

VERIFY_TIMEOUT = 600.0
"""Seconds until visitors must get what was published: the cache was invalidated before."""
PIPELINE = "Pipeline"
"""The step whose failure the pipeline tells by itself."""
UNVERIFIED = "slack#unverified"
"""The claim of a message about an execution that went well without its release being proved."""


@click.command(name="release", help=__doc__)
@environment_option()
@request_options(required=False)
@document_version_option
@timeout_option("for the pipeline's end", FOLLOW_TIMEOUT)
@dry_run_option
@json_option
def command(
    environment: str,
    document_version: str | None,
    timeout: float,
    dry_run: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    known = Services(environment)
    title, make = _wanted(known, document_version, asked, dry_run=dry_run)
    kept = Journal(environment, title)
    documents = len(TYPES) if asked["type_"] == ALL else 1
    console = Console(as_json=as_json, total=2 + documents * (1 if dry_run else 4))
    release = Release(known, console, kept, make, timeout)
    try:
        if dry_run:
            release.preview()
        else:
            release.run()
    except (PhaselineError, ClientError, BotoCoreError) as error:
        kept.fail(error if isinstance(error, PhaselineError) else translated(error))
        if kept.outcome == journal.FAILED and not dry_run:
            console.progress(f"  Slack: {release.tell(error).note}")
        raise
    finally:
        job.write_summary(os.environ, kept.markdown())
        job.write_outputs(os.environ, kept.outputs())
    console.result(kept.data(), kept.lines())


def _wanted(
    known: Services, document_version: str | None, asked: Mapping[str, Any], *, dry_run: bool
) -> tuple[str, Callable[[], tuple[Subject, ...]]]:
    """What the options ask for: its title, and what makes or finds the documents' versions."""
    type_, request = asked["type_"], {k: v for k, v in asked.items() if k != "type_" and v}
    if document_version and not request and type_ != ALL:
        title = f"release {type_} {document_version[:16]} ({known.name})"
        return title, lambda: (subject.of_version(known, type_, document_version),)
    if document_version or not {"action", "reason"} <= request.keys():
        raise click.UsageError(
            "Give --action, --reason and what it is about, or --type and --document-version."
        )

    requests = requested(**asked)

    def make() -> tuple[Subject, ...]:
        outcomes = update(known, requests, dry_run=dry_run)
        return tuple(
            subject.of_request(one, outcome, dry_run=dry_run)
            for one, outcome in zip(requests, outcomes, strict=True)
        )

    about = "/".join([type_, ", ".join(asked["algorithms"])]).rstrip("/")
    words = (asked["action"], about, asked["version"] or asked["as_of"], f"({known.name})")
    return " ".join(word for word in words if word), make


@dataclass(frozen=True)
class Release:
    """One release: `make` writes or finds the documents' versions, the journal keeps what is done,
    `timeout` bounds the pipeline, in seconds."""

    known: Services
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
        with self.journal.step(self.console, "Differences") as record:
            shown = self.journal.differences = self._differences(subjects)
            record.result = f"documents: {len(shown.documents)}, website: {len(shown.website)}"
        for found in subjects:
            with self.journal.step(self.console, "Pipeline execution") as record:
                record.result = self._foresee(found)
        self.journal.outcome = journal.DRY_RUN

    def _differences(self, subjects: tuple[Subject, ...]) -> Differences:
        """What would change, on the website also by what is not served yet of earlier changes."""
        after = {found.type: found.after for found in subjects}
        for type_ in TYPES:
            if type_ not in after:
                after[type_] = self.known.documents.read(type_).document
        try:
            shown = self.fetch(self.known.environment.site_url)
        except (RemoteCallError, InputError) as error:
            website: tuple[str, ...] = (f"it shows nothing to compare with: {error.found}",)
        else:
            website = tuple(map(str, diff.compare_website(shown.versions, after.values())))
        return Differences(
            documents=tuple(
                str(one)
                for found in subjects
                for one in diff.compare_documents(found.before, found.after)
            ),
            website=website,
            text="".join(diff.unified_diff(found.before, found.after) for found in subjects),
        )

    def _foresee(self, found: Subject) -> str:
        if found.document_version is None:
            return "the new version of the document would start one"
        newest = self.known.executions.newest()
        carried = decide(SOURCES[found.type], found.document_version, newest, None)
        if isinstance(carried, Adopted):
            self._adopt(carried.execution)
            return f"{carried.execution} would be adopted"
        return "one would be started, unless its event does"

    def run(self) -> None:
        """Every step, in order; each may find itself done."""
        started = services.now()
        subjects = self._ensure_metadata()
        shown = [self._see_through(found) for found in subjects]
        self.journal.outcome = journal.DONE if self.journal.did else journal.ALREADY_DONE
        if not all(shown):
            self.journal.outcome = journal.SUPERSEDED
        with self.journal.step(self.console, "Report") as record:
            self._stamp(subjects, started)
            record.result = "nothing to tell"
            if self.journal.outcome == journal.DONE:
                record.result = self.tell(None).note

    def _see_through(self, found: Subject) -> bool:
        """From the document's version to the proof; False where something newer is shown."""
        execution, done = self._ensure_execution(found)
        self._follow(execution, done=done)
        self._ensure_invalidation(execution)
        return self._verify(found)

    def _stamp(self, subjects: tuple[Subject, ...], started: str) -> None:
        """Note in the ledger which workflow run saw the releases through."""
        run = services.run_url()
        for release in (release for found in subjects for release in found.releases):
            if run:
                self.known.ledger.stamp(
                    release, "workflow", at=services.now(), started=started, link=run
                )

    def _ensure_metadata(self) -> tuple[Subject, ...]:
        with self.journal.step(self.console, "Metadata") as record:
            self.journal.site_url = self.known.environment.site_url
            found = self.journal.subjects = self.make()
            self.journal.did |= any(one.changed for one in found)
            record.result = "; ".join(one.note for one in found)
        return found

    def _ensure_execution(self, found: Subject) -> tuple[str, bool]:
        with self.journal.step(self.console, "Pipeline execution") as record:
            ensured = start_pipeline.ensure(
                self.known, found.type, str(found.document_version), found.revision
            )
            self.journal.did |= not ensured.done
            record.url = self._adopt(ensured.execution)
            record.result = f"{ensured.execution}: {start_pipeline.describe(ensured)}"
            self.console.progress(f"  {record.url}")
        return ensured.execution, ensured.done

    def _adopt(self, execution: str) -> str:
        self.journal.execution = execution
        self.journal.execution_url = self.known.executions.url(execution)
        return self.journal.execution_url

    def _follow(self, execution: str, *, done: bool) -> None:
        with self.journal.step(self.console, PIPELINE) as record:
            if done:
                record.result = "already done"
            else:
                ended = follow(self.known, self.console, execution, self.timeout)
                record.result = f"succeeded, {len(ended)} actions"

    def _ensure_invalidation(self, execution: str) -> None:
        with self.journal.step(self.console, "Invalidation") as record:
            found = invalidate_cache.ensure(self.known, execution)
            self.journal.did |= found.id is not None and not found.found
            record.result = invalidate_cache.describe(found)

    def _verify(self, found: Subject) -> bool:
        """Wait for the proof and close the releases it proves; False where newer is shown."""
        site_url = self.known.environment.site_url
        with self.journal.step(self.console, "Website") as record:
            record.url = site_url
            manifest = proof.wait(
                self.fetch,
                site_url,
                type_=found.type,
                revision=found.revision,
                clock=self.clock,
                sleep=self.sleep,
                limit=VERIFY_TIMEOUT,
            )
            ledger = self.known.ledger
            open_releases = ledger.open_releases(found.type)
            verdict = proof.close(ledger, manifest, open_releases, at=services.now(), link=site_url)
            self.journal.did |= bool(verdict.verified or verdict.superseded)
            self.known.lives.record(live.of(manifest, times.instant(datetime.now(UTC))))
            document = manifest.documents[found.type]
            shown = _is_shown(found, document.versions)
            record.result = f"{found.type} revision {document.revision} is served"
            if not shown and document.revision == found.revision:
                raise DeploymentError(
                    f"{site_url}/{manifests.NAME}",
                    f"it was built from revision {found.revision} and shows other versions",
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
                "Run": services.run_url(),
            },
        )
        claim = slack.PUBLISHED
        if error is not None:
            of_pipeline = isinstance(error, DeploymentError) and kept.records[-1].step == PIPELINE
            claim = slack.FAILED if of_pipeline else UNVERIFIED
        return slack.tell(
            self.known,
            message,
            execution=kept.execution,
            claim=claim,
            revisions=[(one.type, one.revision) for one in kept.subjects],
        )


def _is_shown(found: Subject, versions: Mapping[str, str]) -> bool:
    """Whether the website shows what the subject made active."""
    return all(versions.get(move.algorithm) == move.after for move in found.moves)
