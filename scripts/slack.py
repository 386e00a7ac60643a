"""A command's message to Slack. Whatever Slack does, no command fails by it."""

import os
import time
from dataclasses import dataclass

from phaseline.announce import Message
from phaseline.errors import PhaselineError
from scripts.services import Services

TIMEOUT = 10
"""Seconds for one answer of Slack."""
LEASE = 60.0
"""Seconds after which somebody else may post what was claimed and not posted."""
PUBLISHED = "slack#published"
FAILED = "slack#failed#1"
"""The claims of the pipeline's own messages, its first attempt's for a failure."""


@dataclass(frozen=True)
class Told:
    """Whether a message was posted, and a sentence on it."""

    posted: bool
    note: str


def tell(
    services: Services, message: Message, *, execution: str | None = None, claim: str | None = None
) -> Told:
    """Post `message`; once only where it is about an `execution` and under a `claim`.

    The claims are those of the Slack notifier, so that what the pipeline tells by itself is not
    told again.
    """
    try:
        if not (execution and claim):
            return Told(True, f"posted as {_post(services, message)}")
        scope = f"execution#{execution}"
        if not services.ledger.claim(scope, claim, now=time.time(), lease=LEASE):
            return Told(False, "the pipeline has told it, or is about to")
        posted = _post(services, message)
        services.ledger.settle(scope, claim, detail=posted)
    except Exception as error:  # noqa: BLE001 - no error may reach what a message is about
        # The text of an error that is not ours may quote the request, which has the token.
        ours = isinstance(error, PhaselineError | _LostError)
        why = str(error) if ours else type(error).__name__
        return Told(False, f"no message could be posted ({why})")
    return Told(True, f"posted as {posted}")


class _LostError(Exception):
    """Slack did not take a message: its code for why, without the request, which has the token."""


def _post(services: Services, message: Message) -> str:
    """Post a message and return its timestamp."""
    from slack_sdk import WebClient  # slow to import, seldom wanted
    from slack_sdk.errors import SlackApiError, SlackClientError
    from slack_sdk.http_retry.builtin_handlers import (
        ConnectionErrorRetryHandler,
        RateLimitErrorRetryHandler,
        ServerErrorRetryHandler,
    )

    client = WebClient(
        token=os.environ.get("SLACK_BOT_TOKEN") or services.slack_token.value(),
        base_url=services.environment.slack_api_url,
        timeout=TIMEOUT,
        retry_handlers=[
            RateLimitErrorRetryHandler(max_retry_count=2),
            ServerErrorRetryHandler(max_retry_count=1),
            ConnectionErrorRetryHandler(max_retry_count=1),
        ],
    )
    try:
        answer = client.chat_postMessage(
            channel=services.environment.slack_channel,
            text=message.text,
            blocks=list(message.blocks),
            unfurl_links=False,
            unfurl_media=False,
        )
    except SlackApiError as error:
        code = error.response.get("error") if isinstance(error.response.data, dict) else None
        raise _LostError(str(code or error.response.status_code)) from None
    except SlackClientError as error:
        raise _LostError(type(error).__name__) from None
    return str(answer["ts"])
