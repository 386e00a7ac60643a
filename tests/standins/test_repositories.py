"""Git repositories that stand for GitHub's, with real git."""

from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from local.repositories import commit, ensure, git, location

NAME = "acme/storefront"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to start a repository from, with a build product in it."""
    folder = tmp_path / "frontend"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "index.html").write_text("built")
    (folder / "build.py").write_text("one\n")
    return folder


def files(root: Path) -> list[str]:
    """The files at the head of the repository."""
    return git("ls-tree", "-r", "--name-only", "main", cwd=location(root, NAME)).split()


def test_repository_starts_from_a_folder(
    tmp_path: Path, folder: Path, httpserver: HTTPServer
) -> None:
    """The first commit holds the folder without its build products, and nobody is told."""
    head = ensure(tmp_path, NAME, folder=folder, push_url=httpserver.url_for("/push"))

    assert files(tmp_path) == ["build.py"]
    assert git("rev-parse", "refs/heads/main", cwd=location(tmp_path, NAME)) == head
    assert httpserver.log == []


def test_push_is_told(tmp_path: Path, folder: Path, httpserver: HTTPServer) -> None:
    """A commit changes, adds and deletes files, and its push is told with branch and commits."""
    httpserver.expect_request("/push", method="POST").respond_with_data("")
    url = httpserver.url_for("/push")
    before = ensure(tmp_path, NAME, folder=folder, push_url=url)

    changes = {"build.py": None, "assets/style.css": "body {}\n"}
    pushed = commit(tmp_path, NAME, changes, message="New style")

    assert files(tmp_path) == ["assets/style.css"]
    assert [request.get_json() for request, _ in httpserver.log] == [
        {"repository": NAME, "branch": "main", "commit": pushed, "before": before}
    ]


def test_second_start_keeps_the_commits(
    tmp_path: Path, folder: Path, httpserver: HTTPServer
) -> None:
    """A repository that is there keeps its history; its hook gets the new address."""
    httpserver.expect_request("/new", method="POST").respond_with_data("")
    ensure(tmp_path, NAME, folder=folder, push_url="http://127.0.0.1:1/old")
    kept = commit(tmp_path, NAME, {"a": "1"}, message="A")

    assert ensure(tmp_path, NAME, folder=folder, push_url=httpserver.url_for("/new")) == kept
    commit(tmp_path, NAME, {"a": "2"}, message="A again")
    assert len(httpserver.log) == 1


def test_push_lands_while_nobody_listens(tmp_path: Path, folder: Path) -> None:
    """An emulator that is down does not undo a push, as a lost webhook does not."""
    ensure(tmp_path, NAME, folder=folder, push_url="http://127.0.0.1:1/push")
    pushed = commit(tmp_path, NAME, {"build.py": "two\n"}, message="Two")

    assert git("show", f"{pushed}:build.py", cwd=location(tmp_path, NAME)) == "two"
