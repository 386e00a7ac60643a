"""Git repositories that stand for GitHub's, with real git."""

import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from local.github.repositories import UntoldError, changed, commit, ensure, git, location

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
    with pytest.raises(UntoldError) as untold:
        commit(tmp_path, NAME, {"a": "1"}, message="A")
    kept = untold.value.commit

    assert ensure(tmp_path, NAME, folder=folder, push_url=httpserver.url_for("/new")) == kept
    commit(tmp_path, NAME, {"a": "2"}, message="A again")
    assert len(httpserver.log) == 1


def test_push_is_told_from_any_folder(
    tmp_path: Path, folder: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blanks, quotes and umlauts in the names of interpreter, repository and files do no harm."""
    httpserver.expect_request("/push", method="POST").respond_with_data("")
    odd = tmp_path / "it's an Ümlaut folder"
    odd.mkdir()
    (odd / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(odd / "python"))
    before = ensure(odd, NAME, folder=folder, push_url=httpserver.url_for("/push"))

    pushed = commit(odd, NAME, {"über uns.html": "wir\n"}, message="Wir")

    assert [request.get_json()["commit"] for request, _ in httpserver.log] == [pushed]
    assert changed(odd, NAME, before, pushed) == ("über uns.html",)


def test_push_lands_while_nobody_listens(tmp_path: Path, folder: Path) -> None:
    """An emulator that is down does not undo a push, as a lost webhook does not; who pushed hears
    of it."""
    ensure(tmp_path, NAME, folder=folder, push_url="http://127.0.0.1:1/push")
    with pytest.raises(
        UntoldError, match=r"http://127.0.0.1:1/push did not get the report of commit"
    ) as told:
        commit(tmp_path, NAME, {"build.py": "two\n"}, message="Two")
    pushed = told.value.commit

    assert str(told.value).count("\n") == 0
    assert git("rev-parse", "main", cwd=location(tmp_path, NAME)) == pushed
    assert git("show", f"{pushed}:build.py", cwd=location(tmp_path, NAME)) == "two"
