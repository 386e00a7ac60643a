"""Pure: what a role's trust policy asks of a job's identity, held against what the token says.

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
"""The claims that are shown. None of them is a secret; the token that holds them is."""
ROLE = re.compile(
    r":role/(?:.*/)?phaseline-(?P<environment>[a-z0-9-]+)-github-(?P<purpose>[A-Z][a-z]+)Role-"
)
"""How CloudFormation names the roles of infra/github-oidc.yaml."""
WORKFLOWS = {
    "Deploy": ("reusable-deploy-lambdas.yml", "reusable-deploy-stack.yml"),
    "Promote": ("reusable-release.yml",),
    "Drift": ("drift.yml",),
    "Repair": ("drift.yml",),
    "Preview": ("pull-request.yml", "promote.yml"),
}
"""The files whose jobs may assume the role of a purpose."""
VARIABLES = {
    "Deploy": "DEPLOY_ROLE_ARN of the environment or of the repository",
    "Promote": "PROMOTE_ROLE_ARN of the environment or of the repository",
    "Drift": "DRIFT_ROLE_ARNS of the repository, with an entry for the environment",
    "Repair": "REPAIR_ROLE_ARN of the environment or of the repository",
    "Preview": "PREVIEW_ROLE_ARNS of the repository, with an entry for the environment",
}
"""The variables of GitHub Actions that the files take the role of a purpose from."""
OLD_SUBJECT = re.compile(r"repo:[^@:/]+/[^@:/]+:")


@dataclass(frozen=True)
class Wanted:
    """What a claim has to be: one of `values`, in which * and ? stand for anything."""

    claim: str
    values: tuple[str, ...]

    def accepts(self, found: str | None) -> bool:
        """Whether this value of the claim will do; None where the token lacks it."""
        return found is not None and any(_like(value, found) for value in self.values)


@dataclass(frozen=True)
class Row:
    """One claim: what is expected, if anything is, and what the token says."""

    claim: str
    expected: tuple[str, ...]
    found: str | None
    matches: bool


def by_policy(policy: Mapping[str, Any]) -> list[Wanted]:
    """What a trust policy asks of GitHub's tokens; other statements and conditions are left out."""
    return [
        Wanted(
            key.removeprefix(f"{ISSUER}:"), tuple(values if isinstance(values, list) else [values])
        )
        for statement in policy.get("Statement", [])
        if statement.get("Effect") == "Allow"
        for operator in ("StringEquals", "StringLike")
        for key, values in statement.get("Condition", {}).get(operator, {}).items()
        if key.startswith(f"{ISSUER}:")
    ]


def by_name(role_arn: str, claims: Mapping[str, str]) -> list[Wanted]:
    """What the role of this name asks, if infra/github-oidc.yaml made it; else what any asks.

    Which repository it trusts is not in its name, so the token's own is taken.
    """
    audience = Wanted("aud", (AUDIENCE,))
    found = ROLE.search(role_arn)
    if not found or found["purpose"] not in WORKFLOWS:
        return [audience]
    owner, _, name = claims.get("repository", "").partition("/")
    numbers = [claims.get(one, "?") for one in ("repository_owner_id", "repository_id")]
    repository = f"repo:{owner}@{numbers[0]}/{name}@{numbers[1]}"
    context = {
        "Drift": (f"environment:{found['environment']}", "ref:refs/heads/*"),
        "Preview": ("pull_request", "ref:refs/heads/*"),
    }.get(found["purpose"], (f"environment:{found['environment']}",))
    workflows = tuple(f"*/.github/workflows/{one}@*" for one in WORKFLOWS[found["purpose"]])
    return [
        audience,
        Wanted("sub", tuple(f"{repository}:{one}" for one in context)),
        Wanted("job_workflow_ref", workflows),
    ]


def without_role(claims: Mapping[str, str]) -> str:
    """What to set where a job was given no role, by the workflow file that it is in."""
    file = claims.get("job_workflow_ref", "").partition("@")[0].rpartition("/")[2]
    for purpose, files in WORKFLOWS.items():
        if file in files:
            return f"Set the variable {VARIABLES[purpose]}: docs/setup.md says to what."
    return "Give the role's ARN: docs/workflows.md lists the variables that hold one."


def compare(wanted: Sequence[Wanted], claims: Mapping[str, str]) -> list[Row]:
    """Every claim that is expected or shown, in the order of SHOWN."""
    rows = {name: Row(name, (), claims[name], True) for name in SHOWN if name in claims}
    for one in wanted:
        found = claims.get(one.claim)
        rows[one.claim] = Row(one.claim, one.values, found, one.accepts(found))
    order = {name: place for place, name in enumerate(SHOWN)}
    return sorted(rows.values(), key=lambda row: order.get(row.claim, len(order)))


def hints(rows: Sequence[Row]) -> Iterator[str]:
    """What to change, for each claim that differs and whose usual cause is known."""
    wrong = {row.claim: row for row in rows if not row.matches}
    claims = {row.claim: row.found or "" for row in rows}
    if "aud" in wrong:
        yield f"Ask for the audience {AUDIENCE}: configure-aws-credentials does by itself."
    if "sub" in wrong:
        yield from _about_subject(wrong["sub"], claims)
    if "repository_id" in wrong:
        yield (
            "The role trusts another repository: a fork or one that was made anew has a number of"
            " its own. Deploy infra/github-oidc.yaml with RepositoryId and OwnerId of this one."
        )
    if "job_workflow_ref" in wrong:
        yield (
            "The role is for the jobs of another workflow file, or of another version of it: see"
            " WorkflowRepository, WorkflowRef and Branch of infra/github-oidc.yaml."
        )


def _about_subject(row: Row, claims: Mapping[str, str]) -> Iterator[str]:
    found, expected = row.found or "", " ".join(row.expected)
    is_old = OLD_SUBJECT.match(found) is not None
    if is_old and "@" in expected:
        yield (
            "The token has the old subject, of names alone, and the role trusts the new one, with"
            " numbers. An older repository gets the new one by: gh api --method PUT"
            " repos/OWNER/NAME/actions/oidc/customization/sub -F use_default=true"
            " -F use_immutable_subject=true"
        )
    elif not is_old and OLD_SUBJECT.match(expected):
        yield (
            "The token has the new subject, with numbers, and the role trusts the old one. Deploy"
            " infra/github-oidc.yaml: its roles trust the new one."
        )
    elif ":environment:" in found and ":environment:" in expected:
        yield "Compare the environments' names, and the owner's and the repository's numbers."
    if ":environment:" in expected and ":environment:" not in found:
        if claims.get("event_name") == "pull_request":
            yield "A job of a pull request gets the preview role alone."
        else:
            yield "The job names no environment: it needs `environment:`."


def _like(wanted: str, found: str) -> bool:
    parts = {"*": ".*", "?": "."}
    pattern = "".join(parts.get(letter, re.escape(letter)) for letter in wanted)
    return re.fullmatch(pattern, found, re.DOTALL) is not None
