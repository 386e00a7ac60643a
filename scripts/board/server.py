"""Serves the board on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from scripts.board.app import BoardApp
from scripts.board.guard import Guard
from scripts.board.reader import Reader

HOST = "127.0.0.1"


class _Quiet(WSGIRequestHandler):
    """Answers requests, and prints no line for each: it would contain the secret."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Print nothing."""


@contextmanager
def serving(
    reader: Reader, person: str, port: int = 0, *, may_act: bool = False
) -> Iterator[BoardApp]:
    """Serve the board while the code inside runs. Port 0 stands for any free port.

    With `may_act`, it carries out requests of the person.

    Raises OSError if the port is taken.
    """
    with socket.create_server((HOST, port)) as listener:
        app = BoardApp(reader, Guard(listener.getsockname()[1]), person, may_act=may_act)
        server = make_server(
            HOST,
            app.guard.port,
            app.flask,
            threaded=True,
            request_handler=_Quiet,
            fd=listener.fileno(),
        )
    # The main thread waits for signals.
    thread = threading.Thread(target=server.serve_forever, name="board-server", daemon=True)
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        server.server_close()
