"""Pure: the name of a change set, and the changes in its description."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        StackTypeDef,
    )

EMPTY = ("didn't contain changes", "No updates are to be performed")
"""Parts of CloudFormation's status reason for a change set without changes."""


@dataclass(frozen=True)
class DeclaredStack:
    """A stack as it should be.

    A parameter that `parameters` lacks gets the template's default, never its previous value.
    CloudFormation assumes the role `role_arn`. If that is empty, it assumes the stack's previous
    role, or uses the caller's credentials.
    """

    name: str
    template: str
    parameters: Mapping[str, str]
    role_arn: str = ""


@dataclass(frozen=True)
class ResourceChange:
    """The change of one resource in a change set.

    `action` is Add, Modify, Remove, Import or Dynamic. `replacement` is True, False, Conditional
    or empty. `properties` names the properties that change.
    """

    action: str
    resource: str
    type: str
    replacement: str = ""
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackResult:
    """The result of deploying or previewing a stack.

    `action` is create, update or none. `note` says why a preview has no changes to show.
    """

    stack: str
    action: str
    changes: tuple[ResourceChange, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def change_set_name(declared: DeclaredStack, stack: "StackTypeDef | None", purpose: str) -> str:
    """Return the name of the change set that changes `stack` from its present state to `declared`.

    The state is the time of the stack's last update. The same declaration has another name after
    an update, because the name of an executed change set cannot be used again.
    """
    state = ""
    if stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS":
        state = str(stack.get("LastUpdatedTime", stack["CreationTime"]))
    parameters = dict(declared.parameters)
    identity = [declared.name, declared.template, parameters, declared.role_arn, state]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"phaseline-{purpose}-{digest[:32]}"


def is_empty(described: "DescribeChangeSetOutputTypeDef") -> bool:
    """Return whether this change set failed because it contains no changes."""
    reason = described.get("StatusReason", "")
    return described["Status"] == "FAILED" and any(words in reason for words in EMPTY)


def changes(described: "DescribeChangeSetOutputTypeDef") -> tuple[ResourceChange, ...]:
    """Return the changes in the description of a change set."""
    return tuple(
        ResourceChange(
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
        for change in (entry["ResourceChange"] for entry in described.get("Changes", []))
    )
