"""Rolls back the promotions of a failed pipeline execution, after its EventBridge event."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from phaseline import times
from phaseline.aws import jitter, metrics
from phaseline.aws.config import config
from phaseline.aws.wording import worded
from phaseline.documents.commit import Commits
from phaseline.documents.store import Documents
from phaseline.errors import InputError, RefusedError
from phaseline.pipeline.executions import Executions
from phaseline.promotion.automatic_rollback import AutomaticRollback
from phaseline.promotion.eligibility import Sources
from phaseline.releases.ledger import WRITERS, Ledger
from phaseline.site.live import Lives

METRIC = "AutomaticRollback"
"""Counts the releases of rollbacks; 0 if nothing was rolled back."""

_CONFIG = config(connections=WRITERS)
_DYNAMODB = boto3.client("dynamodb", config=_CONFIG)
_LEDGER = Ledger(_DYNAMODB, os.environ["LEDGER_TABLE"])
_LIVES = Lives(_DYNAMODB, os.environ["LEDGER_TABLE"])
_ROLLBACK = AutomaticRollback(
    executions=Executions(
        boto3.client("codepipeline", config=_CONFIG),
        os.environ["PIPELINE_NAME"],
        clock=time.monotonic,
        sleep=time.sleep,
    ),
    commits=Commits(
        Documents(
            boto3.client("s3", config=_CONFIG),
            os.environ["METADATA_BUCKET"],
            os.environ["METADATA_PREFIX"],
            jitter.pause,
        ),
        _LEDGER,
    ),
    sources=Sources(
        ledger=_LEDGER,
        tested=lambda algorithm, version: None,  # noqa: ARG005 - nothing is promoted here
        lives=_LIVES,
    ),
    lives=_LIVES,
    now=lambda: datetime.now(UTC),
)
_ENVIRONMENT = os.environ["ENVIRONMENT"]


@worded()
def handler(event: dict[str, Any], context: object) -> None:
    """Roll back the promotions of the failed execution, or log why they stay.

    Any other error is raised, so that Lambda retries.
    """
    del context
    execution, failed_at = _failed_execution(event)
    try:
        outcomes = _ROLLBACK.roll_back(execution, failed_at=failed_at)
    except RefusedError as refusal:
        _count(execution, 0, str(refusal))
        return
    # Rollbacks of an earlier invocation are not counted again.
    changes = [outcome for outcome in outcomes if outcome.changed]
    _count(
        execution,
        sum(len(outcome.releases) for outcome in changes),
        "; ".join(outcome.note for outcome in outcomes),
        releases=" ".join(
            release.release_id for outcome in outcomes for release in outcome.releases
        ),
    )


def _count(execution: str, count: int, decision: str, **properties: str) -> None:
    metrics.emit(
        METRIC,
        count,
        environment=_ENVIRONMENT,
        now=time.time(),
        execution=execution,
        decision=" ".join(decision.split()),
        **properties,
    )


def _failed_execution(event: Mapping[str, Any]) -> tuple[str, datetime]:
    """Return the failed execution of an event, and the time of its failure."""
    try:
        return str(event["detail"]["execution-id"]), times.parse(event["time"], "its time")
    except (InputError, KeyError, TypeError) as error:
        raise InputError(
            "event of automatic_rollback",
            f"expected the id and time of a failed pipeline execution, found none: {error!r}",
            "Compare the event rule with infra/watch.yaml.",
        ) from error
