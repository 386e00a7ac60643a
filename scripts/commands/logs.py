"""Shows the last lines of a failed build, which name the cause.

\b
  logs                    of the newest execution that failed
  logs 1b0b5a6e           of an execution
  logs opt/route-planner  of the newest failed execution with the newest release of an algorithm

Prints up to 50 lines that the failed command wrote. For an action that is no build, prints the
reason that CodePipeline gives.
"""

import click

from phaseline.errors import InputError
from phaseline.pipeline.executions import Execution
from scripts.cli.completions import algorithms
from scripts.cli.console import Console, json_option
from scripts.cli.options import environment_option
from scripts.cli.text import BAD, Cell
from scripts.history import find
from scripts.release.build_log import cause, failure
from scripts.services import Services

FAILED = "Failed"


@click.command(name="logs", help=__doc__)
@click.argument("what", required=False, shell_complete=algorithms)
@environment_option()
@json_option
def command(what: str | None, environment: str, as_json: bool) -> None:
    services, console = Services(environment), Console(as_json=as_json)
    execution = failed_execution(services, what)
    url = services.executions.url(execution.id)
    failed = failure(services, execution.id)
    if failed is None:
        console.result(
            {"execution": execution.id, "url": url, "failure": None, "lines": []},
            [f"execution {execution.id} is {execution.status}: no action has failed"],
        )
        return
    lines = cause(services, failed)
    where = f"{failed.stage} / {failed.action}"
    value = {"stage": failed.stage, "action": failed.action, "reason": failed.reason}
    links = [f"log: {failed.link}"] if failed.link else []
    console.result(
        {"execution": execution.id, "url": url, "failure": value, "lines": lines},
        [
            [Cell(f"{where} failed in execution {execution.id}: {failed.reason}", BAD)],
            *(f"  {line}" for line in lines),
            *links,
        ],
    )


def failed_execution(services: Services, what: str | None) -> Execution:
    """Return the newest failed execution, or the one that a person names. Raises InputError."""
    if what is None:
        for execution in services.executions.newest():
            if execution.status == FAILED:
                return execution
        raise InputError(
            f"pipeline {services.environment.pipeline}",
            "none of its newest executions failed",
            "Name one: phaseline logs EXECUTION.",
        )
    found = find.find(services, what)
    if isinstance(found, Execution):
        return found
    failed = (one for one in find.carrying(services, found) if one.status == FAILED)
    return next(failed, None) or find.find_execution(services, found.release_id)
