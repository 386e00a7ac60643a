"""The roles of the stacks github, drift and cloudformation, and the claims of jobs."""

from collections.abc import Iterator
from typing import Any

from tests.builders.trust import GITHUB, trusts
from tests.templates import Resolved

PARAMETERS = {
    "Environment": "production",
    "PipelineName": "phaseline-production",
    "Repository": "acme/automation",
    "OwnerId": "4711",
    "RepositoryId": "815",
    "SlackTokenArn": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:slack-AbCdEf",
    "CloudFormationStack": "phaseline-production-cloudformation",
}
TOKENS = {
    "GithubTokenArn": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:github-AbCdEf",
    "SlackTokenArn": PARAMETERS["SlackTokenArn"],
}
GITHUB_ROLES = Resolved("github-oidc", PARAMETERS)
SHARED = {"Environment", "PipelineName"}
OTHER = Resolved("cloudformation-role", {name: PARAMETERS[name] for name in SHARED} | TOKENS)
IDENTITY = {"Environment", "PipelineName", "Repository", "OwnerId", "RepositoryId"}
DRIFT_ROLES = Resolved(
    "drift-roles",
    {name: PARAMETERS[name] for name in IDENTITY} | {"GithubStack": "phaseline-production-github"},
)
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
    """Return the claims in the token of a role's own job, with changes."""
    is_pull_request = role == "PreviewRole"
    ref = PULL if is_pull_request else MAIN
    context = "pull_request" if is_pull_request else "environment:production"
    defaults = {
        "iss": f"https://{GITHUB}",
        "aud": "sts.amazonaws.com",
        "sub": f"{IMMUTABLE}:{context}",
        "actor": "ada",
        "actor_id": "9",
        "event_name": "pull_request" if is_pull_request else "workflow_dispatch",
        "job_workflow_ref": f"acme/automation/.github/workflows/{WORKFLOWS[role]}@{ref}",
        "ref": ref,
        "repository": "acme/automation",
        "repository_id": "815",
        "repository_owner": "acme",
        "repository_owner_id": "4711",
        "workflow": "Deploy",
    }
    environment = {} if is_pull_request else {"environment": "production"}
    return defaults | environment | changes


def assumed(role: str, claims: dict[str, str]) -> bool:
    """Return whether a job with these claims can assume the role."""
    return trusts(template_of(role).properties(role)["AssumeRolePolicyDocument"], claims)


def template_of(role: str) -> Resolved:
    """Return the template that makes a role."""
    templates = (GITHUB_ROLES, DRIFT_ROLES, OTHER)
    return next(one for one in templates if role in one.template["Resources"])


def documents(role: str, template: Resolved, kind: str) -> list[dict[str, Any]]:
    """Return the documents of the policy resources of a type that are attached to a role."""
    return [
        template.properties(name)["PolicyDocument"]
        for name, resource in template.template["Resources"].items()
        if resource["Type"] == kind and f"<{role}>" in template.properties(name).get("Roles", [])
    ]


def inline(role: str) -> list[dict[str, Any]]:
    """Return the documents of a role's inline policies."""
    template = template_of(role)
    policies = template.properties(role).get("Policies", [])
    own = [policy["PolicyDocument"] for policy in policies]
    return own + documents(role, template, "AWS::IAM::Policy")


def managed(role: str) -> list[dict[str, Any]]:
    """Return the documents of a role's managed policies."""
    template = template_of(role)
    imported = [
        GITHUB_ROLES.properties(arn.strip("<>").rpartition("-")[2].removesuffix("Arn"))
        for arn in template.properties(role).get("ManagedPolicyArns", [])
    ]
    own = documents(role, template, "AWS::IAM::ManagedPolicy")
    return own + [policy["PolicyDocument"] for policy in imported]


def statements(role: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of a role's policies."""
    for document in inline(role) + managed(role):
        yield from document["Statement"]


def actions(role: str) -> set[str]:
    """Return the actions that a role allows on any resource."""
    granted: set[str] = set()
    for statement in statements(role):
        granted |= set(listed(statement["Action"]))
    return granted


def listed(value: Any) -> list[Any]:
    """Return a list: the value itself, or a list of the single value."""
    return value if isinstance(value, list) else [value]
