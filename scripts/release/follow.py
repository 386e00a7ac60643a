"""An execution of the pipeline, told to a person action by action, and recorded."""

from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.pipeline import follow as pipeline_follow
from phaseline.pipeline.actions import FAILED, Action
from scripts.cli.console import Console, duration
from scripts.services import Services

FOLLOW_TIMEOUT = 3600.0
"""Seconds for an execution's end, unless told otherwise."""


def follow(services: Services, console: Console, execution: str, timeout: float) -> list[Action]:
    """Tell each action of an execution as it starts and ends, and record it; those that ended."""
    ended = []
    try:
        for action in pipeline_follow.follow(services.executions, execution, limit=timeout):
            console.progress(f"  {line(action)}", "red" if action.state == FAILED else "")
            if action.seconds is not None:
                ended.append(action)
    finally:
        # Its event records it too, unless AWS loses that; nothing here may hide why it failed.
        with suppress(BotoCoreError, ClientError):
            services.recorder.record(execution)
    return ended


def line(action: Action) -> str:
    """The present state of an action, on one line."""
    text = f"{action.stage} / {action.action}: {action.state}"
    if action.seconds is not None:
        text += f" after {duration(action.seconds)}"
    return f"{text}, {action.link}" if action.link else text
