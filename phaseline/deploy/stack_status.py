"""Pure: decides by a stack's status how to deploy it, and by its events why a deploy failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from phaseline.errors import DeploymentError

GOOD_ENDS = ("CREATE_COMPLETE", "UPDATE_COMPLETE")

StackAction = Literal["create", "update", "wait", "stop"]
NEXT: dict[str, tuple[StackAction, str]] = {
    "CREATE_IN_PROGRESS": ("wait", ""),
    "CREATE_FAILED": ("stop", "delete-stack"),
    "CREATE_COMPLETE": ("update", ""),
    "ROLLBACK_IN_PROGRESS": ("wait", ""),
    "ROLLBACK_FAILED": ("stop", "delete-stack"),
    "ROLLBACK_COMPLETE": ("stop", "delete-stack"),
    "DELETE_IN_PROGRESS": ("wait", ""),
    "DELETE_FAILED": ("stop", "delete-stack"),
    "DELETE_COMPLETE": ("create", ""),
    "UPDATE_IN_PROGRESS": ("wait", ""),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": ("wait", ""),
    "UPDATE_COMPLETE": ("update", ""),
    "UPDATE_FAILED": ("stop", "rollback-stack"),
    "UPDATE_ROLLBACK_IN_PROGRESS": ("wait", ""),
    "UPDATE_ROLLBACK_FAILED": ("stop", "continue-update-rollback"),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": ("wait", ""),
    "UPDATE_ROLLBACK_COMPLETE": ("update", ""),
    "REVIEW_IN_PROGRESS": ("create", ""),
    "IMPORT_IN_PROGRESS": ("wait", ""),
    "IMPORT_COMPLETE": ("update", ""),
    "IMPORT_ROLLBACK_IN_PROGRESS": ("wait", ""),
    "IMPORT_ROLLBACK_FAILED": ("stop", "describe-stack-events"),
    "IMPORT_ROLLBACK_COMPLETE": ("update", ""),
}
"""The action for each stack status, and for "stop" the command that a person runs next. A deploy
never deletes or rolls back a stack on its own, because a stack holds data.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""


@dataclass(frozen=True)
class Decision:
    """The action for a stack. If it is "stop", a person has to run `command`."""

    action: StackAction
    command: str = ""


@dataclass(frozen=True)
class Event:
    """An event of a stack: the new status of one of its resources."""

    stack: str
    resource: str
    type: str
    status: str
    reason: str = ""


def decide(status: str | None, stack: str) -> Decision:
    """Return the action for a stack in `status`. The status is None if the stack does not exist."""
    if status is None:
        return Decision("create")
    action, command = NEXT.get(status, ("stop", "describe-stack-events"))
    return Decision(action, f"aws cloudformation {command} --stack-name {stack}" if command else "")


def judge(name: str, end: Event, events: Sequence[Event]) -> None:
    """Raise DeploymentError unless the event `end` says that a stack operation succeeded.

    The error names the first resource that failed for its own reason; CloudFormation cancels the
    other resources because of it.
    """
    if end.status in GOOD_ENDS:
        return
    failed = [event for event in events if event.status.endswith("_FAILED")]
    causes = [event for event in failed if "cancelled" not in event.reason]
    cause = (causes or failed or [end])[0]
    after = decide(end.status, name)
    raise DeploymentError(
        f"stack {name}",
        f"it ended as {end.status}: {cause.resource} ({cause.type}): {cause.reason.rstrip('.')}",
        f"Correct the cause, then run: {after.command}"
        if after.command
        else "Correct the cause and deploy again; the stack is in its previous state.",
    )
