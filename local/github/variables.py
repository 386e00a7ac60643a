"""Variables of GitHub Actions in the API: those of a repository, and those of its environments.

https://docs.github.com/en/rest/actions/variables
"""

from collections.abc import Mapping
from typing import Any

from flask import Response

from local.github.hub import Access, Repository, now
from local.github.openapi import RefusedError
from local.github.routes import Routes, page

PLACES = ("/actions/variables", "/environments/{environment_name}/variables")


class Variables:
    """The operations on variables. Without a name of an environment, they are the repository's."""

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        for place in PLACES:
            routes.add("GET", place, self.search)
            routes.add("POST", place, self.create, status=201)
            routes.add("GET", f"{place}/{{name}}", self.get)
            routes.add("PATCH", f"{place}/{{name}}", self.update, status=204)

    def search(
        self, repository: Repository, _access: Access, _body: Any, environment_name: str = ""
    ) -> Response:
        """Return all variables."""
        return page(list(_of(repository, environment_name).values()), "variables")

    def create(
        self,
        repository: Repository,
        _access: Access,
        body: Mapping[str, Any],
        environment_name: str = "",
    ) -> dict[str, Any]:
        """Create a variable."""
        variables, name = _of(repository, environment_name), body["name"].upper()
        if name in variables:
            raise RefusedError(409, "Already exists - Variable already exists")
        made = {"name": name, "value": body["value"], "created_at": now(), "updated_at": now()}
        variables[name] = made
        return {}

    def get(
        self,
        repository: Repository,
        _access: Access,
        _body: Any,
        name: str,
        environment_name: str = "",
    ) -> dict[str, str]:
        """Return one variable."""
        return _variable(_of(repository, environment_name), name)

    def update(
        self,
        repository: Repository,
        _access: Access,
        body: Mapping[str, Any],
        name: str,
        environment_name: str = "",
    ) -> None:
        """Change a variable's value."""
        kept = _variable(_of(repository, environment_name), name)
        kept.update(value=body.get("value", kept["value"]), updated_at=now())


def _of(repository: Repository, environment: str) -> dict[str, dict[str, str]]:
    return repository.found(environment).variables if environment else repository.variables


def _variable(variables: Mapping[str, dict[str, str]], name: str) -> dict[str, str]:
    if name.upper() not in variables:
        raise RefusedError(404, "Not Found")
    return variables[name.upper()]
