"""The one question that is asked of GitHub's GraphQL API: who acts with the token."""

from typing import Any

from flask import Flask, request

from local.github.hub import Hub

VIEWER = "query { viewer { login } }"


def register(app: Flask, hub: Hub) -> None:
    """Add the GraphQL API to an application."""

    @app.post("/graphql")
    def query() -> dict[str, Any]:
        access = hub.access(dict(request.headers), "GET")
        asked = " ".join(str((request.get_json() or {}).get("query", "")).split())
        if asked != VIEWER:
            return {"errors": [{"message": f"The stand-in answers only {VIEWER!r}"}]}
        return {"data": {"viewer": {"login": access.actor}}}
