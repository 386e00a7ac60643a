"""Records a pipeline execution and its actions, after the EventBridge event of its end."""

import logging
import os
from typing import Any

import boto3

from phaseline.aws.config import config
from phaseline.aws.wording import worded
from phaseline.errors import InputError
from phaseline.pipeline.recorder import Recorder

_LOG = logging.getLogger(__name__)
_CONFIG = config()
_RECORDER = Recorder(
    codepipeline=boto3.client("codepipeline", config=_CONFIG),
    pipeline=os.environ["PIPELINE_NAME"],
    dynamodb=boto3.client("dynamodb", config=_CONFIG),
    table=os.environ["LEDGER_TABLE"],
)
_ENVIRONMENT = os.environ["ENVIRONMENT"]


@worded()
def handler(event: dict[str, Any], context: object) -> None:
    """Record the execution of an event. Errors are raised, so that Lambda retries."""
    del context
    detail = event.get("detail")
    execution = detail.get("execution-id") if isinstance(detail, dict) else None
    if not isinstance(execution, str):
        raise InputError(
            "event of execution_recorder",
            "detail.execution-id: expected the id of a pipeline execution, found none",
            "Compare the event rule with infra/watch.yaml.",
        )
    recorded = _RECORDER.record(execution)
    state = recorded.state if recorded else "no action ran"
    fields = {"environment": _ENVIRONMENT, "execution": execution, "state": state}
    _LOG.info("Execution recorded", extra=fields)
