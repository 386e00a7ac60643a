"""Takes a version to the website: metadata, pipeline, invalidation, proof and report.

Every step looks first whether it is done, so that running it twice, or at once with another,
releases once; what is done already ends as "already done", with a link and exit code 0. Give
either a request (--action, --algorithm, --reason and mostly --version) or a version of a document
that was written already (--document-version).
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click
from botocore.exceptions import BotoCoreError, ClientError

from phaseline import announce, arrival, served
from phaseline.errors import DeploymentError, PhaselineError
from phaseline.executions import SOURCES, Adopted, decide
from phaseline.ledger import SUPERSEDED, VERIFIED
from phaseline.requests import ACTIONS
from phaseline.served import ServedManifest
from scripts import github, invalidate_cache, journal, services, slack, start_pipeline, subject
from scripts.console import Console, json_option, translated
from scripts.follow_pipeline import FOLLOW_TIMEOUT, follow
from scripts.journal import Journal
from scripts.options import (
    NAME,
    document_version_option,
    dry_run_option,
    environment_option,
    timeout_option,
    type_option,
)
from scripts.services import Services
from scripts.subject import Subject
from scripts.update_metadata import requested, update

VERIFY_TIMEOUT = 600.0
"""Seconds until visitors must get what was published: the cache was invalidated before."""
UNVERIFIED = "slack#unverified"
"""The claim of a message about an execution that went well without its release being proved."""


@click.command(name="release", help=__doc__)
@environment_option()
@click.option("--action", type=click.Choice(ACTIONS), help="What to do with the algorithm.")
@type_option(required=True)
@click.option("--algorithm", type=NAME, help="The algorithm's name.")
@click.option("--version", type=NAME, help="Which version; for a rollback: the last verified one.")
@click.option("--reason", help="Why, in a sentence; it is kept with the release.")
@document_version_option
@timeout_option("for the pipeline's end", FOLLOW_TIMEOUT)
@dry_run_option
@json_option
def command(
    environment: str,
    action: str | None,
    type_: str,
    algorithm: str | None,
    version: str | None,
    reason: str | None,
    document_version: str | None,
    timeout: float,
    dry_run: bool,
    as_json: bool,
) -> None:
    known = Services(environment)
    title, make = _wanted(
        known, action, type_, algorithm, version, reason, document_version, dry_run=dry_run
    )
    kept = Journal(environment, title)
    console = Console(as_json=as_json, total=2 if dry_run else 6)
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
        github.write_summary(os.environ, kept.markdown())
        github.write_outputs(os.environ, kept.outputs())
    console.result(kept.data(), kept.lines())


def _wanted(
    known: Services,
    action: str | None,
    type_: str,
    algorithm: str | None,
    version: str | None,
    reason: str | None,
    document_version: str | None,
    *,
    dry_run: bool,
) -> tuple[str, Callable[[], Subject]]:
    """What the options ask for: its title, and what makes or finds the version of the document."""
    if document_version and not (action or algorithm or version or reason):
        title = f"release {type_} {document_version[:16]} ({known.name})"
        return title, lambda: subject.of_version(known, type_, document_version)
    if not (action and algorithm and reason) or document_version:
        raise click.UsageError(
            "Give --action, --algorithm and --reason (and a --version), or --document-version."
        )

    def make() -> Subject:
        request = requested(action, type_, algorithm, version, reason)
        outcome = update(known, request, dry_run=dry_run)
        return subject.of_request(request, outcome, dry_run=dry_run)

    words = (action, f"{type_}/{algorithm}", version, f"({known.name})")
    return " ".join(word for word in words if word), make


@dataclass(frozen=True)
class Release:
    """One release: `make` writes or finds the document's version, the journal keeps what is done,
    `timeout` bounds the pipeline, in seconds."""

    known: Services
    console: Console
    journal: Journal
    make: Callable[[], Subject]
    timeout: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    fetch: Callable[[str], ServedManifest] = served.fetch

    def preview(self) -> None:
        """Say what would be done, and change nothing."""
        found = self._ensure_metadata()
        with self.journal.step(self.console, "Pipeline execution") as record:
            if found.document_version is None:
                record.result = "the new version of the document would start one"
            else:
                newest = self.known.executions.newest()
                carried = decide(SOURCES[found.type], found.document_version, newest, None)
                record.result = "one would be started, unless its event does"
                if isinstance(carried, Adopted):
                    self._adopt(carried.execution)
                    record.result = f"{carried.execution} would be adopted"
        self.journal.outcome = journal.DRY_RUN

    def run(self) -> None:
        """Every step, in order; each may find itself done."""
        found = self._ensure_metadata()
        execution, done = self._ensure_execution(found)
        self._follow(execution, done=done)
        self._ensure_invalidation(execution)
        shown = self._verify(found)
        self.journal.outcome = journal.DONE if self.journal.did else journal.ALREADY_DONE
        if not shown:
            self.journal.outcome = journal.SUPERSEDED
        with self.journal.step(self.console, "Report") as record:
            record.result = "nothing to tell"
            if self.journal.outcome == journal.DONE:
                record.result = self.tell(None).note

    def _ensure_metadata(self) -> Subject:
        with self.journal.step(self.console, "Metadata") as record:
            self.journal.site_url = self.known.environment.site_url
            found = self.journal.subject = self.make()
            self.journal.did |= found.changed
            record.result = found.note
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
        with self.journal.step(self.console, "Pipeline") as record:
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
            manifest = arrival.wait(
                self.fetch,
                site_url,
                type_=found.type,
                revision=found.revision,
                clock=self.clock,
                sleep=self.sleep,
                limit=VERIFY_TIMEOUT,
            )
            verdict = served.compare(manifest, self.known.ledger.open_releases(found.type))
            ends = ((verdict.verified, VERIFIED), (verdict.superseded, SUPERSEDED))
            for releases, state in ends:
                self.journal.did |= bool(releases)
                arrival.close(self.known.ledger, releases, state, at=services.now(), link=site_url)
            document = manifest.documents[found.type]
            shown = _is_shown(found, document.versions)
            record.result = f"{found.type} revision {document.revision} is served"
            if not shown and document.revision == found.revision:
                raise DeploymentError(
                    f"{site_url}/{served.NAME}",
                    f"it was built from revision {found.revision} and shows other versions",
                    "Look at the frontend's build: its manifest must name what it was built from.",
                )
        return shown

    def tell(self, error: Exception | None) -> slack.Told:
        """Tell Slack how the release ended, unless the pipeline itself does."""
        kept = self.journal
        request = next(iter(kept.moves), None)
        message = announce.reported(
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
            claim = slack.FAILED if isinstance(error, DeploymentError) else UNVERIFIED
        return slack.tell(self.known, message, execution=kept.execution, claim=claim)


def _is_shown(found: Subject, versions: Mapping[str, str]) -> bool:
    """Whether the website shows what the subject made active."""
    return all(versions.get(move.algorithm) == move.after for move in found.moves)
