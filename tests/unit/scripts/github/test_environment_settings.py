"""Which requests change the settings of an environment on GitHub."""

import json
from typing import Any

import pytest

from phaseline.errors import ConfigurationError
from scripts.github.environment_settings import (
    RULE,
    EnvironmentSettings,
    PresentSettings,
    Reviewer,
    changes,
    shared_variables,
)

TEAM = Reviewer("acme/web", "Team", 7)
PATH = "/environments/demo"
POLICIES = f"{PATH}/deployment-branch-policies"
OUTPUTS = {"DriftRoleArn": "arn:drift", "PreviewRoleArn": "arn:preview"}
MAIN = {"id": 1, "name": "main", "type": "branch"}


def wanted(*reviewers: Reviewer, **variables: str) -> EnvironmentSettings:
    return EnvironmentSettings("demo", "main", reviewers, variables, {"AWS_REGION": "eu-west-1"})


def environment(*reviewers: int, **rules: Any) -> dict[str, Any]:
    """An environment of the API, to which only selected branches may deploy."""
    listed = [{"type": "Team", "reviewer": {"id": number}} for number in reviewers]
    protection = [{"type": "required_reviewers", "reviewers": listed, **rules}] if listed else []
    return {"protection_rules": protection, "deployment_branch_policy": RULE}


def asked(made: Any) -> list[tuple[str, str, Any]]:
    return [(change.method, change.path, change.body) for change in made]


def test_new_environment_gets_all_settings() -> None:
    made = changes(wanted(TEAM, ROLE="arn"), PresentSettings(None, (), {}, {}))
    rules = {"deployment_branch_policy": RULE, "reviewers": [{"type": "Team", "id": 7}]}
    assert asked(made) == [
        ("PUT", PATH, rules),
        ("POST", POLICIES, {"name": "main", "type": "branch"}),
        ("POST", f"{PATH}/variables", {"name": "ROLE", "value": "arn"}),
        ("POST", "/actions/variables", {"name": "AWS_REGION", "value": "eu-west-1"}),
    ]


def test_complete_settings_need_no_request() -> None:
    present = PresentSettings(environment(7), [MAIN], {"ROLE": "arn"}, {"AWS_REGION": "eu-west-1"})
    assert changes(wanted(TEAM, ROLE="arn"), present) == []


def test_without_reviewers_the_present_ones_stay() -> None:
    """The request replaces all rules, so those that stay are in it, too."""
    shared = {"AWS_REGION": "eu-west-1"}
    present = PresentSettings(environment(7), [MAIN], {}, shared)
    assert changes(wanted(), present) == []
    open_to_all = environment(7, prevent_self_review=True) | {"deployment_branch_policy": None}
    (made,) = changes(wanted(), PresentSettings(open_to_all, [MAIN], {}, shared))
    assert made.body == {
        "deployment_branch_policy": RULE,
        "reviewers": [{"type": "Team", "id": 7}],
        "prevent_self_review": True,
    }


def test_other_reviewers_replace_the_present_ones() -> None:
    present = PresentSettings(environment(8, 9), [MAIN], {}, {"AWS_REGION": "eu-west-1"})
    (made,) = changes(wanted(TEAM), present)
    assert made.body
    assert made.body["reviewers"] == [{"type": "Team", "id": 7}]


def test_plan_without_reviewers_is_not_asked_for_them() -> None:
    """GitHub refuses the default value of a rule, too, that the plan does not have."""
    made = changes(wanted(), PresentSettings(None, (), {}, {}))
    assert made[0].body == {"deployment_branch_policy": RULE}


def test_no_other_branch_or_tag_may_deploy() -> None:
    policies = [{"id": 3, "name": "release/*"}, {"id": 4, "name": "main", "type": "tag"}]
    present = PresentSettings(environment(), policies, {}, {"AWS_REGION": "eu-west-1"})
    assert [(made.method, made.path) for made in changes(wanted(), present)] == [
        ("DELETE", f"{POLICIES}/3"),
        ("DELETE", f"{POLICIES}/4"),
        ("POST", POLICIES),
    ]


def test_changed_variable_is_updated() -> None:
    present = PresentSettings(environment(), [MAIN], {"ROLE": "old"}, {"AWS_REGION": "eu-west-1"})
    (made,) = changes(wanted(ROLE="new"), present)
    assert (made.method, made.path) == ("PATCH", f"{PATH}/variables/ROLE")
    assert made.text == "variable ROLE: new"


def test_second_environment_is_added_beside_the_first() -> None:
    first = shared_variables("one", "eu-west-1", OUTPUTS, {})
    assert first["DEPLOY_ENVIRONMENT"] == "one"
    both = shared_variables("two", "eu-west-1", OUTPUTS | {"DriftRoleArn": "arn:two"}, first)
    assert both["DEPLOY_ENVIRONMENT"] == "one"
    assert json.loads(both["ENVIRONMENTS"]) == ["one", "two"]
    assert json.loads(both["DRIFT_ROLE_ARNS"]) == {"one": "arn:drift", "two": "arn:two"}
    assert shared_variables("two", "eu-west-1", OUTPUTS | {"DriftRoleArn": "arn:two"}, both) == both


@pytest.mark.parametrize(
    ("present", "problem"),
    [
        ({"ENVIRONMENTS": "one"}, "expected a JSON list, found one"),
        ({"DRIFT_ROLE_ARNS": "[]"}, "expected a JSON object, found"),
        ({"AWS_REGION": "eu-west-1"}, "expected us-east-1, found eu-west-1"),
    ],
)
def test_variable_that_cannot_be_extended_is_an_error(
    present: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        shared_variables("two", "us-east-1", OUTPUTS, present)
