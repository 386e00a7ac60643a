"""What every stand-in shares: a server on loopback, and faults that can be ordered for it."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTROL = "/_phaseline/"


class Quiet(WSGIRequestHandler):
    """Serves requests without a line for each."""

    def log_request(self, *_: object) -> None:
        """A request that was answered is no news."""


@dataclass(frozen=True)
class Server:
    """A running server: its address, without a slash at the end, and the way to stop it."""

    url: str
    _server: BaseWSGIServer
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop serving and close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def serve(application: "WSGIApplication", *, port: int = 0) -> Server:
    """Serve an application on 127.0.0.1, one thread a request. Port 0 takes a free one."""
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    return Server(f"http://127.0.0.1:{server.server_port}", server, thread)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    With a `status` the request is refused and has no effect. With `drop` it is carried out, and
    then the connection is closed without an answer: the case in which a client can't know.
    `method` and `path`, the end of a path, say which requests it waits for; empty: any.
    """

    status: int = 0
    drop: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ""
    path: str = ""

    def meets(self, request: Request) -> bool:
        """Whether the request is one that this is ordered for."""
        return self.method in ("", request.method) and request.path.endswith(self.path)


class Faults:
    """Ordered faults, each used once, in front of an application.

    `POST /_phaseline/faults` takes `{"status": 503, "count": 2, "headers": {...}}` or
    `{"drop": true}`, each with `{"method": "POST", "path": "/comments"}` where it is for some
    requests only; `DELETE` forgets those not used yet. `body` is what the service says with a
    refusal. Paths under `/_phaseline/` never fail.
    """

    def __init__(self, application: "WSGIApplication", body: Callable[[int], Any]) -> None:
        self._application = application
        self._body = body
        self._pending: list[Fault] = []
        self._lock = threading.Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        if request.path == f"{CONTROL}faults" and request.method == "POST":
            return self._order(request)(environ, start_response)
        if request.path == f"{CONTROL}faults" and request.method == "DELETE":
            self._pending.clear()
            return Response(status=204)(environ, start_response)
        fault = None if request.path.startswith(CONTROL) else self._next(request)
        if fault is None:
            return self._application(environ, start_response)
        if fault.drop:
            Response.from_app(self._application, environ, buffered=True)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        request.get_data()  # read to its end, or closing would reset the connection
        refusal = Response(
            json.dumps(self._body(fault.status)),
            status=fault.status,
            headers=dict(fault.headers),
            mimetype="application/json",
        )
        return refusal(environ, start_response)

    def _order(self, request: Request) -> Response:
        """Put faults in the queue."""
        order = request.get_json()
        count = order.pop("count", 1)
        fault = Fault(**order)
        if bool(fault.status) == fault.drop:
            return Response("a fault has either a status or drop\n", status=400)
        self._pending.extend([fault] * count)
        return Response(status=204)

    def _next(self, request: Request) -> Fault | None:
        """The first fault that is for this request; None where there is none."""
        with self._lock:
            for place, fault in enumerate(self._pending):
                if fault.meets(request):
                    return self._pending.pop(place)
        return None
