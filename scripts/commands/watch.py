"""Watches a release or an execution until it ends, and changes nothing.

\b
  watch                                  the execution in progress, or else the newest one
  watch opt/route-planner                the newest release of an algorithm
  watch opt-route-planner-2.1.0-eb519411 a release; eb519411 is enough
  watch 1b0b5a6e                         an execution

Prints each action when it starts and ends. Exits with 4 if an execution fails. Ctrl-C ends only
this command.
"""

from dataclasses import asdict

import click

from phaseline.pipeline.executions import Execution
from scripts.cli.completions import algorithms
from scripts.cli.console import Console, json_option
from scripts.cli.options import environment_option, timeout_option
from scripts.history import find
from scripts.history.release_steps import release_steps
from scripts.history.watch import watch_execution, watch_release
from scripts.release.follow import FOLLOW_TIMEOUT
from scripts.services import Services


@click.command(name="watch", help=__doc__)
@click.argument("what", required=False, shell_complete=algorithms)
@environment_option()
@timeout_option("for the end", FOLLOW_TIMEOUT)
@json_option
def command(what: str | None, environment: str, timeout: float, as_json: bool) -> None:
    services, console = Services(environment), Console(as_json=as_json)
    found = find.find(services, what) if what else find.find_execution(services, None)
    if isinstance(found, Execution):
        watch_execution(services, console, found, timeout)
        url = services.executions.url(found.id)
        value = asdict(found) | {"status": "Succeeded", "started": None, "url": url}
        console.result({"execution": value}, [f"execution {found.id}: succeeded", url])
        return
    release = watch_release(services, console, found, timeout)
    value, lines = release_steps(services, release)
    console.result(value, lines)
