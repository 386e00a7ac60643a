"""Keeps the Slack messages about releases up to date.

The pipeline's Notify action and events of EventBridge invoke the function, and a schedule invokes
it for the messages that one event leaves to the next. Slack never fails a
release: the action succeeds before Slack is called. The metric SlackMessageLost counts messages
that could not be posted.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from phaseline import times
from phaseline.aws import metrics
from phaseline.aws.config import config
from phaseline.aws.secret import Secret
from phaseline.aws.wording import worded
from phaseline.errors import InputError, PhaselineError, RemoteCallError
from phaseline.pipeline import jobs
from phaseline.pipeline.build_log import BuildLogs
from phaseline.pipeline.executions import Executions
from phaseline.pipeline.jobs import Done
from phaseline.releases.ledger import Ledger
from phaseline.slack.channel import SlackChannel
from phaseline.slack.notifier import Notifier, Updated
from phaseline.slack.posting import Messages
from phaseline.slack.progress import News

if TYPE_CHECKING:
    from phaseline.aws.lambda_context import LambdaContext

SCHEDULE = "aws.events"
"""The source of the events of a schedule of EventBridge: ScheduleRule in infra/slack.yaml.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""
MARGIN = 3.0
"""Seconds reserved for the work after the last call of Slack."""
STATUSES = {
    "SUCCEEDED": "Succeeded",
    "FAILED": "Failed",
    "STOPPED": "Stopped",
    "CANCELED": "Cancelled",
    "SUPERSEDED": "Superseded",
}
"""The final states of an execution: as in events, and as in its status."""


@dataclass(frozen=True)
class Settings:
    """Settings from the environment variables of the function."""

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
_BUILD_LOGS = BuildLogs(
    boto3.client("codebuild", config=_CONFIG), boto3.client("logs", config=_CONFIG)
)
_LEDGER = Ledger(boto3.client("dynamodb", config=_CONFIG), os.environ["LEDGER_TABLE"])
_TOKEN = Secret(
    os.environ["SLACK_TOKEN_ARN"],
    secretsmanager=boto3.client("secretsmanager", config=_CONFIG),
    ssm=boto3.client("ssm", config=_CONFIG),
)


@worded()
def handler(event: dict[str, Any], context: "LambdaContext") -> None:
    """Update the messages about the execution of a CodePipeline job or of a state change.

    If the message of a state change is lost, raise an error, so that Lambda retries a minute later.
    A job raises none: it is answered already, and later events of its execution update the message.
    Neither does the schedule, whose next run updates the message.
    """
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    if "CodePipeline.job" in event:
        jobs.succeed(jobs.job_id(event), Done(), client=_CODEPIPELINE)
        _tell(lambda: _of_job(event), until)
    elif event.get("source") == SCHEDULE:
        _tell(lambda: News(None, times.second(datetime.now(UTC))), until)
    elif errors := _tell(lambda: _of_change(event), until):
        raise errors[0]


def _tell(read: Callable[[], News], until: float) -> list[PhaselineError]:
    """Bring the messages up to date; what was lost, each counted and logged on one line."""
    try:
        updated = _notifier(until).update(read())
    except Exception as cause:  # noqa: BLE001 - no error may reach what a message is about
        return [_count(cause)]
    _measure(updated)
    return [_count(cause) for cause in updated.errors]


def _measure(updated: Updated) -> None:
    """Tell whether Slack is behind, and the age of the oldest open release in seconds."""
    now = time.time()
    since = updated.open_since
    age = now - times.parse(since, "a release of the ledger").timestamp() if since else 0.0
    environment = _SETTINGS.environment
    metrics.emit("NotifierBehind", float(updated.is_behind), environment=environment, now=now)
    metrics.emit("OldestRelease", age, environment=environment, now=now, unit="Seconds")


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
        build_logs=_BUILD_LOGS,
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
    # The end of a stage is not the end of the execution.
    status = None if stage else STATUSES.get(str(detail.get("state")))
    return News(execution, at, stage=stage, status=status)


def _count(cause: Exception) -> PhaselineError:
    """Count a lost message, and return its cause as an error without secrets."""
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
    """Return only the code of a foreign error, because its text may quote a request."""
    code = type(cause).__name__
    if isinstance(cause, ClientError):
        code = f"{cause.operation_name}: {cause.response['Error']['Code']}"
    return RemoteCallError(
        f"Slack channel {_SETTINGS.channel}",
        f"a message could not be updated ({code})",
        "The next event of the execution retries.",
    )
