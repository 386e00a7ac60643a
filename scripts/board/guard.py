"""Pure: decides which requests the board answers.

The board listens on loopback only, but any website that a person opens can send requests to it, and
so can other users of the machine. So each request must come from a browser that was given the
secret in the board's address, and no other site can make that browser do anything:

- The address contains a secret. Opening it sets a cookie that the browser sends only with requests
  of the board's own pages (SameSite=Strict) and that no script can read (HttpOnly).
- `Host` must be the board's own. A domain whose name is made to point at 127.0.0.1 (DNS rebinding)
  is refused.
- A request that another site caused is refused, by `Sec-Fetch-Site` and `Origin`.
- A form must contain a token that only the board's pages have, and come from the board's origin.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

SAFE = ("GET", "HEAD")
OWN_SITE = ("same-origin", "none")
"""The values of Sec-Fetch-Site for a request of the board's page, and of the person's address bar.
https://www.w3.org/TR/fetch-metadata/
"""
SECRET_BYTES = 32
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache, private",
    "Server": "phaseline",
}
"""The headers of every answer. With `no-referrer`, the board's own forms would have no Origin."""


def _secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True)
class Visit:
    """A request, as far as the guard decides about it. None stands for a header that is missing.

    `session` is the value of the board's cookie, and `token` the one in a form.
    """

    method: str
    host: str
    session: str | None
    origin: str | None = None
    site: str | None = None
    token: str | None = None


@dataclass(frozen=True)
class Guard:
    """The secrets of a running board, which listens on `port`.

    `opening` is in the address, `session` in the cookie, and `token` in the forms.
    """

    port: int
    opening: str = field(default_factory=_secret, repr=False)
    session: str = field(default_factory=_secret, repr=False)
    token: str = field(default_factory=_secret, repr=False)

    @property
    def cookie(self) -> str:
        """The name of the cookie. Browsers send a cookie to every port of a host."""
        return f"phaseline-board-{self.port}"

    @property
    def address(self) -> str:
        """The address that opens the board."""
        return f"http://127.0.0.1:{self.port}/open/{self.opening}"

    def opens(self, host: str, secret: str) -> bool:
        """Return whether a request for the address that opens the board has its secret."""
        return self._is_own(host) and _equal(secret, self.opening)

    def refusal(self, visit: Visit) -> str | None:
        """Return why a request is refused, or None if it is answered."""
        if not self._is_own(visit.host):
            return "The address has another host than the board."
        if visit.site not in {None, *OWN_SITE}:
            return "Another site sent this request."
        if visit.origin not in {None, f"http://{visit.host}"}:
            return "A page of another origin sent this request."
        if not _equal(visit.session, self.session):
            return "Open the address that the command printed: it contains a secret."
        if visit.method in SAFE:
            return None
        if visit.origin is None or not _equal(visit.token, self.token):
            return "The form is not from this board. Load its page again."
        return None

    def _is_own(self, host: str) -> bool:
        return host in {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}


def _equal(given: str | None, secret: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), secret.encode())
