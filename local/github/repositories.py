"""Bare git repositories that stand for GitHub's, and pushes to them.

Each is `<root>/<owner>/<name>.git`. A push is told to the emulator by the repository's
post-receive hook, as GitHub tells a CodeConnections connection.
"""

import os
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local.github.post_receive import UNTOLD
from local.waiting import PATIENCE
from phaseline.errors import RemoteCallError

BRANCH = "main"
HOOK = Path(__file__).with_name("post_receive.py")


class UntoldError(RemoteCallError):
    """A push has landed as `commit`, and whoever has to know could not be told."""

    def __init__(self, bare: Path, commit: str, found: str) -> None:
        super().__init__(f"a push to {bare}", found, "Push another commit when it listens.")
        self.commit = commit


def git(*arguments: str, cwd: Path) -> str:
    """Run git with nobody's settings but ours; return what it printed.

    Raises subprocess.CalledProcessError, whose `stderr` says why, when git fails.
    """
    return _git(*arguments, cwd=cwd).stdout.strip()


def _git(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Phaseline",
        "GIT_AUTHOR_EMAIL": "phaseline@example.com",
        "GIT_COMMITTER_NAME": "Phaseline",
        "GIT_COMMITTER_EMAIL": "phaseline@example.com",
    }
    try:
        # Names of files come as they are, not in quotes with escapes.
        return subprocess.run(
            ["git", "-c", "core.quotePath=false", *arguments],
            cwd=cwd,
            env=settings,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)  # or a traceback would not say why
        raise


def location(root: Path, name: str) -> Path:
    """Where the repository `owner/name` is kept."""
    return root / f"{name}.git"


def ensure(root: Path, name: str, *, folder: Path, push_url: str) -> str:
    """Make the repository from a folder unless it is there; return its head commit.

    The hook is written in any case: the emulator's address is another one at each start. A first
    commit is not told to anybody, since no pipeline can be connected yet.
    """
    bare = location(root, name)
    if not bare.exists():
        bare.mkdir(parents=True)
        git("init", "--bare", "--quiet", f"--initial-branch={BRANCH}", cwd=bare)
        record(root, name, folder, message=f"Start from {folder.name}")
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    # A shell's line: an interpreter in the first line of a file may have no blank in its name.
    told = shlex.join([sys.executable, str(HOOK), name, push_url, str(PATIENCE)])
    hook.write_text(f"#!/bin/sh\nexec {told}\n", encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    return git("rev-parse", BRANCH, cwd=bare)


def copy(root: Path, name: str, fork: str) -> None:
    """Make the repository `fork` with another's main branch, as GitHub does by default, unless it
    is there."""
    if not location(root, fork).exists():
        location(root, fork).parent.mkdir(parents=True, exist_ok=True)
        source = location(root, name).resolve()
        only = ("--bare", "--single-branch", f"--branch={BRANCH}")
        git("clone", "--quiet", *only, str(source), str(location(root, fork)), cwd=root)


def commit(
    root: Path,
    name: str,
    changes: Mapping[str, str | None],
    *,
    message: str,
    branch: str = BRANCH,
) -> str:
    """Commit changes (a path's new text; None deletes it) and push them; return the commit.

    They are made to what the main branch holds, and pushed to `branch`, which may be new. Raises
    UntoldError where nobody was told of the push.
    """
    bare = location(root, name)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "work"
        git("clone", "--quiet", str(bare.resolve()), str(work), cwd=Path(scratch))
        for path, text in changes.items():
            if text is None:
                (work / path).unlink()
            else:
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                (work / path).write_text(text, encoding="utf-8")
        return _commit_and_push(work, bare, message, branch)


def _commit_and_push(work: Path, bare: Path, message: str, branch: str) -> str:
    """Commit all that is in a work tree and push it, waiting for the hook; return the commit."""
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", message, cwd=work)
    made = git("rev-parse", "HEAD", cwd=work)
    pushed = _git("push", "--quiet", str(bare.resolve()), f"HEAD:refs/heads/{branch}", cwd=work)
    if UNTOLD in pushed.stderr:
        raise UntoldError(bare, made, pushed.stderr.partition(UNTOLD)[2].strip())
    return made


def record(root: Path, name: str, folder: Path, *, message: str) -> str:
    """Push what a folder holds now, as one commit; the commit, or the head if nothing changed.

    What the folder's .gitignore names, or `dist`, is left out; whether the folder is a git
    repository itself is no matter.
    """
    bare = location(root, name)
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(scratch) / "work"
        git("clone", "--quiet", "--no-checkout", str(bare.resolve()), str(kept), cwd=bare)
        (kept / ".git/info/exclude").write_text("dist/\n__pycache__/\n", encoding="utf-8")
        tree = (f"--git-dir={kept / '.git'}", f"--work-tree={folder.resolve()}")
        git(*tree, "add", "--all", cwd=folder)
        if not git(*tree, "status", "--porcelain", cwd=folder):
            return git("rev-parse", "HEAD", cwd=kept)
        git(*tree, "commit", "--quiet", "-m", message, cwd=folder)
        git("push", "--quiet", str(bare.resolve()), f"HEAD:refs/heads/{BRANCH}", cwd=kept)
        return git("rev-parse", "HEAD", cwd=kept)


def merge(root: Path, name: str, number: int, *, base: str, head: str, head_name: str) -> str:
    """Make `refs/pull/<number>/merge` of two branches; the commit.

    `head_name` is the repository of the branch `head`: a fork, or this one itself. Raises
    subprocess.CalledProcessError where they conflict.
    """
    bare = location(root, name)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "work"
        git("clone", "--quiet", "--branch", base, str(bare.resolve()), str(work), cwd=bare)
        git("fetch", "--quiet", str(location(root, head_name).resolve()), head, cwd=work)
        message = f"Merge {head} into {base}"
        git("merge", "--quiet", "--no-ff", "-m", message, "FETCH_HEAD", cwd=work)
        git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/merge", cwd=work)
        return git("rev-parse", "HEAD", cwd=work)


def full_name(bare: Path, name: str) -> str:
    """The full name of a branch or tag: of two with one name, the tag, as git takes it."""
    return git("rev-parse", "--symbolic-full-name", name, cwd=bare)


def changed(root: Path, name: str, before: str, after: str) -> tuple[str, ...]:
    """The paths in which two commits differ; all paths where there was nothing before."""
    bare = location(root, name)
    if before.strip("0"):
        listed = git("diff", "--name-only", before, after, cwd=bare)
    else:
        listed = git("ls-tree", "-r", "--name-only", after, cwd=bare)
    return tuple(listed.splitlines())
