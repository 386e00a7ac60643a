"""A stand-in for GitHub: its API, its issuer of OIDC tokens, and what starts workflows.

Requests to the API are checked against GitHub's own OpenAPI description (openapi.py). Beside it
stands what a test or the demo asks for (control.py), and with a runner, workflows are run.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from flask import Flask

from local.github import graphql
from local.github.control import Control
from local.github.deployments import Deployments
from local.github.hub import Hub, Repository
from local.github.issues import Issues
from local.github.openapi import RefusedError
from local.github.pages import Routes, base
from local.github.pulls import Pulls
from local.github.releases import Releases
from local.github.workflows import Workflows
from local.serving import Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.workflows.runner import Runner


def application(*, token: str, repositories: Collection[str]) -> "WSGIApplication":
    """The API for one token and the repositories (`owner/name`, in any case) that it may reach.

    Events are kept, and no workflow is run.
    """
    return serving(Hub(token=token, repositories=repositories), None)


def serving(hub: Hub, runner: "Runner | None") -> "WSGIApplication":
    """The API of a hub, and with a runner all of GitHub Actions."""
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
    """The repository itself."""
    return repository.view(base())
