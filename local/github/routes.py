"""Routes of the API: the repository in a path, and lists in pages."""

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, request

from local.github.hub import Hub
from local.github.openapi import RefusedError, check
from local.github.permissions import allows

Handler = Callable[..., Any]
REPOSITORY = "/repos/{owner}/{repo}"


class Routes:
    """Adds the operations of the API to an application.

    A handler is called with the repository, the caller's access, the checked body and the
    parameters of the path. Its result is sent as JSON.
    """

    def __init__(self, app: Flask, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    def add(self, method: str, path: str, handler: Handler, *, status: int = 200) -> None:
        """Serve the operation at `REPOSITORY + path`."""
        full = REPOSITORY + path

        def answer(owner: str, repo: str, **named: str) -> Any:
            access = self._hub.access(dict(request.headers), request.method)
            repository = self._hub.repository(f"{owner}/{repo}")
            if not allows(access.permissions, request.method, path):
                raise RefusedError(403, "Resource not accessible by integration")
            body = check(full, request)
            given = {name: int(text) if text.isdigit() else text for name, text in named.items()}
            made = handler(repository, access, body, **given)
            if isinstance(made, Response | tuple):
                return made
            return (jsonify(made), status) if made is not None else ("", status)

        self._app.add_url_rule(
            re.sub(r"\{(\w+)\}", _variable, full), f"{method} {full}", answer, methods=[method]
        )


def _variable(name: re.Match[str]) -> str:
    """A part of a path for Flask. Only a ref, such as tags/v1, has slashes."""
    return "<path:ref>" if name[1] == "ref" else f"<{name[1]}>"


def base() -> str:
    """Return the address at which the caller reached this API, without a slash at the end."""
    return request.host_url.rstrip("/")


def page(items: Sequence[Any], wrapped: str = "") -> Response:
    """Return the requested page of a list, with the Link header that names the next page.

    `wrapped` is the key of the list beside its total_count, in operations that have one.
    """
    size = min(int(request.args.get("per_page", 30)), 100)
    number = int(request.args.get("page", 1))
    chosen = list(items[(number - 1) * size : number * size])
    answer = jsonify({"total_count": len(items), wrapped: chosen} if wrapped else chosen)
    if number * size < len(items):
        query = urlencode({**request.args, "page": number + 1})
        answer.headers["Link"] = f'<{base()}{request.path}?{query}>; rel="next"'
    return answer
