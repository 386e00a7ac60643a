"""Issues, and comments on issues and pull requests."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from local.github.hub import Access, Hub, Repository, now, user
from local.github.openapi import RefusedError
from local.github.routes import Routes, base, page


class Issues:
    """The operations on issues and comments of a hub."""

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

    def search(self, repository: Repository, _access: Access, _body: Any) -> Response:
        """Return issues by state and labels, the newest first."""
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
        return self._view(repository, self.new(repository, access, body))

    def get(
        self, repository: Repository, _access: Access, _body: Any, issue_number: int
    ) -> dict[str, Any]:
        """Return one issue."""
        return self._view(repository, found(repository.issues, issue_number))

    def update(
        self, repository: Repository, _access: Access, body: Mapping[str, Any], issue_number: int
    ) -> dict[str, Any]:
        """Change an issue's title, body, labels or state."""
        issue = found(repository.issues, issue_number)
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
        """Return the comments on an issue, the oldest first."""
        found(repository.issues, issue_number)
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
        found(repository.issues, issue_number)
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
        """Return one comment."""
        return self._comment_view(repository, found(repository.comments, comment_id))

    def update_comment(
        self, repository: Repository, _access: Access, body: Mapping[str, Any], comment_id: int
    ) -> dict[str, Any]:
        """Change the text of a comment."""
        comment = found(repository.comments, comment_id)
        _checked_length(body["body"])
        comment |= {"body": body["body"], "updated_at": now()}
        return self._comment_view(repository, comment)

    def delete_comment(
        self, repository: Repository, _access: Access, _body: Any, comment_id: int
    ) -> None:
        """Delete a comment."""
        found(repository.comments, comment_id)
        del repository.comments[comment_id]

    def new(
        self, repository: Repository, access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Add a new issue, or the issue of a pull request."""
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


def found(values: Mapping[int, dict[str, Any]], number: int) -> dict[str, Any]:
    """Return the value with this number. Raises RefusedError."""
    if number not in values:
        raise RefusedError(404, "Not Found")
    return values[number]


def _labels(given: Any) -> list[dict[str, Any]]:
    names = [label if isinstance(label, str) else label["name"] for label in given]
    return [{"id": index + 1, "name": name} for index, name in enumerate(names)]


def _checked_length(text: str) -> None:
    """Refuse a text of more than 65,536 characters, GitHub's limit."""
    if len(text) > 65_536:
        raise RefusedError(422, "Body is too long (maximum is 65536 characters)")
