"""People and teams in the API: who may reach a repository, and the errors of its code owners."""

import re
from collections.abc import Iterator
from typing import Any

from flask import Response, request

from local.github.environments import team
from local.github.hub import BRANCH, Access, Hub, Repository, user
from local.github.openapi import RefusedError
from local.github.routes import Routes, page

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners#codeowners-file-location"""
OWNER = re.compile(r"@[\w-]+(/[\w-]+)?|\S+@\S+\.\S+")
WRITERS = {"push", "write", "maintain", "admin"}


class People:
    """The operations on the people and teams of a hub's repositories."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        routes.add("GET", "/teams", self.teams)
        routes.add("GET", "/collaborators/{username}/permission", self.permission)
        routes.add("GET", "/codeowners/errors", self.code_owner_errors)

    def teams(self, repository: Repository, _access: Access, _body: Any) -> Response:
        """Return the teams that may reach the repository."""
        return page([team(repository, slug) for slug in repository.teams])

    def permission(
        self, repository: Repository, _access: Access, _body: Any, username: str
    ) -> dict[str, Any]:
        """Return a person's permission. Any name is the account of a person."""
        permission = repository.collaborators.get(username, "none")
        return {"permission": permission, "role_name": permission, "user": user(username)}

    def code_owner_errors(
        self, repository: Repository, _access: Access, _body: Any
    ) -> dict[str, Any]:
        """Return the errors of the file with the code owners, at a ref or on the default branch."""
        ref = request.args.get("ref", BRANCH)
        for path in PLACES:
            text = self._hub.file(repository.name, ref, path)
            if text is not None:
                return {"errors": list(_errors(repository, path, text))}
        raise RefusedError(404, "Not Found")


def _errors(repository: Repository, path: str, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        _pattern, *owners = line.partition("#")[0].split() or ("",)
        for owner in owners:
            if not OWNER.fullmatch(owner):
                kind, message = "Invalid owner", f"Invalid owner on line {number}"
            elif not _may_write(repository, owner):
                kind = "Unknown owner"
                message = f"Unknown owner on line {number}: make sure {owner} exists and has write"
                message += " access to the repository"
            else:
                continue
            yield {
                "line": number,
                "column": line.index(owner) + 1,
                "kind": kind,
                "source": line,
                "suggestion": None,
                "message": message,
                "path": path,
            }


def _may_write(repository: Repository, owner: str) -> bool:
    if not owner.startswith("@"):
        return True  # addresses of accounts are not known here
    account, _, slug = owner[1:].partition("/")
    if slug:
        return account == repository.owner and repository.teams.get(slug) in WRITERS
    return repository.collaborators.get(account) in WRITERS
