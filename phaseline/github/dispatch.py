"""Sends a repository_dispatch to GitHub: one POST, answered with 204.

Limits: an event type of 100 characters, a payload of 10 top-level keys and 65,535 characters.
https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from phaseline.aws.secret import Secret
from phaseline.errors import InputError, RemoteCallError

EVENT_TYPE_LIMIT = 100
PAYLOAD_KEYS_LIMIT = 10
PAYLOAD_LIMIT = 65_535
ACCEPTED, UNAUTHORIZED = 204, 401
MOVED = "The repository was renamed or moved: correct its name."
REMEDIES = {
    301: MOVED,
    302: MOVED,
    307: MOVED,
    308: MOVED,
    401: "Store a valid token; it needs contents:write on this repository.",
    403: "Give the token contents:write on this repository, or wait for its rate limit.",
    404: "Correct the repository's name, or give the token access to it.",
    422: "GitHub refuses the payload: compare it with the documented limits.",
}
PASSING = "The dispatch stays in the ledger's outbox and is sent again."


class DispatchError(RemoteCallError):
    """GitHub did not accept a repository_dispatch."""


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would take the token along to wherever it leads, as a GET."""

    def redirect_request(self, *_: Any) -> None:
        return None


_open = urllib.request.build_opener(_StayHere).open


def check(event_type: str, payload: Mapping[str, Any]) -> None:
    """Raise InputError, naming the field, for what GitHub would refuse."""
    size = len(json.dumps(payload))
    for name, found, limit in (
        ("event_type, in characters", len(event_type), EVENT_TYPE_LIMIT),
        ("client_payload, in top-level keys", len(payload), PAYLOAD_KEYS_LIMIT),
        ("client_payload, in characters", size, PAYLOAD_LIMIT),
    ):
        if found > limit:
            raise InputError(
                "repository_dispatch",
                f"{name}: at most {limit} are accepted, found {found}",
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
    """Send one repository_dispatch, waiting `timeout` seconds at most for each answer.

    It is sent once: whoever calls decides about another try, since an answer may be lost after
    the event was accepted. Only a refused token is tried again, with the token fetched anew,
    because a 401 says for sure that nothing was accepted. Raises DispatchError.
    """
    check(event_type, payload)
    body = json.dumps({"event_type": event_type, "client_payload": payload}).encode()
    url = f"{api_url.rstrip('/')}/repos/{repository}/dispatches"
    status = _post(url, body, token.value(), timeout)
    if status == UNAUTHORIZED:
        status = _post(url, body, token.refetch(), timeout)
    if status != ACCEPTED:
        raise DispatchError(
            f"POST {url} ({event_type})",
            f"expected status {ACCEPTED}, found {status}",
            REMEDIES.get(status, PASSING) if isinstance(status, int) else PASSING,
        )


def _post(url: str, body: bytes, token: str, timeout: float) -> int | str:
    """The answer's status, or what kept it from coming."""
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "User-Agent": "phaseline",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    # The address is the template's parameter, whose pattern admits http and https only.
    request = urllib.request.Request(url, body, headers)  # noqa: S310
    try:
        with _open(request, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError, http.client.HTTPException) as error:
        # The message of a library's exception may quote a header; its type never does.
        return type(error).__name__
