"""Checks out a repository into the workspace, at the commit of the event or at another ref."""

import os
import subprocess
from pathlib import Path


def git(*arguments: str, cwd: Path) -> str:
    """Run git, and return its output."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def main() -> None:
    """Fetch and check out, and set the output `commit`."""
    repository, ref = os.environ["INPUT_REPOSITORY"], os.environ["INPUT_REF"]
    own = repository == os.environ["GITHUB_REPOSITORY"]
    wanted = ref or (os.environ["GITHUB_SHA"] if own else "HEAD")
    source = Path(os.environ["ACT_GIT_ROOT"]) / f"{repository}.git"
    folder = Path(os.environ["GITHUB_WORKSPACE"]) / os.environ["INPUT_PATH"]
    folder.mkdir(parents=True, exist_ok=True)
    git("init", "--quiet", "--initial-branch=main", cwd=folder)
    remotes = git("remote", cwd=folder).split()
    git("remote", "set-url" if remotes else "add", "origin", str(source), cwd=folder)
    git("fetch", "--quiet", "origin", wanted, cwd=folder)
    git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD", cwd=folder)
    git("clean", "-ffdqx", cwd=folder)
    commit = git("rev-parse", "HEAD", cwd=folder)
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"ref={wanted}\ncommit={commit}\n")
    print(f"Checked out {repository} at {commit}")


if __name__ == "__main__":
    main()
