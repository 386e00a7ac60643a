"""Runs the flow of a release as a command: prints, records and reports how it ended."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.errors import PhaselineError
from phaseline.promotion.request import Request
from scripts.cli.aws_errors import translated
from scripts.cli.interruption import Interrupted
from scripts.github import job
from scripts.release import journal, subject
from scripts.release.flow import STEPS, ReleaseFlow
from scripts.release.journal import Journal
from scripts.release.request import update
from scripts.release.subject import Subject
from scripts.services import Services


def title_of(environment: str, action: str, scope: str, version: str | None) -> str:
    """Return the title of a request.

    >>> title_of("demo", "promote", "opt/route-planner", "2.1.0")
    'promote opt/route-planner 2.1.0 (demo)'
    """
    return " ".join(word for word in (action, scope, version, f"({environment})") if word)


def maker(
    services: Services, requests: tuple[Request, ...], *, dry_run: bool
) -> Callable[[], tuple[Subject, ...]]:
    """Return the function that applies requests to the documents, and returns their versions."""

    def make() -> tuple[Subject, ...]:
        outcomes = update(services, requests, dry_run=dry_run)
        return tuple(
            subject.of_request(request, outcome, dry_run=dry_run)
            for request, outcome in zip(requests, outcomes, strict=True)
        )

    return make


def run(release: ReleaseFlow, *, documents: int, dry_run: bool) -> None:
    """Take the steps of a release, or show them, and print the result.

    `documents` is the number of documents that are expected to be followed.
    """
    console, record = release.console, release.journal
    console.total = 2 + documents * (1 if dry_run else STEPS)
    try:
        with _recorded(record):
            if dry_run:
                release.preview()
            else:
                release.run()
    except (PhaselineError, ClientError, BotoCoreError, Interrupted) as error:
        if isinstance(error, Interrupted) and not dry_run:
            error.add_note(record.continues)
        if record.outcome in {journal.FAILED, journal.INTERRUPTED} and not dry_run:
            console.progress(f"  Slack: {release.report(error).note}")
        raise
    console.result(record.data(), record.lines())


@contextmanager
def _recorded(record: Journal) -> Iterator[None]:
    """Write the journal to the job however the code inside ends, and before Slack is told: GitHub
    kills a cancelled step after ten seconds."""
    try:
        yield
    except (PhaselineError, ClientError, BotoCoreError) as error:
        record.fail(error if isinstance(error, PhaselineError) else translated(error))
        raise
    finally:
        job.write_summary(os.environ, record.markdown())
        job.write_outputs(os.environ, record.outputs())
