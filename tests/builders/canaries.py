"""Secrets that must never be shown, and a search for them in whatever was captured."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import github
import pytest
import requests
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)

CANARIES: Mapping[str, str] = {
    "Slack token": "xoxb-CANARY/slack+token=",
    "GitHub token": "ghs_CANARY/github+token=",
    "OIDC token": "eyJhbGciOiJub25lIn0.CANARY/oidc+token.e",
    "OIDC request token": "CANARY/oidc+request+token=",
    "access key": "AKIACANARYACCESSKEY0",
    "secret key": "CANARY/secret+access/key=",
    "session token": "FwoGZXIvCANARY/session+token==",
    "artifact access key": "CANARY-ACCESS-KEY",
    "artifact secret key": "CANARY-SECRET-KEY",
    "artifact session token": "CANARY-SESSION-TOKEN",
}
"""A value of each secret. Encodings change the signs in most of them."""
ENVIRONMENT: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": CANARIES["access key"],
    "AWS_SECRET_ACCESS_KEY": CANARIES["secret key"],
    "AWS_SESSION_TOKEN": CANARIES["session token"],
    "GITHUB_TOKEN": CANARIES["GitHub token"],
    "SLACK_BOT_TOKEN": CANARIES["Slack token"],
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": CANARIES["OIDC request token"],
}
"""The variables in which jobs and functions have them."""


def found_in(*captured: object) -> list[str]:
    """The names of the secrets that a text, bytes, a value or an exception with its causes shows,
    as they are or encoded."""
    text = "\n".join(part for one in captured for part in _texts(one, set()))
    return sorted(name for name, value in CANARIES.items() if any(f in text for f in _forms(value)))


def _forms(value: str) -> Iterator[str]:
    raw = value.encode()
    yield from (value, quote(value), quote(value, safe=""), quote_plus(value), raw.hex())
    yield from (json.dumps(value)[1:-1], value.replace("/", "\\/"), repr(value)[1:-1])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # Base64 of a longer text has three alignments
            encoded = encode(b"x" * before + raw).decode().rstrip("=")
            yield encoded[4 if before else 0 : len(encoded) - len(encoded) % 4 - 4]


def _texts(value: object, seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, BaseException):
        yield f"{value} {value!r}"
        for other in (value.__cause__, None if value.__suppress_context__ else value.__context__):
            if other is not None:
                yield from _texts(other, seen)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key, seen)
            yield from _texts(item, seen)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _texts(item, seen)
    else:
        yield str(value)


REQUEST = (
    f"https://x.example/?X-Amz-Credential={quote(CANARIES['access key'], safe='')}"
    f"&X-Amz-Security-Token={quote(CANARIES['session token'], safe='')}"
)
HEADER = ValueError(f"Invalid header value b'{CANARIES['session token']}\\n'")
SIGNED = (
    "The request signature we calculated does not match the signature you provided. Check your AWS"
    " Secret Access Key and signing method. Consult the service documentation for details. The"
    " Canonical String for this request should have been 'POST\n/\n\nhost:x\n"
    f"x-amz-security-token:{CANARIES['session token']}\n'"
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
OF_AWS: Mapping[str, Callable[[str], Exception]] = {
    "refused": lambda operation: ClientError(
        {"Error": {"Code": "AccessDenied", "Message": "no"}}, operation
    ),
    "wrong signature": lambda operation: ClientError(
        {"Error": {"Code": "SignatureDoesNotMatch", "Message": SIGNED}}, operation
    ),
    "not connected": lambda _: EndpointConnectionError(endpoint_url=REQUEST),
    "no answer": lambda _: ConnectTimeoutError(endpoint_url=REQUEST, error=HEADER),
    "wrong header": lambda _: HTTPClientError(error=HEADER),
    "no certificate": lambda _: SSLError(endpoint_url=REQUEST, error=HEADER),
    "no proxy": lambda _: ProxyConnectionError(
        proxy_url=f"http://user:{CANARIES['secret key']}@proxy.example"
    ),
}
"""Errors of a call to AWS whose texts quote what the library knows of the request."""
AUTHORIZATION = {"Authorization": f"token {CANARIES['GitHub token']}"}
OF_GITHUB: Mapping[str, Exception] = {
    "refused": github.GithubException(
        403, {"message": "no", "request": AUTHORIZATION}, {"x-request": str(AUTHORIZATION)}
    ),
    "failed": github.GithubException(500, AUTHORIZATION, AUTHORIZATION),
    "not connected": requests.ConnectionError(f"Max retries exceeded, headers {AUTHORIZATION}"),
    "wrong header": requests.exceptions.InvalidHeader(f"Invalid header value: {AUTHORIZATION}"),
}


class Remote:
    """Stands between all clients and AWS: counts calls, lets one fail, and keeps what was sent.

    `answers` are for operations that moto lacks. Everything else goes to moto.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        answers: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]],
    ) -> None:
        self.calls, self._at, self._lock = 0, 0, threading.Lock()
        self.sent: list[dict[str, Any]] = []
        self._make: Callable[[str], Exception] | None = None
        real = vars(BaseClient)["_make_api_call"]

        def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
            with self._lock:
                self.calls += 1
                self.sent.append(params)
                fails = self.calls == self._at
            if fails and self._make:
                raise self._make(operation)
            if operation in answers:
                return answers[operation](params)
            return real(client, operation, params)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    def arm(self, at: int, make: Callable[[str], Exception]) -> None:
        """Let a call fail, counted from now on."""
        self.calls, self._at, self._make = 0, at, make
        self.sent.clear()
