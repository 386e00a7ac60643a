"""Reads the stream of the algorithms table, and makes tested versions active.

The event source mapping invokes the function with stream records. A schedule invokes it every few
minutes to apply changes whose hold has ended, and to send dispatches that GitHub has not accepted
(see `phaseline.promotion.listener`).
"""

import logging
import os
import resource
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from phaseline.algorithms.records import records_in, sequence_number
from phaseline.algorithms.schema import Schema
from phaseline.aws import jitter, metrics
from phaseline.aws.config import config
from phaseline.aws.secret import Secret
from phaseline.aws.wording import worded
from phaseline.documents.commit import Commits
from phaseline.documents.document import Document
from phaseline.documents.store import Documents
from phaseline.errors import InputError, PhaselineError
from phaseline.github import dispatch
from phaseline.promotion.listener import Listener
from phaseline.releases.ledger import WRITERS, Ledger

SCHEDULE = "aws.events"
"""The source of the events of a schedule of EventBridge: ResendRule in infra/listener.yaml.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""
GITHUB_TIMEOUT = 5.0
"""Seconds to wait for GitHub's answer. Without one, the outbox sends the dispatch again."""

_LOG = logging.getLogger(__name__)
_ENVIRONMENT = os.environ["ENVIRONMENT"]
_SCHEMA = Schema(
    phase=os.environ["PHASE"],
    algorithm_attribute=os.environ["ALGORITHM_ATTRIBUTE"],
    version_attribute=os.environ["VERSION_ATTRIBUTE"],
    type_attribute=os.environ["TYPE_ATTRIBUTE"],
    phase_attribute=os.environ["PHASE_ATTRIBUTE"],
    display_attribute=os.environ["DISPLAY_ATTRIBUTE"],
    withdraws_on_leave=os.environ["WITHDRAWS_ON_LEAVE"] == "true",
)
_CONFIG = config(connections=WRITERS)
_DYNAMODB = boto3.client("dynamodb", config=_CONFIG)
_TOKEN = Secret(
    os.environ["GITHUB_TOKEN_ARN"],
    secretsmanager=boto3.client("secretsmanager", config=_CONFIG),
    ssm=boto3.client("ssm", config=_CONFIG),
)


def _send(payload: Mapping[str, Any]) -> None:
    dispatch.send(
        api_url=os.environ["GITHUB_API_URL"],
        repository=os.environ["GITHUB_REPOSITORY"],
        event_type=os.environ["DISPATCH_EVENT_TYPE"],
        payload={"environment": _ENVIRONMENT, **payload},
        token=_TOKEN,
        timeout=GITHUB_TIMEOUT,
    )


def _measure(document: Document) -> None:
    """Tell the sizes that have bounds (docs/reliability.md), before a bound is met."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for metric, value, unit in (
        ("Algorithms", len(document.algorithms), "Count"),
        ("ChangesWaiting", len(document.waiting()), "Count"),
        ("ListenerMemory", memory, "Megabytes"),
    ):
        metrics.emit(
            metric,
            value,
            environment=_ENVIRONMENT,
            now=time.time(),
            unit=unit,
            document=document.type,
        )


_LISTENER = Listener(
    commits=Commits(
        Documents(
            s3=boto3.client("s3", config=_CONFIG),
            bucket=os.environ["METADATA_BUCKET"],
            prefix=os.environ["METADATA_PREFIX"],
            pause=jitter.pause,
        ),
        Ledger(_DYNAMODB, os.environ["LEDGER_TABLE"]),
    ),
    send=_send,
    now=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    measure=_measure,
)


@worded()
def handler(event: object, context: object) -> dict[str, list[dict[str, str]]]:
    """Process a batch of stream records. Return the record from which Lambda must retry, if any.

    If the first of several records fails, its error is raised: Lambda splits only a batch whose
    invocation fails, until the bad record is alone. A returned record would take the ones behind it
    along to the failure bucket when its retries end.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

    Raises InputError for an event that is neither a batch of stream records nor the schedule's.
    """
    del context
    if isinstance(event, dict) and event.get("source") == SCHEDULE:
        _apply_due()
        return {"batchItemFailures": []}
    try:
        records = records_in(event)
    except InputError as error:
        _report("RecordRejected", error)
        raise
    result = _LISTENER.process(records, _SCHEMA)
    for release in result.releases:
        fields = {"release": release.release_id, "action": release.action}
        _LOG.info("Release recorded", extra=fields | {"document": release.document_version})
    for sequence, reason in result.skipped:
        _LOG.info("Record skipped", extra={"record": sequence, "reason": reason})
    _report("RecordRejected", *result.errors)
    _report("DispatchFailed", *result.undelivered)
    if len(records) > 1 and result.failed == sequence_number(records[0]):
        raise result.errors[0]
    failures = [{"itemIdentifier": result.failed}] if result.failed else []
    return {"batchItemFailures": failures}


def _apply_due() -> None:
    """Apply what no hold keeps back any more, and send the dispatches that are still owed."""
    unfinished = _LISTENER.apply_due()
    _report("DispatchFailed", *_LISTENER.send_owed())
    if unfinished:
        raise unfinished[0]


def _report(metric: str, *errors: PhaselineError) -> None:
    for error in errors:
        metrics.emit(metric, 1, environment=_ENVIRONMENT, now=time.time(), error=str(error))
