"""Issues, their comments, and pull requests."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from local.github.hub import Access, Hub, Repository, now, user
from local.github.openapi import RefusedError
from local.github.pages import Routes, base, page
from local.workflow_files import Event


class Issues:
    """The operations on issues, comments and pull requests of a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        routes.add("GET", "/issues", self.search)
        routes.add("POST", "/issues", self.create, status=201)
        routes.add("GET", "/issues/{issue_number}", self.get)
        routes.add("PATCH", "/issues/{issue_number}", self.update)
        routes.add("GET", "/issues/{issue_number}/comments", self.comments)
        routes.add("POST", "/issues/{issue_number}/comments", self.comment, status=201)
        routes.add("GET", "/issues/comments/{comment_id}", self.get_comment)
        routes.add("PATCH", "/issues/comments/{comment_id}", self.update_comment)
        routes.add("DELETE", "/issues/comments/{comment_id}", self.delete_comment, status=204)
        routes.add("GET", "/pulls", self.pulls)
        routes.add("POST", "/pulls", self.open_pull, status=201)
        routes.add("GET", "/pulls/{pull_number}", self.get_pull)
        routes.add("PATCH", "/pulls/{pull_number}", self.update_pull)

    def search(self, repository: Repository, _access: Access, _body: Any) -> Response:
        """Issues by state and labels, newest first."""
        state = request.args.get("state", "open")
        labels = {name for name in request.args.get("labels", "").split(",") if name}
        return page(
            [
                self._view(repository, issue)
                for issue in reversed(repository.issues.values())
                if state in ("all", issue["state"])
                and labels <= {label["name"] for label in issue["labels"]}
            ]
        )

    def create(
        self, repository: Repository, access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Open an issue."""
        return self._view(repository, self._new(repository, access, body))

    def get(
        self, repository: Repository, _access: Access, _body: Any, issue_number: int
    ) -> dict[str, Any]:
        """One issue."""
        return self._view(repository, _found(repository.issues, issue_number))

    def update(
        self, repository: Repository, _access: Access, body: Mapping[str, Any], issue_number: int
    ) -> dict[str, Any]:
        """Change an issue's title, body, labels or state."""
        issue = _found(repository.issues, issue_number)
        for name in ("title", "body", "state", "state_reason"):
            if name in body:
                issue[name] = body[name]
        if "labels" in body:
            issue["labels"] = _labels(body["labels"])
        if "state" in body:
            issue["closed_at"] = now() if body["state"] == "closed" else None
        issue["updated_at"] = now()
        return self._view(repository, issue)

    def comments(
        self, repository: Repository, _access: Access, _body: Any, issue_number: int
    ) -> Response:
        """An issue's comments, oldest first."""
        _found(repository.issues, issue_number)
        return page(
            [
                self._comment_view(repository, comment)
                for comment in repository.comments.values()
                if comment["issue"] == issue_number
            ]
        )

    def comment(
        self, repository: Repository, access: Access, body: Mapping[str, Any], issue_number: int
    ) -> dict[str, Any]:
        """Comment on an issue or pull request."""
        _found(repository.issues, issue_number)
        _checked_length(body["body"])
        number, time = self._hub.number(), now()
        repository.comments[number] = comment = {
            "id": number,
            "node_id": f"IC_{number}",
            "issue": issue_number,
            "body": body["body"],
            "user": user(access.actor),
            "created_at": time,
            "updated_at": time,
        }
        return self._comment_view(repository, comment)

    def get_comment(
        self, repository: Repository, _access: Access, _body: Any, comment_id: int
    ) -> dict[str, Any]:
        """One comment."""
        return self._comment_view(repository, _found(repository.comments, comment_id))

    def update_comment(
        self, repository: Repository, _access: Access, body: Mapping[str, Any], comment_id: int
    ) -> dict[str, Any]:
        """Change a comment's text."""
        comment = _found(repository.comments, comment_id)
        _checked_length(body["body"])
        comment |= {"body": body["body"], "updated_at": now()}
        return self._comment_view(repository, comment)

    def delete_comment(
        self, repository: Repository, _access: Access, _body: Any, comment_id: int
    ) -> None:
        """Remove a comment."""
        _found(repository.comments, comment_id)
        del repository.comments[comment_id]

    def pulls(self, repository: Repository, _access: Access, _body: Any) -> Response:
        """Pull requests by state, newest first."""
        state = request.args.get("state", "open")
        numbers = [
            number
            for number in reversed(repository.pulls)
            if state in ("all", repository.issues[number]["state"])
        ]
        return page([self._pull_view(repository, number) for number in numbers])

    def open_pull(
        self, repository: Repository, access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Open a pull request from a branch of this repository, or `owner:branch` of a fork."""
        owner, _, branch = body["head"].rpartition(":")
        name = repository.name.split("/")[1]
        source = self._hub.repository(f"{owner or repository.owner}/{name}")
        issue = self._new(repository, access, {"title": "", **body})
        repository.pulls[issue["number"]] = {
            "head": {"ref": branch, "repository": source.name},
            "base": {"ref": body["base"], "repository": repository.name},
        }
        self.tell(repository, issue["number"], "opened", access.actor)
        return self._pull_view(repository, issue["number"])

    def get_pull(
        self, repository: Repository, _access: Access, _body: Any, pull_number: int
    ) -> dict[str, Any]:
        """One pull request."""
        _found(repository.pulls, pull_number)
        return self._pull_view(repository, pull_number)

    def update_pull(
        self, repository: Repository, access: Access, body: Mapping[str, Any], pull_number: int
    ) -> dict[str, Any]:
        """Change a pull request's title, body or state."""
        _found(repository.pulls, pull_number)
        before = repository.issues[pull_number]["state"]
        self.update(repository, access, body, pull_number)
        after = repository.issues[pull_number]["state"]
        if before != after:
            action = "closed" if after == "closed" else "reopened"
            self.tell(repository, pull_number, action, access.actor)
        return self._pull_view(repository, pull_number)

    def tell(self, repository: Repository, number: int, action: str, actor: str) -> list[int]:
        """Send a pull request's event to its workflows."""
        pull = self._pull_view(repository, number)
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

    def _new(
        self, repository: Repository, access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        time, number = now(), len(repository.issues) + 1
        repository.issues[number] = issue = {
            "id": self._hub.number(),
            "node_id": f"I_{number}",
            "number": number,
            "title": str(body["title"]),
            "body": body.get("body"),
            "state": "open",
            "state_reason": None,
            "labels": _labels(body.get("labels", [])),
            "user": user(access.actor),
            "created_at": time,
            "updated_at": time,
            "closed_at": None,
        }
        return issue

    def _view(self, repository: Repository, issue: Mapping[str, Any]) -> dict[str, Any]:
        number = issue["number"]
        url = f"{base()}/repos/{repository.name}/issues/{number}"
        kind = "pull" if number in repository.pulls else "issues"
        shown = {
            **issue,
            "url": url,
            "html_url": f"{base()}/{repository.name}/{kind}/{number}",
            "comments_url": f"{url}/comments",
            "comments": sum(one["issue"] == number for one in repository.comments.values()),
        }
        if number in repository.pulls:
            shown["pull_request"] = {"url": f"{base()}/repos/{repository.name}/pulls/{number}"}
        return shown

    def _comment_view(self, repository: Repository, comment: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{base()}/repos/{repository.name}/issues"
        shown = {name: value for name, value in comment.items() if name != "issue"}
        page_url = f"{base()}/{repository.name}/issues/{comment['issue']}"
        return {
            **shown,
            "url": f"{url}/comments/{comment['id']}",
            "issue_url": f"{url}/{comment['issue']}",
            "html_url": f"{page_url}#issuecomment-{comment['id']}",
        }

    def _pull_view(self, repository: Repository, number: int) -> dict[str, Any]:
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


def _found(values: Mapping[int, dict[str, Any]], number: int) -> dict[str, Any]:
    if number not in values:
        raise RefusedError(404, "Not Found")
    return values[number]


def _labels(given: Any) -> list[dict[str, Any]]:
    names = [label if isinstance(label, str) else label["name"] for label in given]
    return [{"id": index + 1, "name": name} for index, name in enumerate(names)]


def _checked_length(text: str) -> None:
    """GitHub takes texts of up to 65,536 characters."""
    if len(text) > 65_536:
        raise RefusedError(422, "Body is too long (maximum is 65536 characters)")
