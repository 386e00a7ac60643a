"""Follows a pipeline execution until it has ended, action by action.

Exits with 4 where it fails, and names the stage, the action, the reason and the log; with 6 where
its end is not seen in time.
"""

from contextlib import suppress
from dataclasses import asdict

import click
from botocore.exceptions import BotoCoreError, ClientError

from phaseline.pipeline import follow as pipeline_follow
from phaseline.pipeline.actions import FAILED, Action
from scripts.cli.console import Console, duration, json_option
from scripts.cli.options import environment_option, execution_option, timeout_option
from scripts.services import Services

FOLLOW_TIMEOUT = 3600.0


@click.command(name="follow-pipeline", help=__doc__)
@environment_option()
@execution_option()
@timeout_option("for the execution's end", FOLLOW_TIMEOUT)
@json_option
def command(environment: str, execution: str, timeout: float, as_json: bool) -> None:
    known = Services(environment)
    console = Console(as_json=as_json)
    ended = follow(known, console, execution, timeout)
    url = known.executions.url(execution)
    console.result(
        {
            "execution": execution,
            "execution_url": url,
            "actions": [asdict(action) for action in ended],
        },
        [f"{execution}: succeeded", url],
    )


def follow(known: Services, console: Console, execution: str, timeout: float) -> list[Action]:
    """Tell each action of an execution as it starts and ends, and record it; those that ended."""
    ended = []
    try:
        for action in pipeline_follow.follow(known.executions, execution, limit=timeout):
            console.progress(f"  {line(action)}", "red" if action.state == FAILED else "")
            if action.seconds is not None:
                ended.append(action)
    finally:
        # Its event records it too, unless AWS loses that; nothing here may hide why it failed.
        with suppress(BotoCoreError, ClientError):
            known.recorder.record(execution)
    return ended


def line(action: Action) -> str:
    """The present state of an action, on one line."""
    text = f"{action.stage} / {action.action}: {action.state}"
    if action.seconds is not None:
        text += f" after {duration(action.seconds)}"
    return f"{text}, {action.link}" if action.link else text
