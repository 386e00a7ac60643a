"""Pure: compares the claims of a job's OIDC token with those that a role's trust policy expects.

https://docs.github.com/en/actions/reference/security/oidc
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
SHOWN = (
    "aud",
    "sub",
    "repository",
    "repository_id",
    "repository_owner_id",
    "environment",
    "ref",
    "event_name",
    "job_workflow_ref",
    "workflow",
    "actor",
)
"""The claims to show, in their order. They are no secrets, unlike the token that contains them."""
ROLE = re.compile(
    r":role/(?:.*/)?phaseline-(?P<environment>[a-z0-9]+)-(?:github|drift)-(?P<purpose>[A-Z][a-z]+)Role-"
)
"""The pattern of the ARNs of the roles in infra/github-oidc.yaml and infra/drift-roles.yaml, which
CloudFormation names."""
WORKFLOWS = {
    "Deploy": ("reusable-deploy-lambdas.yml", "reusable-deploy-stack.yml"),
    "Promote": ("reusable-release.yml",),
    "Drift": ("drift.yml",),
    "Repair": ("drift.yml",),
    "Preview": ("pull-request.yml", "promote.yml"),
}
"""Maps the purpose of a role to the workflow files whose jobs may assume it."""
VARIABLES = {
    "Deploy": "DEPLOY_ROLE_ARN of the environment or of the repository",
    "Promote": "PROMOTE_ROLE_ARN of the environment or of the repository",
    "Drift": "DRIFT_ROLE_ARNS of the repository, with an entry for the environment",
    "Repair": "REPAIR_ROLE_ARN of the environment or of the repository",
    "Preview": "PREVIEW_ROLE_ARNS of the repository, with an entry for the environment",
}
"""Maps the purpose of a role to the GitHub Actions variable that contains its ARN."""
OLD_SUBJECT = re.compile(r"repo:[^@:/]+/[^@:/]+:")
"""The subject claim with names only, without the ids of owner and repository."""


@dataclass(frozen=True)
class ExpectedClaim:
    """A claim and its accepted `values`, in which * and ? are wildcards as in IAM policies.

    >>> ExpectedClaim("sub", ("repo:acme/*:environment:demo",)).accepts("repo:acme/a:ref:main")
    False
    """

    claim: str
    values: tuple[str, ...]

    def accepts(self, actual: str | None) -> bool:
        """Return whether a value matches; a claim that the token lacks (None) never does."""
        return actual is not None and any(_like(value, actual) for value in self.values)


@dataclass(frozen=True)
class Row:
    """The comparison of one claim: its expected values, if any, and the value in the token."""

    claim: str
    expected: tuple[str, ...]
    found: str | None
    matches: bool


def by_policy(policy: Mapping[str, Any]) -> list[ExpectedClaim]:
    """Return the claims that a trust policy expects of GitHub's tokens.

    Other statements and conditions are ignored.
    """
    return [
        ExpectedClaim(
            key.removeprefix(f"{ISSUER}:"), tuple(values if isinstance(values, list) else [values])
        )
        for statement in policy.get("Statement", [])
        if statement.get("Effect") == "Allow"
        for operator in ("StringEquals", "StringLike")
        for key, values in statement.get("Condition", {}).get(operator, {}).items()
        if key.startswith(f"{ISSUER}:")
    ]


def by_name(role_arn: str, claims: Mapping[str, str]) -> list[ExpectedClaim]:
    """Return the claims that a role of the stacks github and drift expects, based on its name.

    Of any other role, only the audience is known. The name of a role does not contain its
    repository, so the result assumes the repository of the token.
    """
    audience = ExpectedClaim("aud", (AUDIENCE,))
    role = ROLE.search(role_arn)
    if not role or role["purpose"] not in WORKFLOWS:
        return [audience]
    owner, _, name = claims.get("repository", "").partition("/")
    owner_id, repository_id = (
        claims.get(claim, "?") for claim in ("repository_owner_id", "repository_id")
    )
    repository = f"repo:{owner}@{owner_id}/{name}@{repository_id}"
    contexts = {
        "Drift": (f"environment:{role['environment']}", "ref:refs/heads/*"),
        "Preview": ("pull_request", "ref:refs/heads/*"),
    }.get(role["purpose"], (f"environment:{role['environment']}",))
    workflows = tuple(f"*/.github/workflows/{file}@*" for file in WORKFLOWS[role["purpose"]])
    branch = [] if role["purpose"] == "Preview" else [ExpectedClaim("ref", ("refs/heads/*",))]
    return [
        audience,
        ExpectedClaim("sub", tuple(f"{repository}:{context}" for context in contexts)),
        *branch,
        ExpectedClaim("job_workflow_ref", workflows),
    ]


def without_variable(name: str) -> str:
    """Return the remedy for a job without a variable of the repository or environment."""
    return f"Set the variable {name}: docs/setup.md describes its value."


def without_role(claims: Mapping[str, str]) -> str:
    """Return the remedy for a job without a role, which depends on its workflow file."""
    file = claims.get("job_workflow_ref", "").partition("@")[0].rpartition("/")[2]
    for purpose, files in WORKFLOWS.items():
        if file in files:
            return without_variable(VARIABLES[purpose])
    return "Give the role's ARN: docs/workflows.md lists the variables that hold one."


def compare_claims(expected: Sequence[ExpectedClaim], claims: Mapping[str, str]) -> list[Row]:
    """Compare the claims of a token with the expected ones.

    The result contains every claim that is expected or in SHOWN, in the order of SHOWN.
    """
    rows = {name: Row(name, (), claims[name], True) for name in SHOWN if name in claims}
    for claim in expected:
        actual = claims.get(claim.claim)
        rows[claim.claim] = Row(claim.claim, claim.values, actual, claim.accepts(actual))
    order = {name: position for position, name in enumerate(SHOWN)}
    return sorted(rows.values(), key=lambda row: order.get(row.claim, len(order)))


def hints(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a remedy for each claim that differs, if its usual cause is known."""
    wrong = {row.claim: row for row in rows if not row.matches}
    claims = {row.claim: row.found or "" for row in rows}
    if "aud" in wrong:
        yield f"Ask for the audience {AUDIENCE}, as configure-aws-credentials does by default."
    if "sub" in wrong:
        yield from _subject_hints(wrong["sub"], claims)
    if "repository_id" in wrong:
        yield (
            "The role trusts another repository. A fork or a repository that was created again has"
            " another id. Deploy the stacks github and drift with this RepositoryId and OwnerId."
        )
    if "ref" in wrong:
        yield (
            "The role is for jobs of the branch that the parameter Branch of the stacks github and"
            " drift names. Run the workflow on it."
        )
    if "job_workflow_ref" in wrong:
        yield (
            "The role is for the jobs of another workflow file, or of another version of it: see"
            " WorkflowRepository, WorkflowRef and Branch of the stacks github and drift."
        )


def _subject_hints(row: Row, claims: Mapping[str, str]) -> Iterator[str]:
    subject, expected = row.found or "", " ".join(row.expected)
    is_old = OLD_SUBJECT.match(subject) is not None
    if is_old and "@" in expected:
        yield (
            "The token has the old subject, which has only names, and the role trusts the new one,"
            " which has ids. To get the new one in an older repository: gh api --method PUT"
            " repos/OWNER/NAME/actions/oidc/customization/sub -F use_default=true"
            " -F use_immutable_subject=true"
        )
    elif not is_old and OLD_SUBJECT.match(expected):
        yield (
            "The token has the new subject, which has ids, and the role trusts the old one. Deploy"
            " the stacks github and drift, whose roles trust the new one."
        )
    elif ":environment:" in subject and ":environment:" in expected:
        yield "Compare the names of the environments, and the ids of the owner and the repository."
    if ":environment:" in expected and ":environment:" not in subject:
        if claims.get("event_name") == "pull_request":
            yield "A job of a pull request may assume only the preview role."
        else:
            yield "The job names no environment: it needs `environment:`."


def _like(pattern: str, value: str) -> bool:
    """Return whether a value matches a pattern of IAM's operator StringLike."""
    wildcards = {"*": ".*", "?": "."}
    regex = "".join(wildcards.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(regex, value, re.DOTALL) is not None
