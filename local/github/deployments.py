"""Deployments and their statuses."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from local.github.hub import Access, Hub, Repository
from local.github.openapi import RefusedError
from local.github.routes import Routes, base, page


class Deployments:
    """The operations on deployments of a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        routes.add("GET", "/deployments", self.search)
        routes.add("POST", "/deployments", self.create, status=201)
        routes.add("GET", "/deployments/{deployment_id}", self.get)
        routes.add("GET", "/deployments/{deployment_id}/statuses", self.statuses)
        routes.add("POST", "/deployments/{deployment_id}/statuses", self.set_status, status=201)

    def search(self, repository: Repository, _access: Access, _body: Any) -> Response:
        """Return deployments by environment, ref, sha and task, the newest first."""
        filters = {
            name: request.args[name]
            for name in ("environment", "ref", "sha", "task")
            if request.args.get(name, "none") != "none"
        }
        return page(
            [
                self._view(repository, deployment)
                for deployment in reversed(repository.deployments.values())
                if all(deployment[name] == value for name, value in filters.items())
            ]
        )

    def create(
        self, repository: Repository, access: Access, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Record a deployment."""
        return self._view(repository, self._hub.deploy(repository, body, access.actor))

    def get(
        self, repository: Repository, _access: Access, _body: Any, deployment_id: int
    ) -> dict[str, Any]:
        """Return one deployment."""
        return self._view(repository, _found(repository, deployment_id))

    def statuses(
        self, repository: Repository, _access: Access, _body: Any, deployment_id: int
    ) -> Response:
        """Return the statuses of a deployment, the newest first."""
        _found(repository, deployment_id)
        return page(
            [
                self._status_view(repository, deployment_id, status)
                for status in reversed(repository.statuses[deployment_id])
            ]
        )

    def set_status(
        self, repository: Repository, access: Access, body: Mapping[str, Any], deployment_id: int
    ) -> dict[str, Any]:
        """Add a status to a deployment."""
        _found(repository, deployment_id)
        kept = self._hub.set_status(repository, deployment_id, body, access.actor)
        return self._status_view(repository, deployment_id, kept)

    def _view(self, repository: Repository, deployment: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{base()}/repos/{repository.name}"
        own = f"{url}/deployments/{deployment['id']}"
        return {
            **deployment,
            "url": own,
            "statuses_url": f"{own}/statuses",
            "repository_url": url,
        }

    def _status_view(
        self, repository: Repository, deployment: int, status: Mapping[str, Any]
    ) -> dict[str, Any]:
        url = f"{base()}/repos/{repository.name}"
        own = f"{url}/deployments/{deployment}"
        return {
            **status,
            "url": f"{own}/statuses/{status['id']}",
            "deployment_url": own,
            "repository_url": url,
        }


def _found(repository: Repository, number: int) -> dict[str, Any]:
    if number not in repository.deployments:
        raise RefusedError(404, "Not Found")
    return repository.deployments[number]
