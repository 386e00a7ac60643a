"""A server on loopback for each stand-in, and faults that tests order."""

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
    """Handles requests without logging them."""

    def log_request(self, *_: object) -> None:
        """Log nothing."""


@dataclass(frozen=True)
class Server:
    """A running server. Its address has no slash at the end."""

    url: str
    _server: BaseWSGIServer
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop serving and close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def serve(application: "WSGIApplication", *, port: int = 0) -> Server:
    """Serve an application on 127.0.0.1, with a thread for each request. Port 0 is a free port."""
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    return Server(f"http://127.0.0.1:{server.server_port}", server, thread)


@dataclass(frozen=True)
class Fault:
    """The failure of one request.

    With `status`, the request is refused and has no effect. With `drop`, it is carried out and the
    connection is closed without an answer, so that the client cannot know the result. `method` and
    `path`, which is the end of a path, select the request. An empty value selects any.
    """

    status: int = 0
    drop: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ""
    path: str = ""

    def meets(self, request: Request) -> bool:
        """Return whether the fault is for this request."""
        return self.method in ("", request.method) and request.path.endswith(self.path)


class Faults:
    """Ordered faults in front of an application. Each is used once.

    `POST /_phaseline/faults` takes `{"status": 503, "count": 2, "headers": {...}}` or `{"drop":
    true}`. Add `{"method": "POST", "path": "/comments"}` to select requests. `DELETE` removes
    unused faults. `body` returns the body of a refusal. Paths under `/_phaseline/` never fail.
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
        request.get_data()  # unread data would reset the connection when it is closed
        refusal = Response(
            json.dumps(self._body(fault.status)),
            status=fault.status,
            headers=dict(fault.headers),
            mimetype="application/json",
        )
        return refusal(environ, start_response)

    def _order(self, request: Request) -> Response:
        """Add faults to the queue."""
        order = request.get_json()
        count = order.pop("count", 1)
        fault = Fault(**order)
        if bool(fault.status) == fault.drop:
            return Response("a fault has either a status or drop\n", status=400)
        self._pending.extend([fault] * count)
        return Response(status=204)

    def _next(self, request: Request) -> Fault | None:
        """Return the first fault for this request, or None."""
        with self._lock:
            for place, fault in enumerate(self._pending):
                if fault.meets(request):
                    return self._pending.pop(place)
        return None
