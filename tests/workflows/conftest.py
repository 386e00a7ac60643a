"""A GitHub of the test's own, with small repositories whose workflows are run by act."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local import github, repositories
from local.github.hub import Hub
from local.runner import Runner, Settings
from local.serving import serve
from tests.standins.conftest import Answer, call

T = TypeVar("T")
NAME = "acme/automation"


def eventually(look: Callable[[], T], *, within: float = 30) -> T:
    """The first truthy value of look; fails if none comes in time (seconds)."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {within} seconds")


@dataclass(frozen=True)
class GitHub:
    """A running GitHub with a runner."""

    url: str
    git_root: Path

    def api(self, path: str, body: Any = None, *, method: str = "") -> Answer:
        """Call the API as the person who has the token; `path` follows /repos/OWNER/NAME."""
        headers = {"Authorization": "Bearer right", "User-Agent": "test"}
        method = method or ("GET" if body is None else "POST")
        where = path if path.startswith("/repos/") else f"/repos/{NAME}{path}"
        return call(f"{self.url}{where}", method=method, body=body, headers=headers)

    def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        """Ask what GitHub's API has no words for."""
        method = method or ("GET" if body is None else "POST")
        answer = call(f"{self.url}/_phaseline/{path}", method=method, body=body)
        assert answer.status == 200, answer.body
        return answer.json()

    def add(self, name: str, files: Mapping[str, str], folder: Path) -> str:
        """Make a repository with these files; the commit."""
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        push_url = f"{self.url}/_phaseline/push"
        return repositories.ensure(self.git_root, name, folder=folder, push_url=push_url)

    def push(self, changes: Mapping[str, str | None], *, name: str = NAME) -> str:
        """Push a change to the main branch; the commit."""
        return repositories.commit(self.git_root, name, changes, message="Change it")

    def run(self, workflow: str = "", *, index: int = -1) -> dict[str, Any]:
        """A run (of one file) once it is completed; the newest one unless `index` says more."""

        def completed() -> Any:
            runs = [one for one in self.control("runs") if one["workflow"].endswith(workflow)]
            return runs if runs and all(one["status"] == "completed" for one in runs) else None

        found: dict[str, Any] = eventually(completed)[index]
        return found


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    """GitHub with the names of two repositories and of a fork, and no files in them."""
    names = (NAME, "acme/shop", "mallory/automation")
    kept = Hub(token="right", repositories=names)
    git_root = tmp_path / "git"
    git_root.mkdir()
    runner = Runner(kept, Settings(git_root, tmp_path / "runs", {"FROM_SETTINGS": "yes"}))
    server = serve(github.serving(kept, runner))
    runner.url = server.url
    yield GitHub(server.url, git_root)
    runner.stop()
    server.stop()
