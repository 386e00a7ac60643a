"""A client of the board that is no browser."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from scripts.board.app import BoardApp
from tests.waiting import eventually


@dataclass(frozen=True)
class Client:
    """A client of the board, with its cookie unless a test takes it away."""

    app: BoardApp

    def ask(
        self, path: str, method: str = "GET", body: Mapping[str, str] | None = None, **headers: str
    ) -> tuple[int, Mapping[str, str], str]:
        """Return the status, the headers and the body of an answer."""
        guard = self.app.guard
        sent = {"Cookie": f"{guard.cookie}={guard.session}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if body is not None:
            data = urlencode(body)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", guard.port, timeout=60)
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text

    def page(self, path: str) -> str:
        """Return a page once what it shows was read."""
        return eventually(lambda: self._page(path))

    def _page(self, path: str) -> str:
        """Return a page, or nothing while what it shows is read."""
        status, _, text = self.ask(path)
        assert status == 200, text
        return "" if "The first reading takes" in text else text

    def post(self, path: str, **form: str) -> tuple[int, Mapping[str, str], str]:
        """Send a form as a page of the board does."""
        guard = self.app.guard
        own = f"http://127.0.0.1:{guard.port}"
        return self.ask(path, "POST", {"csrf": guard.token, **form}, Origin=own)
