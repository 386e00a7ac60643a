"""Proxies before AWS, GitHub and Slack that inject faults between them and their callers."""

import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import urllib3
from werkzeug.wrappers import Request, Response

from local.serving import serve
from local.waiting import PATIENCE
from phaseline.deploy.environment import PREFIX
from tests.chaos.fates import NOTED, Fates
from tests.chaos.refusals import CONFLICT, REFUSALS, THROTTLED, body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Describe = Callable[[Request], tuple[str, str]]
"""Returns the service and the operation of a request."""
SLOW = 1.0
SILENCE = 12.0
"""Seconds without an answer; each client gives up earlier."""
LIFE = 5.0
"""Seconds from one killed process to the next, so that not all of the three times that Lambda
invokes a function can be cut short: the action would then wait 20 minutes for an answer."""
OWN = {"connection", "transfer-encoding", "keep-alive", "date", "server"}
"""Headers of one connection, which a proxy does not pass on."""


@dataclass
class Proxy:
    """Passes requests on to `upstream`, unless the call's fate is a fault."""

    upstream: str
    describe: Describe
    fates: Fates
    killer: "Killer"
    pool: urllib3.PoolManager

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        service, operation = self.describe(request)
        kind, rng = self.fates.next(service, operation)
        content = request.get_data()  # unread data would reset the connection when it is closed
        match kind:
            case "refused":
                return _refused(request, service, rng)(environ, start_response)
            case "slow":
                self.fates.over.wait(SLOW)
            case "never":
                self.fates.over.wait(SILENCE)
            case "killed before":
                self.killer.kill(environ)
        if kind not in {"reset", "never", "killed before"}:
            answer = self._pass_on(request, content)
        if kind == "killed after":
            self.killer.kill(environ)
        if kind in {"", "slow"}:
            return answer(environ, start_response)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    def _pass_on(self, request: Request, content: bytes) -> Response:
        answer = self.pool.request(
            request.method,
            self.upstream + request.environ["REQUEST_URI"],
            body=content,
            headers={name: value for name, value in request.headers if name.lower() not in OWN},
            decode_content=False,
        )
        headers = [
            (name, value) for name, value in answer.headers.items() if name.lower() not in OWN
        ]
        self.fates.count[f"{self.describe(request)[0]}: status {answer.status}"] += 1
        return Response(answer.data, answer.status, headers)


def _refused(request: Request, service: str, rng: random.Random) -> Response:
    """Return one of the answers with which the service refuses such a request."""
    choices = REFUSALS.get(service, (THROTTLED,))
    if service == "s3" and {"If-Match", "If-None-Match"} & set(request.headers.keys()):
        choices = (*choices, CONFLICT)
    refusal = rng.choice(choices)
    text, media = body(service, refusal)
    return Response(text, refusal.status, dict(refusal.headers), media)


@dataclass
class Killer:
    """Kills processes that make calls, but leaves time between two, and never one twice in a row.

    So functions that make few calls have their turn, too. `count` has the number of killed
    processes by name, which is that of the function, or of the program.
    """

    count: Counter[str]
    at: float = 0.0
    last: str = ""

    def kill(self, environ: "WSGIEnvironment") -> None:
        """Kill the process that made a request, if it is its turn."""
        caller = _caller(int(environ["REMOTE_PORT"]))
        if caller is None or time.monotonic() - self.at < LIFE:
            return
        with suppress(psutil.Error):
            name = caller.environ().get("AWS_LAMBDA_FUNCTION_NAME", caller.name())
            if name != self.last:
                caller.kill()
                self.at, self.last = time.monotonic(), name
                self.count[f"killed: {name}"] += 1


def _caller(port: int) -> psutil.Process | None:
    """Return the descendant of this process that has a connection from a port."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            ports = {each.laddr.port for each in process.net_connections("tcp") if each.laddr}
            if port in ports:
                return process
    return None


def of_aws(request: Request) -> tuple[str, str]:
    """Return the service and the operation of a request to AWS.

    The service is in the scope of the signature, .../<region>/<service>/aws4_request.
    """
    service = request.headers["Authorization"].split("/")[3]
    operation = request.headers.get("X-Amz-Target", request.method).rpartition(".")[2]
    if operation == "UpdateItem" and b"ts = :ts" in request.get_data():
        operation = NOTED
    if service == "s3" and f"/{PREFIX}" in request.path:
        operation = f"{operation} of a document"
    return service, operation


def of_github(request: Request) -> tuple[str, str]:
    """Return the service, and the last part of a request's path."""
    return "github", request.path.rpartition("/")[2]


def of_slack(request: Request) -> tuple[str, str]:
    """Return the service and the method of a request to Slack."""
    return "slack", request.path.rpartition("/")[2]


@contextmanager
def before(upstreams: dict[str, Describe], fates: Fates) -> Iterator[dict[str, str]]:
    """Run a proxy before each address, and yield the proxy's address by the upstream's.

    An address keeps its path.
    """
    killer, pool = (
        Killer(fates.count),
        urllib3.PoolManager(maxsize=32, retries=False, timeout=PATIENCE),
    )
    servers, addresses = [], {}
    try:
        for upstream, describe in upstreams.items():
            parts = urlsplit(upstream)
            root = f"{parts.scheme}://{parts.netloc}"
            servers.append(serve(Proxy(root, describe, fates, killer, pool)))
            addresses[upstream] = servers[-1].url + parts.path
        yield addresses
    finally:
        for server in servers:
            server.stop()
