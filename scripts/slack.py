"""A command's messages to Slack. Whatever Slack does, no command fails by it."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phaseline.errors import PhaselineError
from phaseline.slack import message_record
from phaseline.slack.message_record import Messages, Posted, Record
from phaseline.slack.notifier import Bulletin
from phaseline.slack.progress import News
from phaseline.slack.rendering import Message
from scripts.cli import invocation
from scripts.services import Services

if TYPE_CHECKING:
    from phaseline.slack.channel import SlackChannel

LEASE = 60.0
"""Seconds for all calls of Slack; after them somebody else may post what was claimed."""
PUBLISHED = "slack#published"
FAILED = "slack#failed"
"""The claims of what the pipeline's own messages tell: that it published, and that it failed."""


@dataclass(frozen=True)
class Told:
    """Whether a message was posted, and a sentence on it."""

    posted: bool
    note: str


def tell(
    services: Services,
    message: Message,
    *,
    execution: str | None = None,
    claim: str | None = None,
    revisions: Iterable[tuple[str, int]] = (),
) -> Told:
    """Bring the pipeline's messages up to date, and post `message` where they do not tell it.

    `revisions` are those (type and number) that it is about: where a message stands for their
    releases, `message` is a reply in its thread, and under the claims PUBLISHED and FAILED nothing,
    since that is what the pipeline's messages show. With a `claim` it is posted once.
    """
    try:
        return _tell(services, message, execution, claim, list(revisions))
    except Exception as error:  # noqa: BLE001 - no error may reach what a message is about
        return _lost(error)


def _tell(
    services: Services,
    message: Message,
    execution: str | None,
    claim: str | None,
    revisions: list[tuple[str, int]],
) -> Told:
    channel = _channel(services)
    kept = Messages(services.ledger.client, services.ledger.table, channel, time.time, LEASE)
    threads = []
    if execution:
        errors = _look(services, kept, execution)
        if errors:
            return _lost(errors[0])
        own = kept.read(message_record.of_execution(execution))
        threads = [own] if own.posted else []
        if claim in {PUBLISHED, FAILED} and (own.posted or (own.ceded and not revisions)):
            return Told(False, "the pipeline's message tells it")
    about = [kept.read(message_record.of_revision(*one)) for one in revisions]
    threads = [*(record for record in about if record.posted), *threads]
    if threads and claim in {PUBLISHED, FAILED}:
        return Told(False, "the release's message tells it")
    return _post_once(
        services, channel, message, claim, scope=_scope(threads, execution, revisions)
    )


def _look(services: Services, kept: Messages, execution: str) -> tuple[Exception, ...]:
    """Bring the messages about an execution up to date; what hindered it."""
    place = services.environment
    bulletin = Bulletin(place.name, place.site_url, services.ledger, services.executions, kept)
    return bulletin.tell(News(execution, invocation.now())).errors


def _scope(
    threads: list[Record], execution: str | None, revisions: list[tuple[str, int]]
) -> tuple[str | None, Posted | None]:
    """What a claim is about, and the thread to reply in."""
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
) -> Told:
    about, thread = scope
    ledger = services.ledger
    if about and claim and not ledger.claim(about, claim, now=time.time(), lease=LEASE):
        return Told(False, "it is told, or is about to be")
    posted = channel.post(message, thread)
    if about and claim:
        ledger.settle(about, claim, detail=posted.ts)
    return Told(True, f"posted as {posted.ts}")


def _lost(error: Exception) -> Told:
    # The text of an error that is not ours may quote the request, which has the token.
    why = str(error) if isinstance(error, PhaselineError) else type(error).__name__
    return Told(False, f"no message could be posted ({getattr(error, 'code', why)})")


def _channel(services: Services) -> "SlackChannel":
    from phaseline.slack.channel import SlackChannel  # slow to import, seldom wanted

    place, given = services.environment, os.environ.get("SLACK_BOT_TOKEN")
    token = GivenToken(given) if given else services.slack_token
    return SlackChannel(
        place.slack_channel, place.slack_api_url, token, until=time.monotonic() + LEASE
    )


@dataclass(frozen=True)
class GivenToken:
    """The token in SLACK_BOT_TOKEN, which is not read again."""

    text: str

    def value(self) -> str:
        return self.text

    refetch = value
