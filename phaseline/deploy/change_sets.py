"""Pure: what a change set is called, and what CloudFormation's answer about one says."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        StackTypeDef,
    )

EMPTY = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation words the failure of a change set that would change nothing."""


@dataclass(frozen=True)
class Declared:
    """A stack as it should be. A parameter that isn't named takes the template's default, never
    its value of before, so that what is deployed is what is declared. CloudFormation acts as the
    role `role_arn`; where that is empty as the one of before, else as the caller."""

    name: str
    template: str
    parameters: Mapping[str, str]
    role_arn: str = ""


@dataclass(frozen=True)
class Change:
    """One resource in a change set. `action` is Add, Modify, Remove, Import or Dynamic;
    `replacement` is True, False, Conditional or empty; `properties` are those that change."""

    action: str
    resource: str
    type: str
    replacement: str = ""
    properties: tuple[str, ...] = ()


def change_set_name(declared: Declared, stack: "StackTypeDef | None", purpose: str) -> str:
    """The name of the change set that brings `stack`, in its state of now, to `declared`.

    The state is the time of the stack's last update: after it, the same declaration has another
    name, because a change set that was executed keeps its name taken.
    """
    state = ""
    if stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS":
        state = str(stack.get("LastUpdatedTime", stack["CreationTime"]))
    asked = [declared.name, declared.template, dict(declared.parameters), declared.role_arn, state]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"phaseline-{purpose}-{digest[:32]}"


def is_empty(described: "DescribeChangeSetOutputTypeDef") -> bool:
    """Whether this change set failed because there is nothing to change."""
    reason = described.get("StatusReason", "")
    return described["Status"] == "FAILED" and any(words in reason for words in EMPTY)


def changes(described: "DescribeChangeSetOutputTypeDef") -> tuple[Change, ...]:
    """A change set's changes as plain values."""
    return tuple(
        Change(
            action=change["Action"],
            resource=change["LogicalResourceId"],
            type=change["ResourceType"],
            replacement=change.get("Replacement", ""),
            properties=tuple(
                sorted(
                    {
                        detail["Target"].get("Name") or detail["Target"].get("Attribute", "")
                        for detail in change.get("Details", [])
                    }
                )
            ),
        )
        for change in (one["ResourceChange"] for one in described.get("Changes", []))
    )
