"""Sends a repository_dispatch event to GitHub by one POST request.

The limits are 100 characters for the event type, and 10 top-level keys and 65,535 characters for
the payload. GitHub responds with status 204.
https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from phaseline.aws.secret import Secret
from phaseline.errors import InputError, RemoteCallError
from phaseline.github import answers
from phaseline.github.answers import Answer, Kind

EVENT_TYPE_LIMIT = 100
PAYLOAD_KEYS_LIMIT = 10
PAYLOAD_LIMIT = 65_535
ACCEPTED = 204
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read."""
PASSING = "The dispatch stays in the ledger's outbox and is sent again."
REMEDIES = {
    Kind.ACCEPTED: PASSING,
    Kind.FAILED: PASSING,
    Kind.MOVED: "The repository was renamed or moved: correct its name.",
    Kind.PERMISSION: "Give the token contents:write on this repository.",
    Kind.REFUSED: "GitHub refuses the payload: compare it with the documented limits.",
    Kind.THROTTLED: f"Wait: GitHub accepts no requests of this token now. {PASSING}",
    Kind.UNAUTHORIZED: "Store a valid token; it needs contents:write on this repository.",
    Kind.UNSEEN: "Correct the repository's name, or give the token access to it.",
}


class DispatchError(RemoteCallError):
    """GitHub did not accept a repository_dispatch."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, because urllib would send the token to the new address by GET."""

    def redirect_request(self, *_: Any) -> None:
        return None


_open = urllib.request.build_opener(_NoRedirect).open


def check_limits(event_type: str, payload: Mapping[str, Any]) -> None:
    """Raise InputError, which names the field, if the event exceeds a limit of GitHub."""
    for name, size, limit in (
        ("event_type, in characters", len(event_type), EVENT_TYPE_LIMIT),
        ("client_payload, in top-level keys", len(payload), PAYLOAD_KEYS_LIMIT),
        ("client_payload, in characters", len(json.dumps(payload)), PAYLOAD_LIMIT),
    ):
        if size > limit:
            raise InputError(
                "repository_dispatch",
                f"{name}: at most {limit} are accepted, found {size}",
                "Send less: the ledger holds the details.",
            )


def send(
    *,
    api_url: str,
    repository: str,
    event_type: str,
    payload: Mapping[str, Any],
    token: Secret,
    timeout: float,
) -> None:
    """Send a repository_dispatch event, and wait up to `timeout` seconds for each response.

    `repository` is the full name, "owner/name". The event is sent only once, because a response may
    be lost after GitHub has accepted the event; the caller decides about a retry. Only after status
    401, which means that GitHub accepted nothing, it is sent again with a newly fetched token.

    Raises DispatchError if GitHub does not accept the event, and InputError if it exceeds a limit.
    """
    check_limits(event_type, payload)
    body = json.dumps({"event_type": event_type, "client_payload": payload}).encode()
    url = f"{api_url.rstrip('/')}/repos/{repository}/dispatches"
    answer = _post(url, body, token.value(), timeout)
    if isinstance(answer, Answer) and answer.kind is Kind.UNAUTHORIZED:
        answer = _post(url, body, token.refetch(), timeout)
    if not isinstance(answer, Answer) or answer.status != ACCEPTED:
        raise DispatchError(
            f"POST {url} ({event_type})",
            f"expected status {ACCEPTED}, found {answer}",
            REMEDIES[answer.kind] if isinstance(answer, Answer) else PASSING,
        )


def _post(url: str, body: bytes, token: str, timeout: float) -> Answer | str:
    """Return the response, or the name of the exception that prevented a response."""
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "User-Agent": "phaseline",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    # The URL is a parameter of the template, whose pattern allows only http and https.
    request = urllib.request.Request(url, body, headers)  # noqa: S310
    try:
        with _open(request, timeout=timeout) as response:
            return answers.read(response.status, {}, b"", time.time())
    except urllib.error.HTTPError as error:
        return answers.read(error.code, dict(error.headers.items()), _body(error), time.time())
    except (OSError, ValueError, http.client.HTTPException) as error:
        # The message of an exception may quote a header with the token, but its type never does.
        return type(error).__name__


def _body(error: urllib.error.HTTPError) -> bytes:
    """Return the body of a response, or nothing if it does not arrive."""
    with error:
        try:
            return error.read(ANSWER_LIMIT)
        except (OSError, http.client.HTTPException):
            return b""
