"""Keeps Slack's messages about releases up to date.

The pipeline's Notify action and EventBridge tell it that there is something to look at.

Slack never fails a release: the action is answered with success before Slack is asked. What
could not be posted is counted in the metric SlackMessageLost.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError

from phaseline import times
from phaseline.aws import metrics
from phaseline.aws.config import config
from phaseline.aws.secret import Secret
from phaseline.errors import InputError, PhaselineError, RemoteCallError
from phaseline.pipeline import jobs
from phaseline.pipeline.executions import Executions
from phaseline.pipeline.jobs import Done
from phaseline.releases.ledger import Ledger
from phaseline.slack.channel import SlackChannel
from phaseline.slack.messages import Messages
from phaseline.slack.notifier import Notifier
from phaseline.slack.progress import News

MARGIN = 3.0
"""Seconds of the function's time kept for what follows a try of Slack."""
STATUSES = {
    "SUCCEEDED": "Succeeded",
    "FAILED": "Failed",
    "STOPPED": "Stopped",
    "CANCELED": "Cancelled",
    "SUPERSEDED": "Superseded",
}
"""The states in which an execution ends, as events call them and as its status is called."""


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


_SETTINGS = Settings(
    environment=os.environ["ENVIRONMENT"],
    channel=os.environ["SLACK_CHANNEL"],
    api_url=os.environ["SLACK_API_URL"],
    site_url=os.environ["SITE_URL"],
)
_CONFIG = config(attempts=4, connect=2, read=4)
_CODEPIPELINE = boto3.client("codepipeline", config=_CONFIG)
_EXECUTIONS = Executions(
    _CODEPIPELINE, os.environ["PIPELINE_NAME"], clock=time.monotonic, sleep=time.sleep
)
_LEDGER = Ledger(boto3.client("dynamodb", config=_CONFIG), os.environ["LEDGER_TABLE"])
_TOKEN = Secret(
    os.environ["SLACK_TOKEN_ARN"],
    secretsmanager=boto3.client("secretsmanager", config=_CONFIG),
    ssm=boto3.client("ssm", config=_CONFIG),
)


def handler(event: dict[str, Any], context: Context) -> None:
    """Look at what `event` is about, a CodePipeline job or a state change, and tell Slack.

    What an event could not tell raises, so that Lambda tries again a minute later; for a job that
    is not so, since it is answered, and the events of its execution look again.
    """
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    if "CodePipeline.job" in event:
        jobs.succeed(jobs.job_id(event), Done(), client=_CODEPIPELINE)
        _tell(lambda: _of_job(event), until)
    elif errors := _tell(lambda: _of_change(event), until):
        raise errors[0]


def _tell(read: Callable[[], News], until: float) -> list[PhaselineError]:
    """Bring the messages up to date; what was lost, each counted and logged on one line."""
    try:
        lost = _notifier(until).update(read()).errors
    except Exception as cause:  # noqa: BLE001 - no error may reach what a message is about
        lost = (cause,)
    return [_count(cause) for cause in lost]


def _notifier(until: float) -> Notifier:
    # A record is taken for no longer than this invocation may post, so that Lambda's next try, a
    # minute later, finds it free: what is in doubt is rather repeated than lost.
    lease = until - time.monotonic()
    channel = SlackChannel(_SETTINGS.channel, _SETTINGS.api_url, _TOKEN, until)
    return Notifier(
        environment=_SETTINGS.environment,
        site_url=_SETTINGS.site_url,
        ledger=_LEDGER,
        executions=_EXECUTIONS,
        messages=Messages(_LEDGER.client, _LEDGER.table, channel, time.time, lease),
    )


def _of_job(event: Mapping[str, Any]) -> News:
    now = times.second(datetime.now(UTC))
    return News(jobs.parse(event).parameter("execution"), now, stage="Announce")


def _of_change(event: Mapping[str, Any]) -> News:
    detail = event.get("detail")
    execution = detail.get("execution-id") if isinstance(detail, dict) else None
    at = event.get("time")
    if not isinstance(detail, dict) or not isinstance(execution, str) or not isinstance(at, str):
        raise InputError(
            "event of slack_notifier",
            "expected a time, and detail.execution-id with the id of a pipeline execution",
            "Compare the event rule with infra/slack.yaml.",
        )
    stage = detail.get("stage")
    # A stage's end is not the execution's.
    status = None if stage else STATUSES.get(str(detail.get("state")))
    return News(execution, at, stage=stage, status=status)


def _count(cause: Exception) -> PhaselineError:
    """A lost message, counted; as an error of ours, free of secrets."""
    error = cause if isinstance(cause, PhaselineError) else _lost(cause)
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
    found = type(cause).__name__
    if isinstance(cause, ClientError):
        found = f"{cause.operation_name}: {cause.response['Error']['Code']}"
    return RemoteCallError(
        f"Slack channel {_SETTINGS.channel}",
        f"a message could not be brought up to date ({found})",
        "The next event of the execution tries again.",
    )
