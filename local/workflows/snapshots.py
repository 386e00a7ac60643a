"""Snapshots of repositories at one commit, with workflow files that act can read."""

import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from local.github import repositories
from local.workflows.act_files import Origin, Use, excess, sanitise, sanitise_action, used, written
from local.workflows.files import parse

WORKFLOWS = ".github/workflows"
STANDINS = Path(__file__).with_name("actions")


class MissingActionError(Exception):
    """A workflow uses an action that has neither a repository nor a stand-in."""


def files(root: Path, name: str, commit: str) -> dict[str, str]:
    """Return the workflow files of a repository at a commit, by path."""
    bare = repositories.location(root, name)
    listed = repositories.git("ls-tree", "-r", "--name-only", commit, WORKFLOWS, cwd=bare)
    return {
        path: repositories.git("show", f"{commit}:{path}", cwd=bare)
        for path in listed.splitlines()
        if path.endswith((".yml", ".yaml"))
    }


def gather(root: Path, origin: Origin, folder: Path, *, name: str) -> dict[str, Path]:
    """Create snapshots of a workflow's repository and of all that it uses.

    Returns the folders as `owner/name@ref` -> folder. `name` is the workflow's name. act starts in
    `folder / "repository"`. Raises MissingActionError, and ValueError if GitHub would not start the
    run.
    """
    gathering = _Gathering(root, folder, name)
    key = f"{origin.repository}@{origin.sha}"
    gathering.fetch(key, origin)
    gathering.visit(key, origin)
    _prepare(repositories.location(root, origin.repository), origin, folder / "repository")
    file = folder / "repository" / origin.path
    file.parent.mkdir(parents=True)
    file.write_bytes((gathering.found[key] / origin.path).read_bytes())
    return gathering.found


def _prepare(bare: Path, origin: Origin, folder: Path) -> None:
    """Create a repository without files at a commit, in which act finds the name of the commit.

    The workspace of a job is empty until a step checks out a repository. act derives the
    repository's name from the address of its remote.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    repositories.git("clone", "--quiet", "--no-checkout", str(bare), str(folder), cwd=bare)
    repositories.git("fetch", "--quiet", "origin", origin.sha, cwd=folder)
    repositories.git("update-ref", "--no-deref", "HEAD", origin.sha, cwd=folder)
    address = f"https://github.com/{origin.repository}.git"
    repositories.git("remote", "set-url", "origin", address, cwd=folder)


class _Gathering:
    """Follows `uses:` from file to file."""

    def __init__(self, root: Path, folder: Path, name: str) -> None:
        self.found: dict[str, Path] = {}
        self._name = name
        self._root = root
        self._folder = folder
        self._read: dict[tuple[str, str], dict[str, Any]] = {}

    def fetch(self, key: str, origin: Origin) -> None:
        """Unpack the archive of a repository at a commit, as GitHub's runner downloads an action.

        Files that .gitattributes marks as `export-ignore` are not in it.
        """
        bare = repositories.location(self._root, origin.repository)
        self.found[key] = folder = self._folder / "actions" / key.replace("/", "-")
        folder.mkdir(parents=True)
        archive = self._folder / "archive.tar"
        repositories.git("archive", f"--output={archive}", origin.sha, cwd=bare)
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()

    def visit(self, key: str, origin: Origin) -> dict[str, Any]:
        """Sanitise a file and all that it uses. Return its original content."""
        if (key, origin.path) in self._read:
            return self._read[key, origin.path]
        file = self.found[key] / origin.path
        if not file.exists():
            raise MissingActionError(f"{origin.workflow_ref} is used, and is not there")
        content = parse(file.read_text(encoding="utf-8"))
        self._read[key, origin.path] = content
        is_workflow = "jobs" in content
        made = (
            sanitise(content, origin, self._name)
            if is_workflow
            else sanitise_action(content, origin)
        )
        file.write_text(written(made), encoding="utf-8")
        for use in used(made):
            called = self._follow(use, origin)
            if use.job and (problem := excess(use.job, content, called)):
                raise ValueError(f"{origin.path}: {problem}")
        return content

    def _follow(self, use: Use, user: Origin) -> dict[str, Any]:
        """Find a used file. Return the content of a workflow or action in a repository."""
        key = f"{use.repository}@{use.ref}"
        bare = repositories.location(self._root, use.repository)
        if not bare.exists():
            self.found[key] = _standin(use.repository)
            return {}
        path = use.path if use.path.endswith((".yml", ".yaml")) else f"{use.path}/action.yml"
        if (use.repository, use.ref) == (user.repository, user.sha):
            origin = replace(user, path=path)
        else:
            sha = repositories.git("rev-parse", "--verify", f"{use.ref}^{{commit}}", cwd=bare)
            full = use.ref if sha == use.ref else repositories.full_name(bare, use.ref)
            origin = Origin(use.repository, full, sha, path)
        if key not in self.found:
            self.fetch(key, origin)
        return self.visit(key, origin)


def _standin(name: str) -> Path:
    if not (STANDINS / name / "action.yml").exists():
        raise MissingActionError(f"{name} is used, and local/workflows/actions/{name} is not there")
    return STANDINS / name
