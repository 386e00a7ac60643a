"""Pure: a stack's status and events -> what to do about the stack, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from phaseline.errors import DeploymentError

GOOD_ENDS = ("CREATE_COMPLETE", "UPDATE_COMPLETE")

Action = Literal["create", "update", "wait", "stop"]
NEXT: dict[str, tuple[Action, str]] = {
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
"""What each stack status asks for, and where it is "stop" the command that a person runs next.
Nothing is ever deleted or rolled back here by itself: a stack holds data.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""


@dataclass(frozen=True)
class Decision:
    """What to do about a stack; `command` is what a person runs where it is "stop"."""

    action: Action
    command: str = ""


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    stack: str
    resource: str
    type: str
    status: str
    reason: str = ""


def decide(status: str | None, stack: str) -> Decision:
    """What to do about a stack in `status`; None where it doesn't exist."""
    if status is None:
        return Decision("create")
    action, command = NEXT.get(status, ("stop", "describe-stack-events"))
    return Decision(action, f"aws cloudformation {command} --stack-name {stack}" if command else "")


def judge(name: str, end: Event, events: Sequence[Event]) -> None:
    """Raise DeploymentError unless a stack's end is a good one; its cause is the first resource
    that failed by itself, not one that was cancelled because of another."""
    if end.status in GOOD_ENDS:
        return
    failed = [one for one in events if one.status.endswith("_FAILED")]
    causes = [one for one in failed if "cancelled" not in one.reason]
    cause = (causes or failed or [end])[0]
    after = decide(end.status, name)
    raise DeploymentError(
        f"stack {name}",
        f"it ended as {end.status}: {cause.resource} ({cause.type}): {cause.reason.rstrip('.')}",
        f"Correct the cause, then run: {after.command}"
        if after.command
        else "Correct the cause and deploy again; the stack is as it was before.",
    )
