"""Pull requests."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from local.github.hub import Access, Hub, Repository, user
from local.github.issues import Issues, found
from local.github.routes import Routes, base, page
from local.workflows.files import Event


class Pulls:
    """The operations on pull requests of a hub. Each pull request is also an issue."""

    def __init__(self, hub: Hub, issues: Issues) -> None:
        self._hub = hub
        self._issues = issues

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        routes.add("GET", "/pulls", self.search)
        routes.add("POST", "/pulls", self.create, status=201)
        routes.add("GET", "/pulls/{pull_number}", self.get)
        routes.add("PATCH", "/pulls/{pull_number}", self.update)

    def search(self, repository: Repository, _access: Access, _body: Any) -> Response:
        """Return pull requests by state, the newest first."""
        state = request.args.get("state", "open")
        numbers = [
            number
            for number in reversed(repository.pulls)
            if state in ("all", repository.issues[number]["state"])
        ]
        return page([self._view(repository, number) for number in numbers])

    def create(
        self, repository: Repository, access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Open a pull request from a branch of this repository, or `owner:branch` of a fork."""
        owner, _, branch = body["head"].rpartition(":")
        name = repository.name.split("/")[1]
        source = self._hub.repository(f"{owner or repository.owner}/{name}")
        issue = self._issues.new(repository, access, {"title": "", **body})
        repository.pulls[issue["number"]] = {
            "head": {"ref": branch, "repository": source.name},
            "base": {"ref": body["base"], "repository": repository.name},
        }
        self.tell(repository, issue["number"], "opened", access.actor)
        return self._view(repository, issue["number"])

    def get(
        self, repository: Repository, _access: Access, _body: Any, pull_number: int
    ) -> dict[str, Any]:
        """Return one pull request."""
        found(repository.pulls, pull_number)
        return self._view(repository, pull_number)

    def update(
        self, repository: Repository, access: Access, body: Mapping[str, Any], pull_number: int
    ) -> dict[str, Any]:
        """Change a pull request's title, body or state."""
        found(repository.pulls, pull_number)
        before = repository.issues[pull_number]["state"]
        self._issues.update(repository, access, body, pull_number)
        after = repository.issues[pull_number]["state"]
        if before != after:
            action = "closed" if after == "closed" else "reopened"
            self.tell(repository, pull_number, action, access.actor)
        return self._view(repository, pull_number)

    def tell(self, repository: Repository, number: int, action: str, actor: str) -> list[int]:
        """Send the event of a pull request to its workflows."""
        pull = self._view(repository, number)
        event = Event(
            name="pull_request",
            repository=repository.name,
            ref=f"refs/pull/{number}/merge",
            sha=pull["head"]["sha"],
            payload={"action": action, "number": number, "pull_request": pull},
            actor=actor,
            from_fork=repository.pulls[number]["head"]["repository"] != repository.name,
        )
        return self._hub.receive(event)

    def _view(self, repository: Repository, number: int) -> dict[str, Any]:
        pull, issue = repository.pulls[number], repository.issues[number]
        url = f"{base()}/repos/{repository.name}"
        return {
            **issue,
            "url": f"{url}/pulls/{number}",
            "issue_url": f"{url}/issues/{number}",
            "comments_url": f"{url}/issues/{number}/comments",
            "html_url": f"{base()}/{repository.name}/pull/{number}",
            "draft": False,
            "merged": False,
            **{side: self._side(place) for side, place in pull.items()},
        }

    def _side(self, place: Mapping[str, str]) -> dict[str, Any]:
        repository = self._hub.repository(place["repository"])
        return {
            "ref": place["ref"],
            "label": f"{repository.owner}:{place['ref']}",
            "sha": self._hub.head(repository.name, place["ref"]),
            "repo": repository.view(base()),
            "user": user(repository.owner),
        }
