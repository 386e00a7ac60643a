"""Prints the address of the website or of an execution, and opens it in the browser.

\b
  open                    the website
  open pipeline           the execution in progress, or else the newest one
  open opt/route-planner  the execution that carries the newest release of an algorithm
  open 1b0b5a6e           an execution, or the one that carries a release

Opens the browser only if a person's terminal shows the output.
"""

import sys
import webbrowser

import click

from scripts.cli.completions import algorithms
from scripts.cli.console import Console, json_option
from scripts.cli.options import environment_option
from scripts.history.find import find_execution
from scripts.services import Services

PIPELINE = "pipeline"


@click.command(name="open", help=__doc__)
@click.argument("what", required=False, shell_complete=algorithms)
@environment_option()
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@json_option
def command(what: str | None, environment: str, no_browser: bool, as_json: bool) -> None:
    services = Services(environment)
    url = services.environment.site_url
    if what:
        execution = find_execution(services, None if what == PIPELINE else what)
        url = services.executions.url(execution.id)
    Console(as_json=as_json).result({"url": url}, [url])
    if sys.stdout.isatty() and not no_browser:
        webbrowser.open(url)
