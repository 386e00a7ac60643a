"""Pure: classifies the answers of GitHub's API.

The status is not enough: 403 is a missing permission or a rate limit, and 404 also means that the
token may not see the object. So the status, the headers and the message decide together.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum

DEFAULT_WAIT = 60.0
"""Seconds to wait if the answer does not say when the rate limit ends."""
MESSAGE_LIMIT = 300
"""Characters of GitHub's message that are kept."""
_RATE_LIMIT = re.compile(
    r"rate limit|abuse detection|submitted too quickly|login attempts exceeded", re.IGNORECASE
)


class Kind(Enum):
    """The meaning of an answer for the caller."""

    ACCEPTED = "done"
    MOVED = "the repository has another name or owner"
    UNAUTHORIZED = "the token is not valid"
    THROTTLED = "a rate limit: the same request succeeds later"
    PERMISSION = "the token is valid, and lacks a permission"
    UNSEEN = "it does not exist, or the token may not see it"
    REFUSED = "the request itself is refused"
    FAILED = "GitHub failed, and the same request may succeed"


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its `kind`, and GitHub's `message`, which may be empty.

    `wait` is the number of seconds after which a throttled request may be sent again.
    """

    status: int
    kind: Kind
    message: str
    wait: float = 0.0

    def __str__(self) -> str:
        said = f"{self.status}: {self.message}" if self.message else str(self.status)
        if self.kind is Kind.THROTTLED:
            return f"{said} (a rate limit, for {self.wait:.0f} seconds)"
        if self.kind is Kind.UNSEEN:
            return f"{said} (it does not exist, or the token may not see it)"
        return said


def read(status: int, headers: Mapping[str, str], body: bytes | str, now: float) -> Answer:
    """Return the classified answer. `now` is the time in seconds since the epoch."""
    named = {name.lower(): value for name, value in headers.items()}
    message = _message(body)
    kind = _kind(status, named, message)
    wait = _wait(named, now) if kind is Kind.THROTTLED else 0.0
    if kind is Kind.PERMISSION:
        message = _with_reason(message, named)
    return Answer(status, kind, message, wait)


def _kind(status: int, headers: Mapping[str, str], message: str) -> Kind:
    limited = (
        "retry-after" in headers
        or headers.get("x-ratelimit-remaining", "").strip() == "0"
        or _RATE_LIMIT.search(message) is not None
    )
    match status:
        case 429:
            return Kind.THROTTLED
        case 403:
            return Kind.THROTTLED if limited else Kind.PERMISSION
        case 401:
            return Kind.UNAUTHORIZED
        case 404:
            return Kind.UNSEEN
        case 422 if _RATE_LIMIT.search(message):
            return Kind.THROTTLED
        case 408:
            return Kind.FAILED
    if status >= 500:
        return Kind.FAILED
    if status >= 400:
        return Kind.REFUSED
    return Kind.MOVED if status >= 300 else Kind.ACCEPTED


def _wait(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds until the end of a rate limit, by any of GitHub's headers."""
    after = headers.get("retry-after", "").strip()
    if after.isdecimal():
        return float(after)
    try:
        moment = parsedate_to_datetime(after)
    except ValueError:
        pass
    else:
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)
    reset = headers.get("x-ratelimit-reset", "").strip()
    if headers.get("x-ratelimit-remaining", "").strip() == "0" and reset.isdecimal():
        return max(0.0, float(reset) - now) + 1
    return DEFAULT_WAIT


def _message(body: bytes | str) -> str:
    """Return the message of an answer and of its errors on one line, or "" if there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    errors = found.get("errors")
    parts = [found.get("message"), *(errors if isinstance(errors, list) else [errors])]
    texts = [part.get("message") if isinstance(part, dict) else part for part in parts]
    told = "; ".join(text for text in texts if isinstance(text, str) and text)
    return " ".join(told.split())[:MESSAGE_LIMIT].rstrip(".")


def _with_reason(message: str, headers: Mapping[str, str]) -> str:
    """Add the reason for a missing permission, which only the headers contain."""
    if "required" in headers.get("x-github-sso", ""):
        return f"{message} (the organization asks for a token that is authorized for its SSO)"
    if wanted := headers.get("x-accepted-github-permissions"):
        return f"{message} (it needs {wanted[:MESSAGE_LIMIT]})"
    return message
