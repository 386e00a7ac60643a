"""Pure: the settings of an environment on GitHub, and the requests that change them.

https://docs.github.com/en/rest/deployments/environments
https://docs.github.com/en/rest/deployments/branch-policies
https://docs.github.com/en/rest/actions/variables
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from phaseline.deploy.stack import Stack
from phaseline.errors import ConfigurationError

STACKS = ("cloudformation", "github", "drift")
"""The stacks with the roles of the workflows, by their short names."""
SHARED = (
    "AWS_REGION",
    "DEPLOY_ENVIRONMENT",
    "ENVIRONMENTS",
    "DRIFT_ROLE_ARNS",
    "PREVIEW_ROLE_ARNS",
)
"""The variables of the repository, which all of its environments share."""
RULE = {"protected_branches": False, "custom_branch_policies": True}
"""The rule that only branches which match a pattern may deploy."""


@dataclass(frozen=True)
class Reviewer:
    """A person or team that may approve deployments. `kind` is User or Team, as in the API."""

    name: str
    kind: str
    id: int


@dataclass(frozen=True)
class EnvironmentSettings:
    """The settings of an environment: who approves deployments, and which branch may deploy.

    `variables` are those of the environment, and `shared` those of the repository. Without
    `reviewers`, the present ones stay.
    """

    environment: str
    branch: str
    reviewers: tuple[Reviewer, ...]
    variables: Mapping[str, str]
    shared: Mapping[str, str]


@dataclass(frozen=True)
class PresentSettings:
    """The present settings: the environment in the form of the API, or None if it does not exist;
    the patterns of branches; and the variables that are set."""

    environment: Mapping[str, Any] | None
    policies: Sequence[Mapping[str, Any]]
    variables: Mapping[str, str]
    shared: Mapping[str, str]


@dataclass(frozen=True)
class SettingsChange:
    """One request that changes a setting, with a path in the repository, and `text` for people."""

    text: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None


def changes(wanted: EnvironmentSettings, present: PresentSettings) -> list[SettingsChange]:
    """Return the requests that are needed, in their order. After them, there are none.

    No branch may deploy while the pattern of the branch is missing.
    """
    path = f"/environments/{quote(wanted.environment, safe='')}"
    return [
        *_protection(wanted, present.environment, path),
        *branch_changes(wanted.branch, present.policies, f"{path}/deployment-branch-policies"),
        *variable_changes(wanted.variables, present.variables, f"{path}/variables"),
        *variable_changes(wanted.shared, present.shared, "/actions/variables"),
    ]


def reviewers(environment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the required reviewers of an environment, in the form of the API."""
    return [
        reviewer
        for rule in environment["protection_rules"]
        if rule["type"] == "required_reviewers"
        for reviewer in rule["reviewers"]
    ]


def _protection(
    wanted: EnvironmentSettings, present: Mapping[str, Any] | None, path: str
) -> Iterator[SettingsChange]:
    """Create the environment, or correct its rules. The request replaces all of them."""
    kept = {"deployment_branch_policy": None, "protection_rules": [], **(present or {})}
    before = {(one["type"], one["reviewer"]["id"]) for one in reviewers(kept)}
    after = {(one.kind, one.id) for one in wanted.reviewers} or before
    if present and before == after and kept["deployment_branch_policy"] == RULE:
        return
    body: dict[str, Any] = {"deployment_branch_policy": RULE}
    # A plan without a rule also refuses its default value, so only what is used is sent.
    if after:
        body["reviewers"] = [{"type": kind, "id": number} for kind, number in sorted(after)]
    for rule in kept["protection_rules"]:
        body |= {name: rule[name] for name in ("wait_timer", "prevent_self_review") if name in rule}
    names = ", ".join(one.name for one in wanted.reviewers)
    text = f"environment {wanted.environment}: only selected branches may deploy"
    yield SettingsChange(f"{text}; reviewers: {names}" if names else text, "PUT", path, body)


def branch_changes(
    branch: str, policies: Sequence[Mapping[str, Any]], path: str
) -> Iterator[SettingsChange]:
    """Allow deployments of one branch, and of no other."""
    for policy in policies:
        if (policy["name"], policy.get("type", "branch")) != (branch, "branch"):
            text = f"{policy.get('type', 'branch')} {policy['name']} may not deploy any more"
            yield SettingsChange(text, "DELETE", f"{path}/{policy['id']}")
    if (branch, "branch") not in ((one["name"], one.get("type", "branch")) for one in policies):
        body = {"name": branch, "type": "branch"}
        yield SettingsChange(f"branch {branch} may deploy", "POST", path, body)


def variable_changes(
    wanted: Mapping[str, str], present: Mapping[str, str], path: str
) -> Iterator[SettingsChange]:
    """Create or update variables."""
    for name, value in wanted.items():
        text, body = f"variable {name}: {value}", {"name": name, "value": value}
        if name not in present:
            yield SettingsChange(text, "POST", path, body)
        elif present[name] != value:
            yield SettingsChange(text, "PATCH", f"{path}/{name}", body)


SHARED = (
    "AWS_REGION",
    "DEPLOY_ENVIRONMENT",
    "ENVIRONMENTS",
    "DRIFT_ROLE_ARNS",
    "PREVIEW_ROLE_ARNS",
)
"""The variables of the repository, which all of its environments share."""


def settings_of(
    environment: str,
    stacks: Mapping[str, Stack],
    reviewers: Sequence[Reviewer],
    present: Mapping[str, str],
) -> EnvironmentSettings:
    """Return the settings that an environment with these stacks of roles should have.

    `present` are the variables of the repository. Raises ConfigurationError as `shared_variables`.
    """
    outputs = {name: value for stack in stacks.values() for name, value in stack.outputs.items()}
    github = stacks["github"]
    variables = {
        "DEPLOY_ROLE_ARN": outputs["DeployRoleArn"],
        "PROMOTE_ROLE_ARN": outputs["PromoteRoleArn"],
        "REPAIR_ROLE_ARN": outputs["RepairRoleArn"],
        "CLOUDFORMATION_ROLE_ARN": outputs["CloudFormationRoleArn"],
    }
    region = github.pseudo()["AWS::Region"]
    shared = shared_variables(environment, region, outputs, present)
    branch = github.parameters["Branch"]
    return EnvironmentSettings(environment, branch, tuple(reviewers), variables, shared)


def shared_variables(
    environment: str, region: str, outputs: Mapping[str, str], present: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of the repository, with this environment beside the others.

    The first environment is the one that a push deploys to. Raises ConfigurationError if a present
    value is malformed, or names another Region.
    """
    if (used := present.get("AWS_REGION", region)) != region:
        raise ConfigurationError(
            "the variable AWS_REGION of the repository",
            f"expected {region}, found {used}",
            "All environments of a repository are in one Region: set AWS_REGION to it.",
        )
    environments = _parsed(present, "ENVIRONMENTS", [])
    return {
        "AWS_REGION": region,
        "DEPLOY_ENVIRONMENT": present.get("DEPLOY_ENVIRONMENT", environment),
        "ENVIRONMENTS": json.dumps(list(dict.fromkeys([*environments, environment]))),
        **{
            name: json.dumps({**_parsed(present, name, {}), environment: outputs[output]})
            for name, output in (
                ("DRIFT_ROLE_ARNS", "DriftRoleArn"),
                ("PREVIEW_ROLE_ARNS", "PreviewRoleArn"),
            )
        },
    }


def _parsed(present: Mapping[str, str], name: str, empty: Any) -> Any:
    try:
        value = json.loads(present[name]) if name in present else empty
    except ValueError:
        value = None
    if not isinstance(value, type(empty)):
        raise ConfigurationError(
            f"the variable {name} of the repository",
            f"expected a JSON {'list' if empty == [] else 'object'}, found {present[name]}",
            "Correct or delete it.",
        )
    return value
