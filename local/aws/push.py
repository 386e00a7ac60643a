"""Messages that the emulator accepts beside the requests of AWS, each as a POST of JSON.

- `/_phaseline/push {"repository", "branch", "commit"}`: a branch was pushed
- `/_phaseline/oidc {"issuer", "keys"}`: the keys of an OIDC issuer, which AWS would fetch
- `/_phaseline/connection {"arn", "status"}`: the new status of a connection
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import request_scope

from local.aws.codepipeline import pushes
from local.aws.codepipeline.service import CodePipeline
from local.aws.ministack.connections import Connections
from local.aws.ministack.scope import ACCOUNT, REGION
from local.aws.ministack.web_identity import WebIdentity

App = Callable[[Any, Any, Any], Awaitable[None]]
Handler = Callable[[dict[str, Any]], dict[str, Any]]


def addresses(
    service: CodePipeline, identity: WebIdentity, connections: Connections
) -> dict[str, Handler]:
    """Return the function that handles a message, by path."""

    def push(body: dict[str, Any]) -> dict[str, Any]:
        moved = body["repository"], body["branch"], body["commit"]
        return {"started": pushes.started(service, *moved)}

    def oidc(body: dict[str, Any]) -> dict[str, Any]:
        identity.trust_keys(body["issuer"], body["keys"])
        return {}

    def connection(body: dict[str, Any]) -> dict[str, Any]:
        connections.set_status(body["arn"], body["status"])
        return {}

    return {
        "/_phaseline/push": push,
        "/_phaseline/oidc": oidc,
        "/_phaseline/connection": connection,
    }


def listening(app: App, handlers: Mapping[str, Handler]) -> App:
    """Return the application with these paths in front of it."""

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        known = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in handlers
        if not known:
            await app(scope, receive, send)
            return
        status, answer = _answer(await _body(receive), handlers[scope["path"]])
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return handle


def _answer(body: bytes, do: Handler) -> tuple[int, dict[str, Any]]:
    try:
        with request_scope(ACCOUNT, REGION):
            return 200, do(json.loads(body))
    except (ValueError, KeyError, TypeError) as error:
        return 400, {"error": f"The body is not what is expected here: {error!r}"}


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
