"""Follows a pipeline execution until it ends.

Prints each action when it starts and ends. Exits with 4 if the execution fails, and names stage,
action, reason and log. Exits with 6 if the execution does not end in time.
"""

from dataclasses import asdict

import click

from scripts.cli.console import Console, json_option
from scripts.cli.options import environment_option, execution_option, timeout_option
from scripts.release.follow import FOLLOW_TIMEOUT, follow
from scripts.services import Services


@click.command(name="follow-pipeline", help=__doc__)
@environment_option()
@execution_option()
@timeout_option("for the end of the execution", FOLLOW_TIMEOUT)
@json_option
def command(environment: str, execution: str, timeout: float, as_json: bool) -> None:
    services = Services(environment)
    console = Console(as_json=as_json)
    ended = follow(services, console, execution, timeout)
    url = services.executions.url(execution)
    console.result(
        {
            "execution": execution,
            "execution_url": url,
            "actions": [asdict(action) for action in ended],
        },
        [f"{execution}: succeeded", url],
    )
