"""Starts a pipeline execution, unless one carries the document version already.

With --type and --document-version, starts an execution only if no execution carries this version
or a later one, and the website does not show it yet. Each execution takes the newest commit and
documents. Prints the execution's ID and page.
"""

import os
import uuid

import click

from phaseline.pipeline.carrier import Ensured
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    document_version_option,
    dry_run_option,
    environment_option,
    type_option,
)
from scripts.github import job
from scripts.release.pipeline import describe, ensure, predict
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
        prediction = predict(services, type_, document_version)
        Console(as_json=as_json).result({"dry_run": True, "would": prediction}, [prediction])
        return
    if type_ and document_version:
        revision = services.documents.read_version(type_, document_version).document.revision
        ensured = ensure(services, type_, document_version, revision)
    else:
        token = f"phaseline-{uuid.uuid4()}"
        ensured = Ensured(services.executions.start(token), started=True, done=False)
    url = services.executions.url(ensured.execution)
    job.write_outputs(os.environ, {"execution-id": ensured.execution, "execution-url": url})
    Console(as_json=as_json).result(
        {
            "execution": ensured.execution,
            "started": ensured.started,
            "done": ensured.done,
            "execution_url": url,
        },
        [f"{ensured.execution}: {describe(ensured)}", url],
    )
