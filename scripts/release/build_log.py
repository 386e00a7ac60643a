"""The last lines of a failed build, which name the cause."""

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from scripts.cli.aws_errors import translated
from scripts.services import Services


def failure(services: Services, execution: str) -> Action | None:
    """Return the latest failed action of an execution, or None."""
    found = actions.details(services.codepipeline, services.environment.pipeline, execution)
    return actions.newest_failure(found)


def cause(services: Services, failed: Action) -> tuple[str, ...]:
    """Return the last lines of a failed build, or why they can't be read.

    An error must not hide the failure itself.
    """
    try:
        return services.build_logs.cause(failed)
    except (BotoCoreError, ClientError) as error:
        found = translated(error)
        return (f"The build's log could not be read: {found.where}: {found.found}",)
