"""The permissions boundary allows what the roles of the stacks need, and no way to more."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from phaseline.deploy.plan import STACKS
from tests.builders.account import Account, Grant, listed, variants
from tests.contract.authorization import actions, details

KEY = "iam:PermissionsBoundary"
HARMLESS = {"iam:DeleteRole", "iam:GetRole"}
"""Actions that have the condition key and add no right."""
VARIANTS = range(len(variants()))


def boundary(account: Account) -> list[dict[str, Any]]:
    """The statements of the boundary."""
    return [one.statement for one in account.grants() if one.holder == "Boundary"]


def granted(account: Account) -> Iterator[tuple[Grant, str, str]]:
    """Each action and resource that a role of the stacks is granted."""
    for grant in account.grants():
        if grant.stack in STACKS:
            for action in listed(grant.statement["Action"]):
                for resource in listed(grant.statement["Resource"]):
                    yield grant, action, resource


@pytest.mark.parametrize("variant", VARIANTS)
def test_boundary_allows_what_roles_are_granted(variant: int) -> None:
    """A new permission of a function goes into the boundary, too."""
    account = variants()[variant]
    limits = boundary(account)
    assert [
        (grant.label, action, resource)
        for grant, action, resource in granted(account)
        if not any(
            action in listed(limit["Action"])
            and any(fnmatchcase(resource, one) for one in listed(limit["Resource"]))
            for limit in limits
        )
    ] == []


def test_boundary_allows_only_what_a_role_is_granted() -> None:
    """In one of the variants."""
    needed = {action for account in variants() for _, action, _ in granted(account)}
    allowed = {action for one in boundary(variants()[0]) for action in listed(one["Action"])}
    assert allowed == needed


def test_boundary_gives_no_way_to_more_rights() -> None:
    """Roles of the stacks do not assume, pass or change roles, and deploy nothing."""
    for statement in boundary(variants()[0]):
        services = {action.partition(":")[0] for action in actions(statement)}
        assert not services & {"iam", "sts", "cloudformation"}


def test_boundary_is_within_iams_size_limit() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    for account in variants():
        document = {"Version": "2012-10-17", "Statement": boundary(account)}
        assert len(json.dumps(document, separators=(",", ":"))) <= 6_144 - 300


def test_deployments_change_only_roles_with_the_boundary() -> None:
    """Each action that adds to the rights of a role has the condition, and none removes the
    boundary from a role."""
    account = variants()[0]
    arn = account.stacks["cloudformation"].arn("Boundary")
    seen = set()
    for grant in account.grants():
        if grant.holder != "ServiceRole":
            continue
        for action in actions(grant.statement):
            found = details(action)
            if KEY in found["conditionKeys"] and action not in HARMLESS:
                seen.add(action)
                assert grant.statement["Condition"] == {"StringEquals": {KEY: arn}}, action
    assert {"iam:CreateRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"} <= seen
    assert "iam:DeleteRolePermissionsBoundary" not in seen
