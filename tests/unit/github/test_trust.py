"""The jobs that can assume each role of the workflows."""

import pytest

from local.system import ROOT
from phaseline.github.trust import WORKFLOWS as KNOWN
from phaseline.github.trust import by_policy
from tests.builders.roles import (
    IMMUTABLE,
    MAIN,
    OTHER,
    PARAMETERS,
    PULL,
    ROLES,
    WORKFLOWS,
    assumed,
    claims,
    template_of,
)
from tests.builders.trust import trusts
from tests.templates import Resolved


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
            "a repository that was created again under the same name",
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
    token = claims(role)
    del token[claim]
    assert not assumed(role, token)


@pytest.mark.parametrize("role", ["DeployRole", "PromoteRole", "DriftRole", "RepairRole"])
@pytest.mark.parametrize("ref", ["refs/heads/feature", "refs/tags/main", "refs/heads/main2", PULL])
def test_environment_alone_is_not_enough_on_another_ref(role: str, ref: str) -> None:
    """Any branch may name the environment, and call the workflow of the main branch."""
    assert not assumed(role, claims(role, ref=ref))
    without = claims(role)
    del without["ref"]
    assert not assumed(role, without)


@pytest.mark.parametrize("role", ["DeployRole", "PromoteRole"])
def test_called_workflow_is_trusted_by_branch_or_by_commit(role: str) -> None:
    """GitHub does not document which one job_workflow_ref names for a file of the repository."""
    workflow = f"acme/automation/.github/workflows/{WORKFLOWS[role]}"
    assert assumed(role, claims(role, job_workflow_ref=f"{workflow}@{MAIN}"))
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert assumed(role, claims(role, job_workflow_ref=f"{workflow}@{commit}"))
    for other in ("refs/heads/feature", "refs/tags/v1", commit[:-1], f"{commit}0"):
        assert not assumed(role, claims(role, job_workflow_ref=f"{workflow}@{other}"))
    elsewhere = claims(role, job_workflow_ref=f"{workflow}@{commit}", ref="refs/heads/feature")
    assert not assumed(role, elsewhere)


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
    for other in {other for other in ROLES if WORKFLOWS[other] != WORKFLOWS[role]}:
        workflow = claims(other)["job_workflow_ref"]
        assert not assumed(role, claims(role, job_workflow_ref=workflow))


def test_scheduled_drift_check_needs_no_environment() -> None:
    """So it does not wait for a reviewer."""
    assert assumed("DriftRole", claims("DriftRole", sub=f"{IMMUTABLE}:ref:{MAIN}"))


def test_dry_run_of_a_promotion_gets_the_preview_role_only_on_the_main_branch() -> None:
    workflow = "acme/automation/.github/workflows/promote.yml"
    subject = f"{IMMUTABLE}:ref:{MAIN}"
    for ref, other, allowed in ((MAIN, MAIN, True), (MAIN, "refs/heads/x", False)):
        token = claims("PreviewRole", sub=subject, job_workflow_ref=f"{workflow}@{other}", ref=ref)
        assert assumed("PreviewRole", token) is allowed
    token = claims("PreviewRole", sub=f"{IMMUTABLE}:ref:refs/heads/x")
    assert not assumed("PreviewRole", token | {"job_workflow_ref": f"{workflow}@{MAIN}"})


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
        trust = template_of(role).properties(role)["AssumeRolePolicyDocument"]
        [values] = [claim.values for claim in by_policy(trust) if claim.claim == "job_workflow_ref"]
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
    trust = OTHER.properties("ServiceRole")["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in trust] == [
        {"Service": "cloudformation.amazonaws.com"}
    ]
