"""A GitHub that has one pull request with comments, and fails when it is told to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

REPOSITORY, NUMBER, TOKEN = "acme/automation", 7, "the-token"
BOT = "github-actions[bot]"
COMMENTS = f"/repos/{REPOSITORY}/issues/{NUMBER}/comments"


@dataclass
class Comments:
    """The comments, by id, of the token's author or of `strangers`; `faults` are answered to
    writes, in their order: a status without effect, or None for an effect whose answer is lost."""

    server: HTTPServer
    bodies: dict[int, str] = field(default_factory=dict)
    strangers: set[int] = field(default_factory=set)
    faults: list[int | None] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._serve("GET", COMMENTS, self._list)
        self._serve("POST", COMMENTS, self._write)
        self._serve("POST", "/graphql", lambda _: _answer({"data": {"viewer": {"login": BOT}}}))
        for number in range(1, 10):
            path = f"/repos/{REPOSITORY}/issues/comments/{number}"
            self._serve("PATCH", path, self._write)

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a job that comments."""
        return {
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.server.url_for("").rstrip("/"),
        }

    def _serve(self, method: str, path: str, answer: Callable[[Request], Response]) -> None:
        allowed = {"Authorization": f"token {TOKEN}"}
        self.server.expect_request(path, method, headers=allowed).respond_with_handler(answer)

    def _list(self, _: Request) -> Response:
        return _answer([self._view(number) for number in self.bodies])

    def _write(self, request: Request) -> Response:
        self.requests.append(request.method)
        fault = self.faults.pop(0) if self.faults else 0
        if fault:
            return _answer({"message": "not today"}, fault)
        is_new = request.method == "POST"
        number = len(self.bodies) + 1 if is_new else int(request.path.rsplit("/", 1)[-1])
        self.bodies[number] = json.loads(request.data)["body"]
        if fault is None:
            return _answer({"message": "lost"}, 502)
        return _answer(self._view(number), 201 if is_new else 200)

    def _view(self, number: int) -> dict[str, Any]:
        url = self.server.url_for(f"/repos/{REPOSITORY}/issues/comments/{number}")
        login = "stranger" if number in self.strangers else BOT
        return {"id": number, "url": url, "body": self.bodies[number], "user": {"login": login}}


def _answer(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")
