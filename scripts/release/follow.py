"""Follows an execution of the pipeline, prints its actions and records it."""

from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.errors import DeploymentError
from phaseline.pipeline import follow as pipeline_follow
from phaseline.pipeline.actions import FAILED, Action
from scripts.cli.console import Console, duration
from scripts.release.build_log import cause
from scripts.services import Services

FOLLOW_TIMEOUT = 3600.0
"""Seconds to wait for the end of an execution, by default."""


def follow(services: Services, console: Console, execution: str, timeout: float) -> list[Action]:
    """Print each action when it starts and ends, record the execution, return the ended actions.

    Raises DeploymentError if the execution fails, with the last lines of a failed build as notes,
    and TimedOutError after `timeout` seconds.
    """
    ended: list[Action] = []
    try:
        for action in pipeline_follow.follow(services.executions, execution, limit=timeout):
            console.progress(f"  {line(action)}", "red" if action.state == FAILED else "")
            if action.seconds is not None:
                ended.append(action)
    except DeploymentError as error:
        failed = [action for action in ended if action.state == FAILED]
        for text in cause(services, failed[-1]) if failed else ():
            console.progress(f"    {text}")
            error.add_note(text)
        raise
    finally:
        # The event of its end records it too, unless AWS loses the event. An error of the
        # recorder must not hide why the execution failed.
        with suppress(BotoCoreError, ClientError):
            services.recorder.record(execution)
    return ended


def line(action: Action) -> str:
    """Return the state of an action on one line."""
    text = f"{action.stage} / {action.action}: {action.state}"
    if action.seconds is not None:
        text += f" after {duration(action.seconds)}"
    return f"{text}, {action.link}" if action.link else text
