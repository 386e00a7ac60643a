"""Starts a pipeline execution, unless one carries the document version already.

With --type and --document-version, starts an execution of this version only if no execution carries
it and the website does not show it yet. Without them, starts an execution of the newest commit and
documents. Prints the execution's ID and page.
"""

import os
import uuid

import click

from phaseline.pipeline.ensure import Ensured
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    document_version_option,
    dry_run_option,
    environment_option,
    type_option,
)
from scripts.github import job
from scripts.release.pipeline import describe, ensure, foresee
from scripts.services import Services


@click.command(name="start-pipeline", help=__doc__)
@environment_option()
@type_option()
@document_version_option
@dry_run_option
@json_option
def command(
    environment: str,
    type_: str | None,
    document_version: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    if (type_ is None) != (document_version is None):
        raise click.UsageError("Give --type and --document-version together, or neither.")
    services = Services(environment)
    if dry_run:
        would = foresee(services, type_, document_version)
        Console(as_json=as_json).result({"dry_run": True, "would": would}, [would])
        return
    if type_ and document_version:
        revision = services.documents.read_version(type_, document_version).document.revision
        found = ensure(services, type_, document_version, revision)
    else:
        token = f"phaseline-{uuid.uuid4()}"
        found = Ensured(services.executions.start(token), started=True, done=False)
    url = services.executions.url(found.execution)
    job.write_outputs(os.environ, {"execution-id": found.execution, "execution-url": url})
    Console(as_json=as_json).result(
        {
            "execution": found.execution,
            "started": found.started,
            "done": found.done,
            "execution_url": url,
        },
        [f"{found.execution}: {describe(found)}", url],
    )
