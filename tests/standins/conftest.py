"""Plain HTTP for the stand-ins' tests: what a client sees, with nothing in between."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3

from local.serving import Server, serve
from local.waiting import PATIENCE


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def call(
    url: str, *, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request; a body that is not bytes is sent as JSON."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    answer = urllib3.request(
        method, url, body=content, headers=given, retries=False, redirect=False, timeout=PATIENCE
    )
    return Answer(answer.status, answer.data, dict(answer.headers))


@pytest.fixture
def serving() -> Iterator[Callable[[Any], Server]]:
    """Serve applications until the test ends."""
    servers: list[Server] = []

    def start(application: Any) -> Server:
        servers.append(serve(application))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
