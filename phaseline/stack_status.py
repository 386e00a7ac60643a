"""Pure: a stack's status -> what to do about the stack."""

from dataclasses import dataclass
from typing import Literal

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


def decide(status: str | None, stack: str) -> Decision:
    """What to do about a stack in `status`; None where it doesn't exist."""
    if status is None:
        return Decision("create")
    action, command = NEXT.get(status, ("stop", "describe-stack-events"))
    return Decision(action, f"aws cloudformation {command} --stack-name {stack}" if command else "")
