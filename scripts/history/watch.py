"""Watches a release or an execution until its end, and changes nothing."""

from phaseline.errors import TimedOutError
from phaseline.pipeline.executions import Execution
from phaseline.pipeline.follow import SupersededError
from phaseline.releases.release import OPEN, Release
from scripts.cli.console import Console
from scripts.history import find
from scripts.release.follow import follow
from scripts.services import Services


def watch_execution(
    services: Services, console: Console, execution: Execution, timeout: float
) -> None:
    """Print the actions of an execution until it ends. Raises as `follow` does."""
    console.progress(f"  execution {execution.id}")
    console.progress(f"  {services.executions.url(execution.id)}")
    follow(services, console, execution.id, timeout)


def watch_release(
    services: Services, console: Console, release: Release, timeout: float
) -> Release:
    """Print the actions of the executions that carry a release until it ends, and return it then.

    Raises DeploymentError if an execution fails, and TimedOutError after `timeout` seconds.
    """
    clock, sleep = services.executions.clock, services.executions.sleep
    until, watched = clock() + timeout, ""
    while release.state == OPEN:
        if clock() > until:
            raise TimedOutError(
                release.release_id,
                f"it did not end within {timeout:.0f} seconds",
                "It goes on. Run this again to watch it further.",
            )
        execution = find.carrier(services, release)
        if execution and execution.id != watched:
            watched = execution.id
            try:
                watch_execution(services, console, execution, max(until - clock(), 1))
            except SupersededError:
                console.progress("  superseded by a newer execution, which is watched instead")
        else:
            sleep(services.executions.polls[-1])
        (release,) = services.ledger.read([release.key])
    return release
