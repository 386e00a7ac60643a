"""POST /_phaseline/push: a Git host tells the emulator that a branch has moved."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.core.responses import request_scope

from local.emulator import pushes
from local.emulator.scope import ACCOUNT, REGION
from local.emulator.service import CodePipeline

PATH = "/_phaseline/push"
MEMBERS = ("repository", "branch", "commit")

App = Callable[[Any, Any, Any], Awaitable[None]]


def listening(app: App, service: CodePipeline) -> App:
    """The application with the push address in front of it."""

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        status, answer = _answer(await _body(receive), service)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return handle


def _answer(body: bytes, service: CodePipeline) -> tuple[int, dict[str, Any]]:
    try:
        request = json.loads(body)
        given = [request[member] for member in MEMBERS]
    except (ValueError, KeyError, TypeError):
        return 400, {"error": f"The body must be JSON with {', '.join(MEMBERS)}"}
    with request_scope(ACCOUNT, REGION):
        return 200, {"started": pushes.started(service, *given)}


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
