"""The stacks of the account, with their events on the console."""

import time

from phaseline.deploy.stack_status import Event
from phaseline.deploy.stacks import Stacks
from scripts.cli import aws, interruption
from scripts.cli.console import Console


def make_stacks(console: Console, timeout: float) -> Stacks:
    """Return the account's stacks. The console prints their events."""
    return Stacks(
        aws.client("cloudformation"),
        clock=time.monotonic,
        sleep=interruption.process.sleep,
        progress=lambda event: console.progress(_line(event)),
        limit=timeout,
    )


def _line(event: Event) -> str:
    line = f"  {event.stack}: {event.resource} {event.status}"
    return f"{line}: {event.reason}" if event.reason else line
