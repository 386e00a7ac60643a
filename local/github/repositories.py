"""Bare git repositories in place of GitHub's, and pushes to them.

Each is `<root>/<owner>/<name>.git`. Its post-receive hook reports a push to the emulator, as GitHub
reports it to a CodeConnections connection.
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
    """A push has succeeded as `commit`, but the hook could not report it."""

    def __init__(self, bare: Path, commit: str, found: str) -> None:
        super().__init__(f"a push to {bare}", found, "Push another commit when it listens.")
        self.commit = commit


def git(*arguments: str, cwd: Path) -> str:
    """Run git without a person's settings, and return its output.

    Raises subprocess.CalledProcessError, whose `stderr` has the reason.
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
        # git prints names of files as they are, without quotes and escapes.
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
        error.add_note(error.stderr)  # so that a traceback has the reason
        raise


def location(root: Path, name: str) -> Path:
    """Return the path of the repository `owner/name`."""
    return root / f"{name}.git"


def ensure(root: Path, name: str, *, folder: Path, push_url: str) -> str:
    """Create the repository from a folder if it does not exist. Return its head commit.

    The hook is always written, because the emulator has another address after each start. The first
    commit is not reported, because no pipeline can be connected yet.
    """
    bare = location(root, name)
    if not bare.exists():
        bare.mkdir(parents=True)
        git("init", "--bare", "--quiet", f"--initial-branch={BRANCH}", cwd=bare)
        record(root, name, folder, message=f"Start from {folder.name}")
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    # A shell script, because the path of an interpreter after #! cannot contain a blank.
    command = shlex.join([sys.executable, str(HOOK), name, push_url, str(PATIENCE)])
    hook.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    return git("rev-parse", BRANCH, cwd=bare)


def copy(root: Path, name: str, fork: str) -> None:
    """Create the repository `fork` with the main branch of another one, if it does not exist."""
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
    """Commit changes, push them and return the commit.

    `changes` has the new text of each path. None deletes a file. The changes are made to the head
    of the main branch, and pushed to `branch`, which may be new. Raises UntoldError if the hook
    could not report the push.
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
    """Commit a work tree and push it, which waits for the hook. Return the commit."""
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", message, cwd=work)
    made = git("rev-parse", "HEAD", cwd=work)
    pushed = _git("push", "--quiet", str(bare.resolve()), f"HEAD:refs/heads/{branch}", cwd=work)
    if UNTOLD in pushed.stderr:
        raise UntoldError(bare, made, pushed.stderr.partition(UNTOLD)[2].strip())
    return made


def record(root: Path, name: str, folder: Path, *, message: str) -> str:
    """Push the present files of a folder as one commit. Return it, or the head without changes.

    Files that .gitignore names and `dist` are left out. The folder may be a git repository itself.
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
    """Create `refs/pull/<number>/merge` of two branches, and return the commit.

    `head_name` is the repository of the branch `head`: a fork, or this one. Raises
    subprocess.CalledProcessError if they conflict.
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
    """Return the paths that differ between two commits, or all paths of a first commit."""
    bare = location(root, name)
    if before.strip("0"):
        listed = git("diff", "--name-only", before, after, cwd=bare)
    else:
        listed = git("ls-tree", "-r", "--name-only", after, cwd=bare)
    return tuple(listed.splitlines())
