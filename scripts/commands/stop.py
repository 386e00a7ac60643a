"""Stops an execution of the pipeline, such as one whose build hangs.

\b
  stop                    --reason ...   the execution in progress
  stop 1b0b5a6e --abandon --reason ...   an execution, without waiting for its actions

Actions that run come to their end first; with --abandon, the execution stops at once, and what
runs is left to itself. The website stays as it is. The releases stay open: `start-pipeline` starts
an execution that brings them.
"""

import click

from phaseline.errors import InputError, RefusedError
from phaseline.pipeline.executions import RUNNING
from scripts.cli import invocation
from scripts.cli.console import Console, json_option
from scripts.cli.options import dry_run_option, environment_option
from scripts.history.find import find_execution
from scripts.services import Services


@click.command(name="stop", help=__doc__)
@click.argument("execution", required=False)
@environment_option()
@click.option("--abandon", is_flag=True, help="Do not wait for the actions that run.")
@click.option("--reason", required=True, help="Reason in one sentence; CodePipeline records it.")
@dry_run_option
@json_option
def command(
    execution: str | None,
    environment: str,
    abandon: bool,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    services = Services(environment)
    found = find_execution(services, execution or only_running(services))
    if found.status != RUNNING:
        raise RefusedError(
            f"execution {found.id}",
            f"it is not in progress, but {found.status}",
            "Nothing was changed. phaseline status shows the executions.",
        )
    if not dry_run:
        by = f"{invocation.who()}: {reason}"
        services.executions.stop(found.id, abandon=abandon, reason=by)
    would = "would stop" if dry_run else "stops"
    how = "at once" if abandon else "after the actions that run"
    url = services.executions.url(found.id)
    Console(as_json=as_json).result(
        {"execution": found.id, "abandon": abandon, "dry_run": dry_run, "url": url},
        [f"execution {found.id} {would} {how}", url],
    )


def only_running(services: Services) -> str | None:
    """Return the ID of the only execution in progress, or None. Raises InputError for several."""
    running = [one.id for one in services.executions.newest() if one.status == RUNNING]
    if len(running) > 1:
        raise InputError(
            f"pipeline {services.environment.pipeline}",
            f"several executions are in progress: {', '.join(running)}",
            "Name one of them. The last is the oldest, and the furthest.",
        )
    return running[0] if running else None
