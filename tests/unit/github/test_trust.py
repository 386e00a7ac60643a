"""infra/github-oidc.yaml: who may assume which role, and what the roles may do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped] # it has no types
import pytest

from phaseline.github.trust import WORKFLOWS as KNOWN
from phaseline.github.trust import by_policy
from tests.contract.test_templates import ROOT, load
from tests.templates import Resolved
from tests.trust import GITHUB, trusts

PARAMETERS = {
    "Environment": "production",
    "PipelineName": "phaseline-production",
    "Repository": "acme/automation",
    "OwnerId": "4711",
    "RepositoryId": "815",
    "SlackTokenArn": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:slack-AbCdEf",
    "CloudFormationStack": "phaseline-production-cloudformation",
}
TEMPLATE = Resolved("github-oidc", PARAMETERS)
SHARED = {"Environment", "PipelineName"}
OTHER = Resolved("cloudformation-role", {name: PARAMETERS[name] for name in SHARED})
STACKS = ("registry", "site", "listener", "publish", "slack", "watch", "pipeline")
ROLES = ("DeployRole", "PromoteRole", "DriftRole", "RepairRole", "PreviewRole")
WORKFLOWS = {
    "DeployRole": "reusable-deploy-stack.yml",
    "PromoteRole": "reusable-release.yml",
    "DriftRole": "drift.yml",
    "RepairRole": "drift.yml",
    "PreviewRole": "pull-request.yml",
}
MAIN, PULL = "refs/heads/main", "refs/pull/7/merge"
IMMUTABLE = "repo:acme@4711/automation@815"


def claims(role: str, **changes: str) -> dict[str, str]:
    """The claims of the job that a role is for, as GitHub's tokens have them, with changes."""
    pull = role == "PreviewRole"
    ref = PULL if pull else MAIN
    subject = f"{IMMUTABLE}:pull_request" if pull else f"{IMMUTABLE}:environment:production"
    found = {
        "iss": f"https://{GITHUB}",
        "aud": "sts.amazonaws.com",
        "sub": subject,
        "actor": "ada",
        "actor_id": "9",
        "event_name": "pull_request" if pull else "workflow_dispatch",
        "job_workflow_ref": f"acme/automation/.github/workflows/{WORKFLOWS[role]}@{ref}",
        "ref": ref,
        "repository": "acme/automation",
        "repository_id": "815",
        "repository_owner": "acme",
        "repository_owner_id": "4711",
        "workflow": "Deploy",
    }
    return found | ({} if pull else {"environment": "production"}) | changes


def assumed(role: str, found: dict[str, str]) -> bool:
    """Whether a job with these claims gets the role."""
    return trusts(TEMPLATE.properties(role)["AssumeRolePolicyDocument"], found)


@pytest.mark.parametrize("role", ROLES)
def test_role_is_granted_to_its_job(role: str) -> None:
    assert assumed(role, claims(role))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another audience", {"aud": "https://github.com/acme"}),
        ("the old subject", {"sub": "repo:acme/automation:environment:production"}),
        ("the old subject of a pull request", {"sub": "repo:acme/automation:pull_request"}),
        ("another environment", {"sub": f"{IMMUTABLE}:environment:staging"}),
        ("an environment whose name begins alike", {"sub": f"{IMMUTABLE}:environment:production2"}),
        ("a branch", {"sub": f"{IMMUTABLE}:ref:refs/heads/feature"}),
        ("a tag called as the branch", {"sub": f"{IMMUTABLE}:ref:refs/tags/main"}),
        (
            "a fork",
            {
                "sub": "repo:eve@666/automation@816:environment:production",
                "repository": "eve/automation",
                "repository_id": "816",
                "repository_owner_id": "666",
            },
        ),
        (
            "a repository of a longer name",
            {
                "sub": "repo:acme@4711/automation-copy@817:environment:production",
                "repository_id": "817",
            },
        ),
        (
            "an owner of a longer name",
            {"sub": "repo:evil-acme@667/automation@818:environment:production"},
        ),
        (
            "a repository that was made anew under the name",
            {"sub": "repo:acme@4711/automation@999:environment:production", "repository_id": "999"},
        ),
        ("another repository's number alone", {"repository_id": "816"}),
        (
            "another workflow",
            {"job_workflow_ref": f"acme/automation/.github/workflows/other.yml@{MAIN}"},
        ),
        (
            "the workflow of another repository",
            {"job_workflow_ref": f"eve/automation/.github/workflows/drift.yml@{MAIN}"},
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_role_is_refused_to_other_jobs(role: str, what: str, changes: dict[str, str]) -> None:
    assert not assumed(role, claims(role, **changes)), what


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("claim", ["aud", "sub", "repository_id", "job_workflow_ref"])
def test_missing_claim_is_no_match(role: str, claim: str) -> None:
    """As on AWS, a condition on a missing claim is false."""
    found = claims(role)
    del found[claim]
    assert not assumed(role, found)


@pytest.mark.parametrize("role", ["DeployRole", "PromoteRole", "DriftRole", "RepairRole"])
def test_pull_request_gets_only_the_preview_role(role: str) -> None:
    """The author of a pull request can change its workflow files."""
    workflow = f"acme/automation/.github/workflows/{WORKFLOWS[role]}@{PULL}"
    subject = f"{IMMUTABLE}:pull_request"
    assert not assumed(role, claims(role, sub=subject, job_workflow_ref=workflow))
    assert not assumed(role, claims(role, job_workflow_ref=workflow))


def test_preview_role_is_granted_only_to_the_merge_ref_of_a_pull_request() -> None:
    workflow = "acme/automation/.github/workflows/pull-request.yml"
    for ref in ("refs/heads/main", "refs/heads/refs/pull/7/merge", "refs/pull/7/head"):
        assert not assumed(
            "PreviewRole", claims("PreviewRole", job_workflow_ref=f"{workflow}@{ref}")
        )


@pytest.mark.parametrize("role", ROLES)
def test_role_is_refused_to_the_workflow_of_another_role(role: str) -> None:
    for other in {one for one in ROLES if WORKFLOWS[one] != WORKFLOWS[role]}:
        workflow = claims(other)["job_workflow_ref"]
        assert not assumed(role, claims(role, job_workflow_ref=workflow))


def test_scheduled_drift_check_needs_no_environment() -> None:
    """So it does not wait for a reviewer."""
    assert assumed("DriftRole", claims("DriftRole", sub=f"{IMMUTABLE}:ref:{MAIN}"))


def test_dry_run_of_a_promotion_gets_the_preview_role_only_on_the_main_branch() -> None:
    workflow = "acme/automation/.github/workflows/promote.yml"
    subject = f"{IMMUTABLE}:ref:{MAIN}"
    for ref, other, allowed in ((MAIN, MAIN, True), (MAIN, "refs/heads/x", False)):
        found = claims("PreviewRole", sub=subject, job_workflow_ref=f"{workflow}@{other}", ref=ref)
        assert assumed("PreviewRole", found) is allowed
    found = claims("PreviewRole", sub=f"{IMMUTABLE}:ref:refs/heads/x")
    assert not assumed("PreviewRole", found | {"job_workflow_ref": f"{workflow}@{MAIN}"})


def test_workflow_of_another_repository_is_trusted_at_its_pinned_commit() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    shared = Resolved(
        "github-oidc", PARAMETERS | {"WorkflowRepository": "acme/phaseline", "WorkflowRef": commit}
    )
    policy = shared.properties("PromoteRole")["AssumeRolePolicyDocument"]
    workflow = "acme/phaseline/.github/workflows/reusable-release.yml"
    assert trusts(policy, claims("PromoteRole", job_workflow_ref=f"{workflow}@{commit}"))
    assert not trusts(policy, claims("PromoteRole", job_workflow_ref=f"{workflow}@{MAIN}"))
    assert not trusts(policy, claims("PromoteRole"))


def test_trusted_workflows_exist_and_are_those_that_whoami_expects() -> None:
    for role in ROLES:
        trust = TEMPLATE.properties(role)["AssumeRolePolicyDocument"]
        [values] = [one.values for one in by_policy(trust) if one.claim == "job_workflow_ref"]
        files = [value.partition("@")[0].rsplit("/", 1)[-1] for value in values]
        assert set(files) == set(KNOWN[role.removesuffix("Role")])
        assert all((ROOT / ".github/workflows" / name).is_file() for name in files)


def test_evaluator_rejects_policies_that_it_does_not_support() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "a"},
        "Condition": {"Bool": {"a": 1}},
    }
    with pytest.raises(ValueError, match="Bool"):
        trusts({"Statement": [statement]}, {})
    with pytest.raises(ValueError, match="not evaluated"):
        trusts({"Statement": [statement | {"Effect": "Deny"}]}, {})


def test_only_cloudformation_can_assume_its_role() -> None:
    trust = OTHER.properties("CloudFormationRole")["AssumeRolePolicyDocument"]["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "cloudformation.amazonaws.com"}]


# ---- What the roles may do -------------------------------------------------------------------


def documents(role: str, template: Resolved, kind: str) -> list[dict[str, Any]]:
    """The documents of the policies of a kind that stand beside a role and are attached to it."""
    found = []
    for name, resource in template.template["Resources"].items():
        attached = resource["Type"] == kind and template.properties(name)["Roles"]
        if attached and f"<{role}>" in attached:
            found.append(template.properties(name)["PolicyDocument"])
    return found


def inline(role: str) -> list[dict[str, Any]]:
    """The documents of a role's own policies."""
    template = OTHER if role == "CloudFormationRole" else TEMPLATE
    policies = template.properties(role).get("Policies", [])
    own = [policy["PolicyDocument"] for policy in policies]
    return own + documents(role, template, "AWS::IAM::Policy")


def managed(role: str) -> list[dict[str, Any]]:
    """The documents of the managed policies that a role has."""
    return documents(role, TEMPLATE, "AWS::IAM::ManagedPolicy")


def statements(role: str) -> Iterator[dict[str, Any]]:
    """The statements of a role's policies."""
    for document in inline(role) + managed(role):
        yield from document["Statement"]


def actions(role: str) -> set[str]:
    """What a role may do, to whatever it may do it."""
    granted: set[str] = set()
    for statement in statements(role):
        granted |= set(listed(statement["Action"]))
    return granted


def listed(value: Any) -> list[Any]:
    """One or several, as several."""
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("role", [*ROLES, "CloudFormationRole"])
def test_policies_are_within_iams_size_limits(role: str) -> None:
    """IAM counts the inline policies of a role together, without white space; with the room that
    longer names and an environment before this one take.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    assert sum(map(length, inline(role))) <= 10_240 - 1_000
    assert all(length(one) <= 6_144 - 300 for one in managed(role))
    template = OTHER if role == "CloudFormationRole" else TEMPLATE
    assert length(template.properties(role)["AssumeRolePolicyDocument"]) <= 2_048


def length(document: dict[str, Any]) -> int:
    """The characters of a policy, as IAM counts them."""
    return len(json.dumps(document, separators=(",", ":")))


def test_only_the_deploy_role_can_pass_a_role() -> None:
    """It passes only CloudFormation's role, and only to CloudFormation."""
    [passing] = [one for one in statements("DeployRole") if "iam:PassRole" in one["Action"]]
    assert passing["Resource"] == "<phaseline-production-cloudformation-CloudFormationRoleArn>"
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }
    [making] = [one for one in statements("DeployRole") if one["Sid"] == "CreateChangeSets"]
    assert making["Condition"]["StringEquals"]["cloudformation:RoleArn"] == passing["Resource"]
    for role in set(ROLES) - {"DeployRole"}:
        assert "iam:PassRole" not in actions(role)


def test_no_role_can_change_the_stacks_of_the_roles() -> None:
    """Only an administrator can extend the rights of a workflow."""
    for role in (*ROLES, "CloudFormationRole"):
        for statement in statements(role):
            resources = json.dumps(statement["Resource"])
            if "production-github" in resources or "production-cloudformation/" in resources:
                assert all(map(reads, listed(statement["Action"])))
            if "role/" in resources or ":stack/" in resources:
                assert "production-*" not in resources


def test_no_role_reaches_an_environment_whose_name_begins_alike() -> None:
    for role in (*ROLES, "CloudFormationRole"):
        for statement in statements(role):
            assert "phaseline-production-*" not in json.dumps(statement["Resource"])


def test_no_role_can_delete_data_or_a_stack() -> None:
    forbidden = {
        "cloudformation:DeleteStack",
        "dynamodb:DeleteTable",
        "s3:DeleteBucket",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "sqs:DeleteQueue",
    }
    for role in (*ROLES, "CloudFormationRole"):
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
    [making] = [one for one in statements("PreviewRole") if one["Sid"] == "MakeChangeSets"]
    names = making["Condition"]["StringLike"]["cloudformation:ChangeSetName"]
    assert all("phaseline-preview-" in name for name in names)


def reads(action: str) -> bool:
    """Whether an action reads, or starts a detection of drift."""
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


# ---- What CloudFormation needs for the resources of the stacks -------------------------------

UNUSED_PREFIXES = (
    "dynamodb:Associate",
    "dynamodb:Batch",
    "dynamodb:CreateTableReplica",
    "dynamodb:DeleteItem",
    "dynamodb:DeleteResourcePolicy",
    "dynamodb:DescribeImport",
    "dynamodb:Disable",
    "dynamodb:Enable",
    "dynamodb:GetItem",
    "dynamodb:Import",
    "dynamodb:Put",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateContributorInsights",
    "dynamodb:UpdateItem",
    "dynamodb:UpdateKinesis",
    "ec2:",
    "elasticfilesystem:",
    "firehose:",
    "iam:AttachRolePolicy",
    "iam:CreateServiceLinkedRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "kinesis:",
    "kms:",
    "lambda:AssociateRuntimeAlias",
    "lambda:DeleteFunctionCodeSigningConfig",
    "lambda:DeleteFunctionConcurrency",
    "lambda:GetCodeSigningConfig",
    "lambda:GetLayerVersion",
    "lambda:PassCapacityProvider",
    "lambda:PublishVersion",
    "lambda:PutFunctionCodeSigningConfig",
    "lambda:PutFunctionConcurrency",
    "lambda:PutFunctionRecursionConfig",
    "lambda:PutFunctionScalingConfig",
    "lambda:PutRuntimeManagementConfig",
    "logs:AssociateKmsKey",
    "logs:CreateLogDelivery",
    "logs:CreateLogStream",
    "logs:DeleteDataProtectionPolicy",
    "logs:DeleteIndexPolicy",
    "logs:DeleteResourcePolicy",
    "logs:DescribeLogStreams",
    "logs:DisassociateKmsKey",
    "logs:PutBearerTokenAuthentication",
    "logs:PutDataProtectionPolicy",
    "logs:PutIndexPolicy",
    "logs:PutLog",
    "logs:PutResourcePolicy",
    "s3:CreateBucketMetadata",
    "s3:DeleteBucketAnalytics",
    "s3:DeleteBucketCors",
    "s3:DeleteBucketEncryption",
    "s3:DeleteBucketLifecycle",
    "s3:DeleteBucketMetadata",
    "s3:DeleteBucketMetrics",
    "s3:DeleteBucketReplication",
    "s3:DeleteBucketWebsite",
    "s3:DeleteObject",
    "s3:GetObjectMetadata",
    "s3:PutAccelerate",
    "s3:PutAnalytics",
    "s3:PutBucketAbac",
    "s3:PutBucketAcl",
    "s3:PutBucketCORS",
    "s3:PutBucketLogging",
    "s3:PutBucketObjectLock",
    "s3:PutBucketReplication",
    "s3:PutBucketWebsite",
    "s3:PutIntelligent",
    "s3:PutInventory",
    "s3:PutMetrics",
    "s3:PutObject",
    "s3:PutReplication",
    "s3:REST",
    "s3:UpdateBucketMetadata",
    "s3files:",
    "s3tables:",
    "cloudfront:CreateConnectionGroup",
    "cloudfront:GetConnectionGroup",
    "cloudfront:GetVpcOrigin",
    "cloudfront:UpdateDistributionWithStagingConfig",
    "codepipeline:DisableStageTransition",
    "codepipeline:EnableStageTransition",
    "codepipeline:StartPipelineExecution",
)
"""Handlers ask for these only for properties that no template of ours sets: encryption with keys
of one's own, replicas, layers, staging distributions, boundaries and the like."""
NOT_IN_IAM = {"cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution"}
"""Operations that are allowed by the action of another name."""
NO_SCHEMA = {"AWS::CodeBuild::Project"}
"""Types whose handlers do not tell their permissions."""


def handlers() -> dict[str, dict[str, list[str]]]:
    """By resource type and operation: what CloudFormation's handlers are allowed to need, as the
    schemas say that cfn-lint brings with it."""
    folder = Path(cfnlint.__file__).parent / "data/schemas/resources"
    found: dict[str, dict[str, list[str]]] = {}
    for path in folder.glob("*.json"):
        schema = json.loads(path.read_text("utf-8"))
        for operation, handler in schema.get("handlers", {}).items():
            found.setdefault(schema["typeName"], {})[operation] = handler.get("permissions", [])
    return found


def needed(*operations: str) -> set[str]:
    """What these operations need on the types of the five stacks."""
    types = {one["Type"] for name in STACKS for one in load(name)["Resources"].values()}
    known = handlers()
    assert types - NO_SCHEMA <= known.keys()
    asked = {
        NOT_IN_IAM.get(action, action)
        for type_ in types - NO_SCHEMA
        for operation in operations
        for action in known[type_].get(operation, [])
    }
    return {action for action in asked if not action.startswith(UNUSED_PREFIXES)}


def test_cloudformation_role_allows_every_handler_except_the_deletion_of_data() -> None:
    lacking = needed("create", "read", "update", "delete") - actions("CloudFormationRole")
    assert lacking == {"dynamodb:DeleteTable", "s3:DeleteBucket", "sqs:DeleteQueue"}


def test_drift_role_allows_every_read_handler() -> None:
    """CloudFormation detects drift with the rights of its caller."""
    # Needed where a handler passes what it reads, which none does.
    assert needed("read") - actions("DriftRole") - {"iam:PassRole"} == set()


def test_every_exception_from_the_handlers_is_needed() -> None:
    documents = inline("CloudFormationRole") + managed("DriftRole")
    granted = {
        action
        for document in documents
        for statement in document["Statement"]
        for action in listed(statement["Action"])
    }
    assert not [action for action in granted if action.startswith(UNUSED_PREFIXES)]
    known = handlers()
    types = {one["Type"] for name in STACKS for one in load(name)["Resources"].values()}
    asked = {
        action
        for type_ in types - NO_SCHEMA
        for permissions in known[type_].values()
        for action in permissions
    }
    assert [one for one in UNUSED_PREFIXES if not any(a.startswith(one) for a in asked)] == []
