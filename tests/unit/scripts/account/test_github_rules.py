"""What GitHub may answer about an environment, and what is said about it."""

from typing import Any

import pytest

from scripts.account import github_rules
from scripts.account.rules import Judgement, Status
from scripts.github.environment_settings import RULE, EnvironmentSettings, PresentSettings

H, D, U = Status.HOLDS, Status.DIFFERS, Status.UNKNOWN
TEAM = {"type": "Team", "reviewer": {"id": 1, "slug": "web"}}
PERSON = {"type": "User", "reviewer": {"id": 2, "login": "ada"}}
REVIEWED = {"protection_rules": [{"type": "required_reviewers", "reviewers": [TEAM, PERSON]}]}
OPEN = {"protection_rules": [{"type": "wait_timer", "wait_timer": 5}]}
ERROR = {"path": ".github/CODEOWNERS", "line": 2, "kind": "Unknown owner", "source": "* @ghost"}
MAIN = {"id": 1, "name": "main", "type": "branch"}


def said(outcome: Judgement) -> str:
    """What was found; what differs or is unknown has a remedy."""
    assert bool(outcome.remedy) == (outcome.status is not H)
    return outcome.found


@pytest.mark.parametrize(
    ("found", "is_private", "status", "text"),
    [
        (REVIEWED, False, H, "deployments need a review by web, ada"),
        (OPEN, False, D, "no reviewer is required"),
        (OPEN, True, U, "no reviewer is required"),
        (None, True, D, "the environment does not exist"),
    ],
)
def test_environment(found: Any, is_private: bool, status: Status, text: str) -> None:
    """A private repository may have a plan without reviewers, so that only a person can judge."""
    outcome = github_rules.environment(found, is_private=is_private)
    assert (outcome.status, said(outcome)) == (status, text)


@pytest.mark.parametrize(
    ("rule", "policies", "status", "text"),
    [
        (RULE, [MAIN], H, "only main may deploy"),
        (RULE, [], D, "these may deploy: none"),
        (
            RULE,
            [MAIN, {"id": 2, "name": "v*", "type": "tag"}],
            D,
            "these may deploy: branch main, tag v*",
        ),
        (None, [], D, "every branch may deploy"),
        (
            {"protected_branches": True, "custom_branch_policies": False},
            [],
            D,
            "only protected branches may deploy",
        ),
    ],
)
def test_branch(rule: Any, policies: Any, status: Status, text: str) -> None:
    present = PresentSettings({"deployment_branch_policy": rule}, policies, {}, {})
    outcome = github_rules.branch(present, "main")
    assert (outcome.status, said(outcome)) == (status, text)


def test_missing_environment_lets_every_branch_deploy() -> None:
    """GitHub creates it with the first job that names it, without rules."""
    assert github_rules.branch(PresentSettings(None, (), {}, {}), "main").status is D


@pytest.mark.parametrize(
    ("own", "shared", "status", "text"),
    [
        ({"A": "1"}, {"B": "2"}, H, "2 variables have the values of the stacks"),
        ({}, {"B": "2"}, D, "expected variable A: 1"),
        ({"A": "1"}, {"B": "3"}, D, "expected variable B: 2"),
    ],
)
def test_variables(own: Any, shared: Any, status: Status, text: str) -> None:
    wanted = EnvironmentSettings("demo", "main", (), {"A": "1"}, {"B": "2"})
    outcome = github_rules.variables(PresentSettings(None, (), own, shared), wanted)
    assert (outcome.status, said(outcome)) == (status, text)


@pytest.mark.parametrize(
    ("errors", "status", "text"),
    [
        ([], H, "the code owners exist"),
        ([ERROR], D, ".github/CODEOWNERS:2: Unknown owner: * @ghost"),
        (None, D, "main has no .github/CODEOWNERS"),
    ],
)
def test_code_owners(errors: Any, status: Status, text: str) -> None:
    outcome = github_rules.code_owners(errors, "main")
    assert (outcome.status, said(outcome)) == (status, text)
