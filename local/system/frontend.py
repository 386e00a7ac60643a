"""The git repository of the frontend, as its developers change it."""

from collections.abc import Mapping

from local.github import repositories
from local.system import FRONTEND, System


def commit(system: System, changes: Mapping[str, str | None], message: str) -> str:
    """Push a commit to the main branch, and return its ID. None as the content removes a file."""
    return repositories.commit(system.folder / "git", FRONTEND, changes, message=message)


def read(system: System, path: str) -> str:
    """Return the content of a file at the head of the main branch."""
    bare = repositories.location(system.folder / "git", FRONTEND)
    return repositories.git("show", f"{repositories.BRANCH}:{path}", cwd=bare) + "\n"
