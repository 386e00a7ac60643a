"""The stand-in for GitHub, and the issues of its one repository."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local import github
from local.github.hub import Access, Hub, Repository
from local.serving import serve
from scripts.github.issues import Issues
from tests.standins.conftest import call

NAME, TOKEN = "acme/automation", "right"


@dataclass
class GitHub:
    """The stand-in for GitHub, and the issues of its one repository."""

    url: str
    hub: Hub
    issues: Issues

    @property
    def repository(self) -> Repository:
        return self.hub.repository(NAME)

    def fails(self, **fault: Any) -> None:
        """Let requests fail: `status` without an effect, `drop` with one whose answer is lost."""
        assert call(f"{self.url}/_phaseline/faults", method="POST", body=fault).status == 204

    def open(self, body: str, *labels: str, token: str = TOKEN) -> None:
        """Open an issue beside the ones that are kept."""
        given = {"title": "Other", "body": body, "labels": list(labels)}
        headers = {"Authorization": f"token {token}", "User-Agent": "test"}
        where = f"{self.url}/repos/{NAME}/issues"
        assert call(where, method="POST", body=given, headers=headers).status == 201

    def states(self) -> dict[int, str]:
        """Each issue's state by its number."""
        return {number: one["state"] for number, one in self.repository.issues.items()}

    def body(self, number: int = 1) -> str:
        return str(self.repository.issues[number]["body"])

    def said(self) -> list[tuple[int, str]]:
        """The comments: the issue, and the comment's last line."""
        found = self.repository.comments.values()
        return [(one["issue"], one["body"].splitlines()[-1]) for one in found]


@pytest.fixture
def served() -> Iterator[GitHub]:
    """GitHub, without an issue."""
    hub = Hub(token=TOKEN, repositories=[NAME])
    hub.tokens["reader"] = Access(write=False)
    hub.tokens["stranger"] = Access("stranger")
    server = serve(github.serving(hub, None))
    environ = {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": NAME,
        "GITHUB_API_URL": server.url,
    }
    issues = replace(Issues.of(environ, "--report"), sleep=lambda _: None)
    yield GitHub(server.url, hub, issues)
    server.stop()
