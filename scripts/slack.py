"""Posts the messages of commands to Slack. No command fails because of Slack."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phaseline.errors import PhaselineError
from phaseline.slack import message_record
from phaseline.slack.message_record import Posted, Record
from phaseline.slack.notifier import Notifier
from phaseline.slack.posting import Messages
from phaseline.slack.progress import News
from phaseline.slack.rendering import Message
from scripts.cli import invocation, secrets
from scripts.services import Services

if TYPE_CHECKING:
    from phaseline.slack.channel import SlackChannel

LEASE = 60.0
"""Seconds for all calls of Slack. Afterwards, another run may post a claimed message."""
PUBLISHED = "slack#published"
FAILED = "slack#failed"
"""The claims of results that the pipeline's own messages show as well."""


@dataclass(frozen=True)
class PostResult:
    """Whether a message was posted, and a note about it."""

    posted: bool
    note: str


def post(
    services: Services,
    message: Message,
    *,
    execution: str | None = None,
    claim: str | None = None,
    revisions: Iterable[tuple[str, int]] = (),
) -> PostResult:
    """Update the pipeline's messages, and post `message` unless they show the same.

    `revisions` are the document revisions (type and number) that it is about. If their releases
    have a message, `message` becomes a reply in its thread. With the claims PUBLISHED and FAILED it
    is not posted then, because the pipeline's message shows this result. A message with a `claim`
    is posted only once.
    """
    try:
        return _post(services, message, execution, claim, list(revisions))
    except Exception as error:  # noqa: BLE001 - Slack must not fail the release
        return _failure(error)


def _post(
    services: Services,
    message: Message,
    execution: str | None,
    claim: str | None,
    revisions: list[tuple[str, int]],
) -> PostResult:
    channel = _channel(services)
    messages = Messages(services.ledger.client, services.ledger.table, channel, time.time, LEASE)
    threads = []
    if execution:
        errors = _update_messages(services, messages, execution)
        if errors:
            return _failure(errors[0])
        own = messages.read(message_record.of_execution(execution))
        threads = [own] if own.posted else []
        if claim in {PUBLISHED, FAILED} and (own.posted or (own.ceded and not revisions)):
            return PostResult(False, "the pipeline's message shows it")
    records = [messages.read(message_record.of_revision(*revision)) for revision in revisions]
    threads = [*(record for record in records if record.posted), *threads]
    if threads and claim in {PUBLISHED, FAILED}:
        return PostResult(False, "the release's message shows it")
    return _post_once(
        services, channel, message, claim, scope=_scope(threads, execution, revisions)
    )


def _update_messages(
    services: Services, messages: Messages, execution: str
) -> tuple[Exception, ...]:
    """Update the messages about an execution, and return the errors."""
    environment = services.environment
    notifier = Notifier(
        environment.name,
        environment.site_url,
        services.ledger,
        services.executions,
        services.build_logs,
        messages,
    )
    return notifier.update(News(execution, invocation.now())).errors


def _scope(
    threads: list[Record], execution: str | None, revisions: list[tuple[str, int]]
) -> tuple[str | None, Posted | None]:
    """Return the subject of a claim, and the thread to reply in."""
    if threads:
        return threads[0].name, threads[0].posted
    if revisions:
        return message_record.of_revision(*revisions[0]), None
    return f"execution#{execution}" if execution else None, None


def _post_once(
    services: Services,
    channel: "SlackChannel",
    message: Message,
    claim: str | None,
    scope: tuple[str | None, Posted | None],
) -> PostResult:
    about, thread = scope
    ledger = services.ledger
    if about and claim and not ledger.claim(about, claim, now=time.time(), lease=LEASE):
        return PostResult(False, "another run has posted it, or is about to")
    posted = channel.post(message, thread)
    if about and claim:
        ledger.settle(about, claim, detail=posted.ts)
    return PostResult(True, f"posted as {posted.ts}")


def _failure(error: Exception) -> PostResult:
    # The text of a foreign error may quote the request, which contains the token.
    reason = str(error) if isinstance(error, PhaselineError) else type(error).__name__
    return PostResult(False, f"no message could be posted ({getattr(error, 'code', reason)})")


def _channel(services: Services) -> "SlackChannel":
    from phaseline.slack.channel import SlackChannel  # slow to import, and rarely needed

    secrets.check(os.environ)
    environment, variable = services.environment, os.environ.get("SLACK_BOT_TOKEN")
    token = TokenVariable(variable) if variable else services.slack_token
    return SlackChannel(
        environment.slack_channel, environment.slack_api_url, token, until=time.monotonic() + LEASE
    )


@dataclass(frozen=True)
class TokenVariable:
    """The token in the variable SLACK_BOT_TOKEN. A refused token is not read again."""

    text: str

    def value(self) -> str:
        return self.text

    refetch = value
