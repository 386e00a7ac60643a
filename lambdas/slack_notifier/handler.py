"""Tells Slack what was published (the pipeline's Notify action) and what failed (EventBridge).

Slack never fails a release: the action is answered with success before Slack is asked. What
could not be posted is counted in the metric SlackMessageLost.
"""

import itertools
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.http_retry.response import HttpResponse

from phaseline import actions, announce, jobs, metrics, revisions
from phaseline.actions import Course
from phaseline.announce import Message
from phaseline.errors import InputError, PhaselineError, RemoteCallError
from phaseline.jobs import Done
from phaseline.ledger import Ledger
from phaseline.secret import Secret
from phaseline.transition import TYPES

MARGIN = 3.0
"""Seconds of the function's time kept for what follows a try of Slack."""
SLACK_TIMEOUT = 10.0
"""Seconds for one answer of Slack, where the function has that many."""
PUBLISHED = "published"
"""The outcome of Publish that there is something to tell about."""
REFUSED_TOKENS = {"invalid_auth", "token_revoked", "token_expired", "account_inactive"}


class Context(Protocol):
    """What is used of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True)
class Settings:
    """The function's environment."""

    environment: str
    channel: str
    api_url: str
    site_url: str
    pipeline: str


_SETTINGS = Settings(
    environment=os.environ["ENVIRONMENT"],
    channel=os.environ["SLACK_CHANNEL"],
    api_url=os.environ["SLACK_API_URL"],
    site_url=os.environ["SITE_URL"],
    pipeline=os.environ["PIPELINE_NAME"],
)
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=2, read_timeout=4)
_CODEPIPELINE = boto3.client("codepipeline", config=_CONFIG)
_LEDGER = Ledger(boto3.client("dynamodb", config=_CONFIG), os.environ["LEDGER_TABLE"])
_TOKEN = Secret(
    os.environ["SLACK_TOKEN_ARN"],
    secretsmanager=boto3.client("secretsmanager", config=_CONFIG),
    ssm=boto3.client("ssm", config=_CONFIG),
)


def handler(event: dict[str, Any], context: Context) -> None:
    """Post the message that `event` asks for: a CodePipeline job, or a failed execution.

    A lost message about a failure raises, so that Lambda tries again a minute later; one about
    a success does not, since its job is answered.
    """
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    if "CodePipeline.job" in event:
        jobs.succeed(jobs.job_id(event), Done(), client=_CODEPIPELINE)
        _attempt(lambda: _announce_published(event, until))
    elif error := _attempt(lambda: _announce_failed(event, until)):
        raise error


def _attempt(post: Callable[[], None]) -> PhaselineError | None:
    """Try to post; the loss, if any, counted, logged on one line and free of secrets."""
    try:
        post()
    except Exception as cause:  # noqa: BLE001 - no error may reach what a message is about
        error = cause if isinstance(cause, PhaselineError) else _lost(cause)
    else:
        return None
    metrics.emit(
        "SlackMessageLost",
        1,
        environment=_SETTINGS.environment,
        now=time.time(),
        error=" ".join(str(error).split()),
    )
    return error.with_traceback(None)


def _lost(cause: Exception) -> RemoteCallError:
    """`cause` as an error of ours, reduced to a code: its text may quote a request."""
    if isinstance(cause, ClientError):
        found = f"{cause.operation_name}: {cause.response['Error']['Code']}"
    elif isinstance(cause, SlackApiError):
        found = f"chat.postMessage: {_slack_code(cause)}"
    else:
        found = type(cause).__name__
    return RemoteCallError(
        f"Slack channel {_SETTINGS.channel}",
        f"a message could not be posted ({found})",
        "See docs.slack.dev for the code; check token, channel and the app's membership in it.",
    )


def _slack_code(error: SlackApiError) -> str:
    """Slack's code of an error, such as channel_not_found, or the kind of answer it gave."""
    response: Any = error.response
    try:
        return str(response["error"])[:80]
    except (KeyError, TypeError):
        return "an answer that is no JSON"


def _announce_published(event: Mapping[str, Any], until: float) -> None:
    job = jobs.parse(event)
    execution = job.parameter("execution")
    built = revisions.parse(job.parameter("revisions"))
    if job.parameter("outcome") != PUBLISHED:
        print(json.dumps({"execution": execution, "skipped": "it published nothing"}))
        return

    def message() -> Message:
        started = _course(execution).started
        return announce.published(
            environment=_SETTINGS.environment,
            site_url=_SETTINGS.site_url,
            commit=job.parameter("commit"),
            seconds=(datetime.now(UTC) - started).total_seconds() if started else None,
            releases=revisions.newest_covered(
                itertools.chain.from_iterable(map(_LEDGER.open_releases, TYPES)), built
            ),
            execution_url=_execution_url(execution),
        )

    _post_once(execution, "slack#published", message, until)


def _announce_failed(event: Mapping[str, Any], until: float) -> None:
    detail = event.get("detail")
    execution = detail.get("execution-id") if isinstance(detail, dict) else None
    if not isinstance(detail, dict) or not isinstance(execution, str):
        raise InputError(
            "event of slack_notifier",
            "detail.execution-id: expected the id of a pipeline execution, found none",
            "Compare the event rule with infra/functions.yaml.",
        )
    # A stage that is retried by hand and fails again is told again.
    attempt = int(detail.get("pipeline-execution-attempt", 1))

    def message() -> Message:
        return announce.failed(
            environment=_SETTINGS.environment,
            pipeline=_SETTINGS.pipeline,
            execution=execution,
            failure=_course(execution).failed,
            execution_url=_execution_url(execution),
        )

    _post_once(execution, f"slack#failed#{attempt}", message, until)


def _course(execution: str) -> Course:
    """What CodePipeline tells about an execution; nothing where it does not answer, because a
    message with less in it is better than none."""
    try:
        return actions.course(_CODEPIPELINE, _SETTINGS.pipeline, execution)
    except (BotoCoreError, ClientError) as error:
        print(json.dumps({"execution": execution, "unknown": type(error).__name__}))
        return Course(started=None, failed=None)


def _execution_url(execution: str) -> str:
    return announce.execution_url(
        partition=_CODEPIPELINE.meta.partition,
        region=_CODEPIPELINE.meta.region_name,
        pipeline=_SETTINGS.pipeline,
        execution=execution,
    )


def _post_once(execution: str, name: str, message: Callable[[], Message], until: float) -> None:
    """Post `message`, unless it was posted before or another invocation is at it.

    The claim lasts as long as this invocation may post, and so ends before Lambda tries again a
    minute later: a message whose post is in doubt is rather repeated than lost.
    """
    scope = f"execution#{execution}"
    lease = until - time.monotonic()
    if not _LEDGER.claim(scope, name, now=time.time(), lease=lease):
        print(json.dumps({"execution": execution, "message": name, "skipped": "posted already"}))
        return
    posted = _post(message(), until)
    _LEDGER.settle(scope, name, detail=posted)


def _post(message: Message, until: float) -> str:
    """Post a message and return its timestamp, with a fresh token where Slack refuses the known."""
    try:
        return _send(message, _TOKEN.value(), until)
    except SlackApiError as error:
        if _slack_code(error) not in REFUSED_TOKENS:
            raise
        return _send(message, _TOKEN.refetch(), until)


def _send(message: Message, token: str, until: float) -> str:
    left = until - time.monotonic()
    if left < 1:
        raise TimeoutError
    client = WebClient(
        token=token,
        base_url=_SETTINGS.api_url,
        # Whole seconds, and time for a second try.
        timeout=max(1, int(min(SLACK_TIMEOUT, left / 2))),
        retry_handlers=[
            PatientRateLimitHandler(until),
            ServerErrorRetryHandler(max_retry_count=1),
            ConnectionErrorRetryHandler(max_retry_count=1),
        ],
    )
    answer = client.chat_postMessage(
        channel=_SETTINGS.channel,
        text=message.text,
        blocks=list(message.blocks),
        unfurl_links=False,
        unfurl_media=False,
    )
    return str(answer["ts"])


class PatientRateLimitHandler(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks for, unless that is longer than the function has."""

    def __init__(self, until: float) -> None:
        super().__init__(max_retry_count=2)
        self._until = until

    def _can_retry(self, *, response: HttpResponse | None = None, **_: Any) -> bool:
        if response is None or response.status_code != 429:
            return False
        asked = next((v for k, v in response.headers.items() if k.lower() == "retry-after"), ["1"])
        # The handler adds up to a second of jitter, and another try needs a second.
        return asked[0].isdecimal() and time.monotonic() + int(asked[0]) + 2 < self._until
