"""Shows the state of an environment: its versions, holds, open releases and executions.

Prints the active and the served version of each algorithm with its hold, the bad versions, the
waiting and the open releases, and the newest executions of the pipeline. On a terminal, each
execution is a link to its page.
"""

import time

import click

from scripts.cli import invocation
from scripts.cli.console import Console, json_option
from scripts.cli.options import environment_option, urls_option
from scripts.history.status import status
from scripts.history.status_text import lines
from scripts.services import Services

PAUSE = 5.0
"""Seconds between two looks with --watch."""


@click.command(name="status", help=__doc__)
@environment_option()
@click.option("--watch", is_flag=True, help="Show the state again when it changes, until Ctrl-C.")
@urls_option
@json_option
def command(environment: str, watch: bool, urls: bool, as_json: bool) -> None:
    services, console = Services(environment), Console(as_json=as_json)
    shown = status(services)
    if not watch:
        console.result(shown, lines(shown, invocation.now(), urls=urls))
        return
    before = None
    while True:
        if shown != before or console.is_terminal:
            console.clear()
            console.result(shown, lines(shown, invocation.now(), urls=urls))
        before = shown
        time.sleep(PAUSE)
        shown = status(services)
