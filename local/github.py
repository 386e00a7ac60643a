"""A stand-in for the GitHub API: it takes repository_dispatch events and keeps them.

Requests are checked against GitHub's own OpenAPI description, of which github_openapi.json
holds the operations used. What a test or the demo asks of it:

- `GET /_phaseline/dispatches?after=N` lists the events received, from the one numbered N + 1 on
- `POST /_phaseline/faults` makes the next requests fail (serving.py)
"""

import json
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
from flask import Flask, Response, jsonify, request

from local.serving import CONTROL, Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

DISPATCH = "/repos/{owner}/{repo}/dispatches"
DOCUMENTATION = "https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event"
# https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#repository_dispatch
PAYLOAD_CHARACTERS = 65_535


def contract() -> jsonschema.Draft7Validator:
    """GitHub's description of the body of a repository dispatch.

    OpenAPI 3.0's schemas are close to JSON Schema; this one uses nothing in which they differ.
    """
    description = json.loads(
        Path(__file__).with_name("github_openapi.json").read_text(encoding="utf-8")
    )
    body = description["paths"][DISPATCH]["post"]["requestBody"]["content"]["application/json"]
    return jsonschema.Draft7Validator(body["schema"])


def complaint(status: int, message: str) -> tuple[Response, int]:
    """A refusal as GitHub words it."""
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return jsonify(body), status


def refusal(schema: jsonschema.Draft7Validator) -> tuple[Response, int] | None:
    """Why the current request's body is not taken; None when it is."""
    try:
        body = json.loads(request.get_data())
    except ValueError:
        return complaint(400, "Problems parsing JSON")
    errors = sorted(schema.iter_errors(body), key=lambda error: list(map(str, error.path)))
    if errors:
        place = "/".join(str(part) for part in errors[0].path) or "body"
        return complaint(422, f"Invalid request.\n\n{place}: {errors[0].message[:200]}")
    if len(json.dumps(body.get("client_payload", {}))) > PAYLOAD_CHARACTERS:
        return complaint(422, "client_payload is too large.")
    return None


def application(*, token: str, repositories: Collection[str]) -> "WSGIApplication":
    """The API for one token and the repositories (`owner/name`, in any case) that it may reach."""
    app = Flask(__name__)
    schema = contract()
    known = {name.lower() for name in repositories}
    received: list[dict[str, Any]] = []
    lock = threading.Lock()

    @app.post(DISPATCH.replace("{", "<").replace("}", ">"))
    def dispatch(owner: str, repo: str) -> Any:
        if not request.headers.get("User-Agent"):
            return complaint(403, "Request forbidden by administrative rules.")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token"):
            return complaint(401, "Requires authentication")
        if given.strip() != token:
            return complaint(401, "Bad credentials")
        if f"{owner}/{repo}".lower() not in known:
            return complaint(404, "Not Found")
        if (answer := refusal(schema)) is not None:
            return answer
        body = request.get_json(force=True)
        with lock:
            received.append(
                {
                    "number": len(received) + 1,
                    "repository": f"{owner}/{repo}",
                    "event_type": body["event_type"],
                    "client_payload": body.get("client_payload", {}),
                }
            )
        return "", 204

    @app.get(f"{CONTROL}dispatches")
    def dispatches() -> Any:
        return jsonify(received[request.args.get("after", 0, int) :])

    @app.errorhandler(404)
    def unknown(_: Exception) -> Any:
        return complaint(404, "Not Found")

    return Faults(app, lambda status: {"message": "Ordered fault", "status": str(status)})
