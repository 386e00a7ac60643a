"""Copies of repositories at one commit, with workflow files that act can read."""

from pathlib import Path

from local import repositories
from local.workflow_files import Origin, sanitise, sanitise_action, used

WORKFLOWS = ".github/workflows"
STANDINS = Path(__file__).with_name("actions")


class MissingActionError(Exception):
    """A workflow uses an action for which there is neither a repository nor a stand-in."""


def files(root: Path, name: str, commit: str) -> dict[str, str]:
    """The workflow files of a repository at a commit, by their paths."""
    bare = repositories.location(root, name)
    listed = repositories.git("ls-tree", "-r", "--name-only", commit, WORKFLOWS, cwd=bare)
    return {
        path: repositories.git("show", f"{commit}:{path}", cwd=bare)
        for path in listed.splitlines()
        if path.endswith((".yml", ".yaml"))
    }


def take(root: Path, origin: Origin, folder: Path) -> dict[str, str]:
    """Check a repository out into a folder, and sanitise it; the files that act will read.

    act takes the repository's name from the remote's address.
    """
    bare = repositories.location(root, origin.repository)
    folder.parent.mkdir(parents=True, exist_ok=True)
    repositories.git("clone", "--quiet", "--no-checkout", str(bare), str(folder), cwd=bare)
    repositories.git("fetch", "--quiet", "origin", origin.sha, cwd=folder)
    repositories.git("checkout", "--quiet", "--detach", origin.sha, cwd=folder)
    address = f"https://github.com/{origin.repository}.git"
    repositories.git("remote", "set-url", "origin", address, cwd=folder)
    read = {}
    for kind, made in (("workflows", sanitise), ("actions", sanitise_action)):
        for path in sorted((folder / ".github" / kind).rglob("*.y*ml")):
            own = Origin(
                origin.repository, origin.ref, origin.sha, path.relative_to(folder).as_posix()
            )
            read[own.path] = made(path.read_text(encoding="utf-8"), own)
            path.write_text(read[own.path], encoding="utf-8")
    return read


def gather(root: Path, origin: Origin, folder: Path) -> dict[str, Path]:
    """Take a repository, and all that its files use; `owner/name@ref` -> folder.

    Raises MissingActionError, and ValueError for a file that is no workflow.
    """
    own = f"{origin.repository}@{origin.sha}"
    found = {own: folder / "repository"}
    todo = [take(root, origin, found[own])]
    while todo:
        for name, _, ref in used(todo.pop()):
            if f"{name}@{ref}" in found:
                continue
            found[f"{name}@{ref}"] = place = _place(root, name, ref, folder)
            if place.parent == folder:
                todo.append(take(root, _origin(root, name, ref), place))
    return found


def _place(root: Path, name: str, ref: str, folder: Path) -> Path:
    if repositories.location(root, name).exists():
        return folder / f"{name}@{ref}".replace("/", "-")
    if (STANDINS / name / "action.yml").exists():
        return STANDINS / name
    raise MissingActionError(f"{name} is used, and local/actions/{name} is not there")


def _origin(root: Path, name: str, ref: str) -> Origin:
    bare = repositories.location(root, name)
    sha = repositories.git("rev-parse", "--verify", f"{ref}^{{commit}}", cwd=bare)
    return Origin(name, ref if sha == ref else f"refs/heads/{ref}", sha, "")
