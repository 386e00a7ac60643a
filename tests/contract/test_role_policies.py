"""The actions that each role of the workflows, and CloudFormation's, allows."""

import json
from typing import Any

import pytest

from tests.builders.roles import (
    IMMUTABLE,
    MAIN,
    PARAMETERS,
    ROLES,
    actions,
    assumed,
    claims,
    inline,
    listed,
    managed,
    statements,
    template_of,
)
from tests.templates import Resolved


@pytest.mark.parametrize("role", [*ROLES, "ServiceRole"])
def test_policies_are_within_iams_size_limits(role: str) -> None:
    """IAM counts all inline policies of a role together, without white space. The margin is for
    longer names and for an upstream environment.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    assert sum(map(length, inline(role))) <= 10_240 - 1_000
    assert all(length(document) <= 6_144 - 300 for document in managed(role))
    assert length(template_of(role).properties(role)["AssumeRolePolicyDocument"]) <= 2_048


def length(document: dict[str, Any]) -> int:
    """Return the number of characters of a policy, as IAM counts them."""
    return len(json.dumps(document, separators=(",", ":")))


def test_only_the_deploy_role_can_pass_a_role() -> None:
    """It passes only CloudFormation's role, and only to CloudFormation."""
    allowed = list(statements("DeployRole"))
    [pass_role] = [statement for statement in allowed if "iam:PassRole" in statement["Action"]]
    assert pass_role["Resource"] == "<phaseline-production-cloudformation-CloudFormationRoleArn>"
    assert pass_role["Condition"] == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }
    [create] = [statement for statement in allowed if statement["Sid"] == "CreateChangeSets"]
    assert create["Condition"]["StringEquals"]["cloudformation:RoleArn"] == pass_role["Resource"]
    for role in set(ROLES) - {"DeployRole"}:
        assert "iam:PassRole" not in actions(role)


def test_no_role_can_change_the_stacks_of_the_roles() -> None:
    """Only an administrator can extend the rights of a workflow."""
    for role in (*ROLES, "ServiceRole"):
        for statement in statements(role):
            resources = json.dumps(statement["Resource"])
            roles = ("production-github", "production-drift", "production-cloudformation/")
            if any(name in resources for name in roles):
                assert all(map(reads, listed(statement["Action"])))
            if "role/" in resources or ":stack/" in resources:
                assert "production-*" not in resources


def test_no_role_can_delete_data_or_a_stack() -> None:
    forbidden = {
        "cloudformation:DeleteStack",
        "dynamodb:DeleteTable",
        "s3:DeleteBucket",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "sqs:DeleteQueue",
    }
    for role in (*ROLES, "ServiceRole"):
        assert not forbidden & actions(role)


def test_upstream_environment_can_only_be_read() -> None:
    later = Resolved("github-oidc", PARAMETERS | {"PromotesFrom": "staging"})
    assert later.template["Resources"]["EarlierEnvironmentPolicy"]["Condition"] == "IsLater"
    policy = later.properties("EarlierEnvironmentPolicy")
    assert policy["Roles"] == ["<PromoteRole>", "<PreviewRole>"]
    for statement in policy["PolicyDocument"]["Statement"]:
        granted = statement["Action"]
        for action in granted if isinstance(granted, list) else [granted]:
            assert action.partition(":")[2].startswith(("Describe", "Get", "List", "Query"))
        resources = json.dumps(statement["Resource"])
        assert "phaseline-staging-" in resources
        assert "phaseline-staging-*" not in resources
        assert "production" not in resources


def test_preview_role_can_only_create_and_delete_its_own_change_sets() -> None:
    written = {
        action
        for action in actions("PreviewRole")
        if not action.partition(":")[2].startswith(("Describe", "Get", "List", "Query"))
    }
    assert written == {"cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet"}
    allowed = statements("PreviewRole")
    [create] = [statement for statement in allowed if statement["Sid"] == "MakeChangeSets"]
    names = create["Condition"]["StringLike"]["cloudformation:ChangeSetName"]
    assert all("phaseline-preview-" in name for name in names)


def reads(action: str) -> bool:
    """Return whether an action reads, or starts a detection of drift."""
    verbs = ("BatchDescribe", "BatchGet", "Describe", "Detect", "Get", "List", "Query", "Scan")
    return action.partition(":")[2].startswith(verbs)


def test_drift_role_can_only_read_and_report() -> None:
    """It reports to Slack and as a CloudWatch metric."""
    others = {action for action in actions("DriftRole") if not reads(action)}
    assert others == {"cloudwatch:PutMetricData", "kms:Decrypt"}


def test_repair_role_adds_only_the_update_of_functions_to_drift_and_promotion() -> None:
    """A job gets it only in the environment, not on a branch."""
    more = actions("RepairRole") - actions("DriftRole") - actions("PromoteRole")
    assert more == {"lambda:UpdateFunctionCode"}
    assert not assumed("RepairRole", claims("RepairRole", sub=f"{IMMUTABLE}:ref:{MAIN}"))
