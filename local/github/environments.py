"""Environments in the API: their protection rules, and the branches that may deploy.

https://docs.github.com/en/rest/deployments/environments
https://docs.github.com/en/rest/deployments/branch-policies
"""

from collections.abc import Mapping
from typing import Any

from flask import Response

from local.github.hub import Access, Deployable, Hub, Repository, now, number_of, user
from local.github.openapi import RefusedError
from local.github.routes import Routes, base, page

NAMED = "/environments/{environment_name}"
POLICIES = f"{NAMED}/deployment-branch-policies"
MOST_REVIEWERS = 6
PLAN = (
    "Failed to create the environment protection rule. Please ensure the billing plan supports the"
    " required reviewers protection rule."
)
INVALID = RefusedError(422, "Validation Failed")


class Environments:
    """The operations on environments of a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        routes.add("GET", NAMED, self.get)
        routes.add("PUT", NAMED, self.put)
        routes.add("GET", POLICIES, self.policies)
        routes.add("POST", POLICIES, self.create_policy)
        routes.add("DELETE", f"{POLICIES}/{{branch_policy_id}}", self.delete_policy, status=204)

    def get(
        self, repository: Repository, _access: Access, _body: Any, environment_name: str
    ) -> dict[str, Any]:
        """Return an environment with its protection rules."""
        return _view(repository, repository.found(environment_name))

    def put(
        self,
        repository: Repository,
        _access: Access,
        body: Mapping[str, Any] | None,
        environment_name: str,
    ) -> dict[str, Any]:
        """Create an environment, or replace its protection rules."""
        given = body or {}
        reviewers = [_reviewer(repository, one) for one in given.get("reviewers") or ()]
        rule = given.get("deployment_branch_policy")
        if len(reviewers) > MOST_REVIEWERS:
            raise INVALID
        if rule and rule["protected_branches"] == rule["custom_branch_policies"]:
            raise INVALID
        if reviewers and not repository.plan_has_reviewers:
            raise RefusedError(422, PLAN)
        environment = repository.environment(environment_name)
        environment.reviewers = reviewers
        environment.wait_timer = given.get("wait_timer") or 0
        environment.prevent_self_review = bool(given.get("prevent_self_review"))
        environment.branch_rule = rule
        return _view(repository, environment)

    def policies(
        self, repository: Repository, _access: Access, _body: Any, environment_name: str
    ) -> Response:
        """Return the patterns of branches that may deploy."""
        policies = repository.found(environment_name).policies.values()
        return page(list(policies), "branch_policies")

    def create_policy(
        self,
        repository: Repository,
        _access: Access,
        body: Mapping[str, Any],
        environment_name: str,
    ) -> Any:
        """Allow the branches of a pattern to deploy."""
        environment = repository.found(environment_name)
        if not environment.has_policies:
            raise RefusedError(404, "Not Found")
        if body["name"] in (policy["name"] for policy in environment.policies.values()):
            return "", 303
        number = self._hub.number()
        policy = {"id": number, "name": body["name"], "type": body.get("type", "branch")}
        environment.policies[number] = policy
        return policy

    def delete_policy(
        self,
        repository: Repository,
        _access: Access,
        _body: Any,
        environment_name: str,
        branch_policy_id: int,
    ) -> None:
        """Remove a pattern."""
        policies = repository.found(environment_name).policies
        if policies.pop(branch_policy_id, None) is None:
            raise RefusedError(404, "Not Found")


def _reviewer(repository: Repository, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a required reviewer, who must be able to read the repository."""
    teams = {number_of(f"{repository.owner}/{slug}"): slug for slug in repository.teams}
    people = {number_of(login): login for login in repository.collaborators}
    known = teams if given.get("type") == "Team" else people
    if given.get("id") not in known:
        raise INVALID
    name = known[given["id"]]
    view = team(repository, name) if known is teams else user(name)
    return {"type": given["type"], "reviewer": view}


def team(repository: Repository, slug: str) -> dict[str, Any]:
    """Return a team in brief."""
    return {
        "id": number_of(f"{repository.owner}/{slug}"),
        "name": slug,
        "slug": slug,
        "permission": repository.teams[slug],
    }


def _view(repository: Repository, environment: Deployable) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    if environment.wait_timer:
        rules.append({"type": "wait_timer", "wait_timer": environment.wait_timer})
    if environment.reviewers:
        rules.append(
            {
                "type": "required_reviewers",
                "prevent_self_review": environment.prevent_self_review,
                "reviewers": environment.reviewers,
            }
        )
    if environment.branch_rule:
        rules.append({"type": "branch_policy"})
    return {
        "id": number_of(f"{repository.name}/{environment.name}"),
        "name": environment.name,
        "url": f"{base()}/repos/{repository.name}/environments/{environment.name}",
        "created_at": environment.created_at,
        "updated_at": now(),
        "protection_rules": [{"id": at, **rule} for at, rule in enumerate(rules, 1)],
        "deployment_branch_policy": environment.branch_rule,
    }
