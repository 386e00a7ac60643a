"""Calls Slack for one channel, through slack_sdk and within a time limit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.http_retry.response import HttpResponse

from phaseline.errors import RemoteCallError
from phaseline.slack import refusals
from phaseline.slack.message_record import Posted
from phaseline.slack.rendering import Message

TIMEOUT = 10.0
"""The most seconds to wait for one answer of Slack."""
NOT_EDITABLE = {"message_not_found", "edit_window_closed", "cant_update_message"}
"""Slack's error codes for a message that no longer exists or can no longer be edited.
https://docs.slack.dev/reference/methods/chat.update#errors
"""


class SlackError(RemoteCallError):
    """Slack did not accept a message.

    `code` is Slack's error code, such as `channel_not_found`, or the type of the exception if Slack
    did not answer. The text does not quote the request, which contains the token.
    """

    def __init__(self, channel: str, code: str) -> None:
        super().__init__(
            f"Slack channel {channel}",
            f"a message could not be posted or edited ({code})",
            refusals.remedy(code),
        )
        self.code = code


class Token(Protocol):
    """The bot's token, such as a phaseline.aws.secret.Secret."""

    def value(self) -> str:
        """Return the token, from memory if possible."""
        ...

    def refetch(self) -> str:
        """Return the token, read again from its source."""
        ...


@dataclass(frozen=True)
class SlackChannel:
    """A Slack channel. All calls together end before `until`, in seconds of `clock`."""

    id: str
    api_url: str
    token: Token
    until: float
    clock: Callable[[], float] = time.monotonic

    def post(self, message: Message, thread: Posted | None = None) -> Posted:
        """Post a message, or a reply in the thread of another message. Raises SlackError."""
        target = {"channel": thread.channel if thread else self.id, "unfurl_links": False}
        reply = {"thread_ts": thread.ts} if thread else {}
        body = _body(message) | target | {"unfurl_media": False} | reply
        answer = self._call("chat.postMessage", body)
        return Posted(str(answer["channel"]), str(answer["ts"]))

    def update(self, posted: Posted, message: Message) -> bool:
        """Edit a message. Return False if it cannot be edited any more. Raises SlackError."""
        try:
            self._call("chat.update", _body(message) | vars(posted))
        except SlackError as error:
            if error.code not in NOT_EDITABLE:
                raise
            return False
        return True

    def _call(self, method: str, body: Mapping[str, Any]) -> Any:
        """Return Slack's answer. If Slack refuses the token, read it again and repeat the call."""
        try:
            return self._ask(self.token.value(), method, body)
        except SlackError as error:
            if error.code not in refusals.TOKENS:
                raise
        return self._ask(self.token.refetch(), method, body)

    def _ask(self, token: str, method: str, body: Mapping[str, Any]) -> Any:
        try:
            return self._client(token).api_call(method, json=dict(body))
        except SlackApiError as error:
            code = _code(error)
        except Exception as error:  # noqa: BLE001 - its text may quote the token
            code = type(error).__name__
        raise SlackError(self.id, code)

    def _client(self, token: str) -> WebClient:
        remaining = self.until - self.clock()
        if remaining < 1:
            raise TimeoutError
        return WebClient(
            token=token,
            base_url=self.api_url,
            # slack_sdk takes whole seconds. Half of the time is kept for a second attempt.
            timeout=max(1, int(min(TIMEOUT, remaining / 2))),
            retry_handlers=[
                _RateLimitHandler(self.until, self.clock),
                ServerErrorRetryHandler(max_retry_count=1),
                ConnectionErrorRetryHandler(max_retry_count=1),
            ],
        )


class _RateLimitHandler(RateLimitErrorRetryHandler):
    """Waits as long as Slack demands, if enough time remains."""

    def __init__(self, until: float, clock: Callable[[], float]) -> None:
        super().__init__(max_retry_count=2)
        self._until, self._clock = until, clock

    def _can_retry(self, *, response: HttpResponse | None = None, **_: Any) -> bool:
        if response is None or response.status_code != 429:
            return False
        delay = next((v for k, v in response.headers.items() if k.lower() == "retry-after"), ["1"])
        # The base class adds up to one second of jitter, and the next attempt needs a second.
        return delay[0].isdecimal() and self._clock() + int(delay[0]) + 2 < self._until


def _body(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": list(message.blocks)}


def _code(error: SlackApiError) -> str:
    """Return Slack's error code, or a note that its answer has none."""
    response: Any = error.response
    if getattr(response, "status_code", None) == 429:
        return refusals.RATE_LIMIT  # the body of this answer may be empty
    try:
        return str(response["error"])[:80]
    except (KeyError, TypeError):
        return "an answer that is no JSON"
