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
def test_the_job_that_it_is_for_gets_a_role(role: str) -> None:
    """In its environment, from its workflow file."""
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
def test_others_are_refused(role: str, what: str, changes: dict[str, str]) -> None:
    """Whatever is not exactly the job that a role is for."""
    assert not assumed(role, claims(role, **changes)), what


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("claim", ["aud", "sub", "repository_id", "job_workflow_ref"])
def test_a_missing_claim_is_no_match(role: str, claim: str) -> None:
    """As on AWS: a condition on what is not there fails."""
    found = claims(role)
    del found[claim]
    assert not assumed(role, found)


@pytest.mark.parametrize("role", ["DeployRole", "PromoteRole", "DriftRole", "RepairRole"])
def test_a_pull_request_gets_only_the_preview(role: str) -> None:
    """Its workflow file is its author's, even where it has the name of a trusted one."""
    workflow = f"acme/automation/.github/workflows/{WORKFLOWS[role]}@{PULL}"
    subject = f"{IMMUTABLE}:pull_request"
    assert not assumed(role, claims(role, sub=subject, job_workflow_ref=workflow))
    assert not assumed(role, claims(role, job_workflow_ref=workflow))


def test_a_preview_is_of_a_merge() -> None:
    """Of a pull request's merge, which GitHub makes, and not of whatever ref."""
    workflow = "acme/automation/.github/workflows/pull-request.yml"
    for ref in ("refs/heads/main", "refs/heads/refs/pull/7/merge", "refs/pull/7/head"):
        assert not assumed(
            "PreviewRole", claims("PreviewRole", job_workflow_ref=f"{workflow}@{ref}")
        )


@pytest.mark.parametrize("role", ROLES)
def test_one_role_is_not_for_the_workflow_of_another(role: str) -> None:
    """The roles of one environment differ by the workflow file, or by where its job may run."""
    for other in {one for one in ROLES if WORKFLOWS[one] != WORKFLOWS[role]}:
        workflow = claims(other)["job_workflow_ref"]
        assert not assumed(role, claims(role, job_workflow_ref=workflow))


def test_drift_may_do_without_the_environment() -> None:
    """A scheduled job on the branch does not wait for reviewers."""
    assert assumed("DriftRole", claims("DriftRole", sub=f"{IMMUTABLE}:ref:{MAIN}"))


def test_a_dry_run_of_a_promotion_gets_the_preview_role() -> None:
    """From the branch, which nobody writes to without a review, and from no other."""
    workflow = "acme/automation/.github/workflows/promote.yml"
    subject = f"{IMMUTABLE}:ref:{MAIN}"
    for ref, other, allowed in ((MAIN, MAIN, True), (MAIN, "refs/heads/x", False)):
        found = claims("PreviewRole", sub=subject, job_workflow_ref=f"{workflow}@{other}", ref=ref)
        assert assumed("PreviewRole", found) is allowed
    found = claims("PreviewRole", sub=f"{IMMUTABLE}:ref:refs/heads/x")
    assert not assumed("PreviewRole", found | {"job_workflow_ref": f"{workflow}@{MAIN}"})


def test_workflows_may_be_another_repositorys() -> None:
    """The subject stays the caller's; the workflow is the one of the pinned version."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    shared = Resolved(
        "github-oidc", PARAMETERS | {"WorkflowRepository": "acme/phaseline", "WorkflowRef": commit}
    )
    policy = shared.properties("PromoteRole")["AssumeRolePolicyDocument"]
    workflow = "acme/phaseline/.github/workflows/reusable-release.yml"
    assert trusts(policy, claims("PromoteRole", job_workflow_ref=f"{workflow}@{commit}"))
    assert not trusts(policy, claims("PromoteRole", job_workflow_ref=f"{workflow}@{MAIN}"))
    assert not trusts(policy, claims("PromoteRole"))


def test_the_trusted_workflows_are_there() -> None:
    """The files that the trust policies name exist, and are those that whoami knows."""
    for role in ROLES:
        trust = TEMPLATE.properties(role)["AssumeRolePolicyDocument"]
        [values] = [one.values for one in by_policy(trust) if one.claim == "job_workflow_ref"]
        files = [value.partition("@")[0].rsplit("/", 1)[-1] for value in values]
        assert set(files) == set(KNOWN[role.removesuffix("Role")])
        assert all((ROOT / ".github/workflows" / name).is_file() for name in files)


def test_what_is_not_evaluated_is_told() -> None:
    """The evaluator of these tests lets no policy pass that it does not understand."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "a"},
        "Condition": {"Bool": {"a": 1}},
    }
    with pytest.raises(ValueError, match="Bool"):
        trusts({"Statement": [statement]}, {})
    with pytest.raises(ValueError, match="not evaluated"):
        trusts({"Statement": [statement | {"Effect": "Deny"}]}, {})


def test_only_cloudformation_assumes_its_role() -> None:
    """No workflow, and no other service."""
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
def test_a_roles_policies_are_short_enough(role: str) -> None:
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


def test_only_the_deploy_passes_a_role() -> None:
    """And only CloudFormation's, to CloudFormation; a change set without it is refused."""
    [passing] = [one for one in statements("DeployRole") if "iam:PassRole" in one["Action"]]
    assert passing["Resource"] == "<phaseline-production-cloudformation-CloudFormationRoleArn>"
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }
    [making] = [one for one in statements("DeployRole") if one["Sid"] == "CreateChangeSets"]
    assert making["Condition"]["StringEquals"]["cloudformation:RoleArn"] == passing["Resource"]
    for role in set(ROLES) - {"DeployRole"}:
        assert "iam:PassRole" not in actions(role)


def test_nobody_changes_the_stack_of_the_roles() -> None:
    """Neither the stacks nor a role in them: only an administrator widens what a workflow may do.
    Drift reads them."""
    for role in (*ROLES, "CloudFormationRole"):
        for statement in statements(role):
            resources = json.dumps(statement["Resource"])
            if "production-github" in resources or "production-cloudformation/" in resources:
                assert all(map(reads, listed(statement["Action"])))
            if "role/" in resources or ":stack/" in resources:
                assert "production-*" not in resources


def test_an_environment_whose_name_begins_alike_is_another() -> None:
    """No role of `production` reaches what is called `phaseline-production-eu-...`."""
    for role in (*ROLES, "CloudFormationRole"):
        for statement in statements(role):
            assert "phaseline-production-*" not in json.dumps(statement["Resource"])


def test_no_role_deletes_data_or_a_stack() -> None:
    """What is lost by mistake is lost by a person."""
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


def test_the_environment_before_is_only_read() -> None:
    """Its stacks' names, its releases and its documents, by those who promote or preview, and
    only where there is one."""
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


def test_a_preview_executes_nothing() -> None:
    """Writes nothing, and makes no change set of a name that a deploy would take for its own."""
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


def test_drift_changes_nothing() -> None:
    """Every action of its role reads, but for Slack's token and the heartbeat's metric."""
    others = {action for action in actions("DriftRole") if not reads(action)}
    assert others == {"cloudwatch:PutMetricData", "kms:Decrypt"}


def test_a_repair_is_a_look_and_a_release_and_code() -> None:
    """It does what drift and a promotion may do, and updates functions; only where the environment
    let its job through, on no branch by itself."""
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


def test_cloudformation_may_do_what_its_handlers_need() -> None:
    """Create, read, update and delete every type of the five stacks, but for what holds data."""
    lacking = needed("create", "read", "update", "delete") - actions("CloudFormationRole")
    assert lacking == {"dynamodb:DeleteTable", "s3:DeleteBucket", "sqs:DeleteQueue"}


def test_drift_may_read_what_its_handlers_read() -> None:
    """CloudFormation reads as the caller when it looks for drift."""
    # Needed where a handler passes what it reads, which none does.
    assert needed("read") - actions("DriftRole") - {"iam:PassRole"} == set()


def test_nothing_is_excused_in_vain() -> None:
    """An exception that no handler asks for any more is removed, as is one for what is granted."""
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
