"""GitHub's API over HTTP: environments, and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest

from local import github
from local.github.hub import OWNER, Hub, number_of
from local.serving import Server
from tests.standins.conftest import Answer, call

NAME = "acme/automation"
PLACE = "/environments/demo"
POLICIES = f"{PLACE}/deployment-branch-policies"
SELECTED = {"protected_branches": False, "custom_branch_policies": True}
REVIEWER = {"type": "User", "id": number_of(OWNER)}
Api = Callable[..., Answer]


@pytest.fixture
def hub() -> Hub:
    return Hub(token="right", repositories=[NAME])


@pytest.fixture
def api(serving: Callable[[Any], Server], hub: Hub) -> Api:
    """Calls a running stand-in, in the repository of the tests."""
    url = serving(github.serving(hub, None)).url

    def ask(method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": "token right", "User-Agent": "test"}
        return call(f"{url}/repos/{NAME}{path}", method=method, body=body, headers=headers)

    return ask


def test_environment_has_its_rules_in_any_case(api: Api) -> None:
    """Names match in any case, and a later request replaces the rules."""
    rules = {"reviewers": [REVIEWER], "prevent_self_review": True, "wait_timer": 5}
    assert api("PUT", PLACE, rules | {"deployment_branch_policy": SELECTED}).status == 200
    found = api("GET", "/environments/DEMO").json()
    types = [rule["type"] for rule in found["protection_rules"]]
    assert types == ["wait_timer", "required_reviewers", "branch_policy"]
    assert (found["name"], found["deployment_branch_policy"]) == ("demo", SELECTED)

    assert api("PUT", PLACE).json()["protection_rules"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"reviewers": [{"type": "User", "id": 1}]},
        {"reviewers": [{"type": "Team", "id": number_of(OWNER)}]},
        {"reviewers": [{"type": "Robot", "id": 1}]},
        {"reviewers": [REVIEWER] * 7},
        {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}},
        {"deployment_branch_policy": {"protected_branches": True}},
        {"speed": 1},
    ],
)
def test_wrong_rules_are_refused(api: Api, body: Any) -> None:
    assert api("PUT", PLACE, body).status == 422
    assert api("GET", PLACE).status == 404


def test_private_repository_may_lack_reviewers(api: Api, hub: Hub) -> None:
    hub.repository(NAME).plan_has_reviewers = False
    refused = api("PUT", PLACE, {"reviewers": [REVIEWER]})
    assert refused.status == 422
    assert "billing plan" in refused.json()["message"]
    assert api("PUT", PLACE, {"deployment_branch_policy": SELECTED}).status == 200


def test_branch_is_allowed_once(api: Api) -> None:
    """Patterns need the rule for selected branches."""
    api("PUT", PLACE)
    assert api("POST", POLICIES, {"name": "main"}).status == 404
    api("PUT", PLACE, {"deployment_branch_policy": SELECTED})
    number = api("POST", POLICIES, {"name": "main"}).json()["id"]
    assert api("POST", POLICIES, {"name": "main"}).status == 303
    assert api("GET", POLICIES).json()["total_count"] == 1
    assert api("DELETE", f"{POLICIES}/{number}").status == 204
    assert api("DELETE", f"{POLICIES}/{number}").status == 404


def test_variables_of_an_environment_are_its_own(api: Api) -> None:
    place = f"{PLACE}/variables"
    variable = {"name": "Role", "value": "a"}
    assert api("POST", place, variable).status == 404
    api("PUT", PLACE)
    assert api("POST", place, variable).status == 201
    assert api("POST", place, variable).status == 409
    assert api("PATCH", f"{place}/role", {"value": "b"}).status == 204
    assert api("GET", f"{place}/ROLE").json()["value"] == "b"
    assert api("GET", "/actions/variables").json()["total_count"] == 0
