"""What roles are granted by their policies, compared with what they used on the local system."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from local.aws.serve import USED
from local.system import System
from tests.builders.roles import listed


@dataclass(frozen=True)
class Call:
    """An action that a role used on a resource."""

    role: str
    action: str
    resource: str


@dataclass(frozen=True)
class Grant:
    """A statement of a role's policies."""

    role: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def allows(self, call: Call, action: str | None = None) -> bool:
        """Return whether the statement allows a call, or allows it by one of its actions."""
        actions = [action] if action else self.actions
        return (
            call.role == self.role
            and call.action in actions
            and any(fnmatchcase(call.resource, resource) for resource in self.resources)
        )


def used(system: System) -> set[Call]:
    """The calls that the emulator allowed to roles so far."""
    (file,) = system.folder.glob(f"state-*/{USED}")
    return {Call(*json.loads(line)) for line in file.read_text("utf-8").splitlines()}


def granted(system: System, stacks: Sequence[str]) -> Iterator[tuple[str, Grant]]:
    """The statements of the roles that the stacks made, each with the role's logical ID."""
    iam, cloudformation = system.client("iam"), system.client("cloudformation")
    for stack in stacks:
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        for resource in resources:
            if resource["ResourceType"] == "AWS::IAM::Role":
                for statement in _statements(iam, resource["PhysicalResourceId"]):
                    yield resource["LogicalResourceId"], statement


def _statements(iam: Any, role: str) -> Iterator[Grant]:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in document["Statement"]:
            actions, resources = map(listed, (statement["Action"], statement["Resource"]))
            yield Grant(role, statement["Sid"], tuple(actions), tuple(resources))


def unused(grants: Sequence[Grant], calls: set[Call]) -> list[tuple[Grant, str]]:
    """The actions of statements that no call used."""
    return [
        (grant, action)
        for grant in grants
        for action in grant.actions
        if not any(grant.allows(call, action) for call in calls)
    ]


def removable(grants: Sequence[Grant], calls: set[Call]) -> list[Grant]:
    """The statements without which every call would be allowed as well."""
    return [
        grant
        for grant in grants
        if not any(
            grant.allows(call)
            and not any(other.allows(call) for other in grants if other is not grant)
            for call in calls
        )
    ]
