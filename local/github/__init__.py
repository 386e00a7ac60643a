"""A stand-in for GitHub: its API, its issuer of OIDC tokens, and the start of workflows.

Requests to the API are checked against GitHub's OpenAPI description (openapi.py). Tests and the
demo use the additional paths of control.py. With a runner, events run workflows.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from flask import Flask

from local.github import graphql
from local.github.control import Control
from local.github.deployments import Deployments
from local.github.environments import Environments
from local.github.hub import Hub, Repository
from local.github.issues import Issues
from local.github.openapi import RefusedError
from local.github.people import People
from local.github.pulls import Pulls
from local.github.releases import Releases
from local.github.routes import Routes, base
from local.github.variables import Variables
from local.github.workflows import Workflows
from local.serving import Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.workflows.runner import Runner


def application(*, token: str, repositories: Collection[str]) -> "WSGIApplication":
    """Return the API for one token and its repositories (`owner/name`, in any case).

    Events are recorded, and no workflow runs.
    """
    return serving(Hub(token=token, repositories=repositories), None)


def serving(hub: Hub, runner: "Runner | None") -> "WSGIApplication":
    """Return the API of a hub and, with a runner, GitHub Actions."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    routes = Routes(app, hub)
    routes.add("GET", "", _repository)
    issues = Issues(hub)
    pulls = Pulls(hub, issues)
    issues.register(routes)
    pulls.register(routes)
    Deployments(hub).register(routes)
    Releases(hub).register(routes)
    Workflows(hub, runner).register(routes)
    Environments(hub).register(routes)
    Variables().register(routes)
    People(hub).register(routes)
    graphql.register(app, hub)
    Control(hub, runner, pulls).register(app)

    @app.errorhandler(RefusedError)
    def refused(error: RefusedError) -> Any:
        return error.answer()

    @app.errorhandler(404)
    @app.errorhandler(405)
    def unknown(_: Exception) -> Any:
        return RefusedError(404, "Not Found").answer()

    return Faults(app, lambda status: {"message": "Ordered fault", "status": str(status)})


def _repository(repository: Repository, _access: object, _body: object) -> dict[str, Any]:
    """Return the repository."""
    return repository.view(base())
