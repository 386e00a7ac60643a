"""A channel of Slack, called through slack_sdk within a bounded time."""

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
"""Seconds for one answer of Slack, where so many are left."""
NOT_EDITABLE = {"message_not_found", "edit_window_closed", "cant_update_message"}
"""Slack's codes for a message that is gone, or may not be edited any more.
https://docs.slack.dev/reference/methods/chat.update#errors
"""


class SlackError(RemoteCallError):
    """Slack did not take a message. `code` is Slack's own, such as `channel_not_found`, or the type
    of the error that kept its answer from coming. The request, which has the token, is not told.
    """

    def __init__(self, channel: str, code: str) -> None:
        super().__init__(
            f"Slack channel {channel}",
            f"a message could not be posted or edited ({code})",
            refusals.remedy(
                code,
                "See docs.slack.dev for the code; check token, channel and the app's membership in"
                " it.",
            ),
        )
        self.code = code


class Token(Protocol):
    """The bot's token, such as phaseline.aws.secret.Secret."""

    def value(self) -> str:
        """The token as it is known."""
        ...

    def refetch(self) -> str:
        """The token, read again."""
        ...


@dataclass(frozen=True)
class SlackChannel:
    """A channel by its `id`. `until` bounds all calls together, in seconds of `clock`."""

    id: str
    api_url: str
    token: Token
    until: float
    clock: Callable[[], float] = time.monotonic

    def post(self, message: Message, thread: Posted | None = None) -> Posted:
        """Post a message, or a reply in the thread of another. Raises SlackError."""
        where = {"channel": thread.channel if thread else self.id, "unfurl_links": False}
        reply = {"thread_ts": thread.ts} if thread else {}
        body = _body(message) | where | {"unfurl_media": False} | reply
        answer = self._call("chat.postMessage", body)
        return Posted(str(answer["channel"]), str(answer["ts"]))

    def update(self, posted: Posted, message: Message) -> bool:
        """Edit a message; False where it is gone or can't be edited. Raises SlackError."""
        try:
            self._call("chat.update", _body(message) | vars(posted))
        except SlackError as error:
            if error.code not in NOT_EDITABLE:
                raise
            return False
        return True

    def _call(self, method: str, body: Mapping[str, Any]) -> Any:
        """Slack's answer, with a token that is read again where Slack refuses the known one."""
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
        except Exception as error:  # noqa: BLE001 - any may quote the request, which has the token
            code = type(error).__name__
        raise SlackError(self.id, code)

    def _client(self, token: str) -> WebClient:
        left = self.until - self.clock()
        if left < 1:
            raise TimeoutError
        return WebClient(
            token=token,
            base_url=self.api_url,
            # Whole seconds, and time for a second try.
            timeout=max(1, int(min(TIMEOUT, left / 2))),
            retry_handlers=[
                _RateLimitHandler(self.until, self.clock),
                ServerErrorRetryHandler(max_retry_count=1),
                ConnectionErrorRetryHandler(max_retry_count=1),
            ],
        )


class _RateLimitHandler(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks for, unless that is longer than the caller has."""

    def __init__(self, until: float, clock: Callable[[], float]) -> None:
        super().__init__(max_retry_count=2)
        self._until, self._clock = until, clock

    def _can_retry(self, *, response: HttpResponse | None = None, **_: Any) -> bool:
        if response is None or response.status_code != 429:
            return False
        asked = next((v for k, v in response.headers.items() if k.lower() == "retry-after"), ["1"])
        # The handler adds up to a second of jitter, and another try needs a second.
        return asked[0].isdecimal() and self._clock() + int(asked[0]) + 2 < self._until


def _body(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": list(message.blocks)}


def _code(error: SlackApiError) -> str:
    """Slack's code of an error, or the kind of answer that it gave."""
    response: Any = error.response
    if getattr(response, "status_code", None) == 429:
        return refusals.RATE_LIMIT  # whatever the body says, which may be empty
    try:
        return str(response["error"])[:80]
    except (KeyError, TypeError):
        return "an answer that is no JSON"
