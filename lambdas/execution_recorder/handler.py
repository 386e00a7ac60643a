"""Keeps what a pipeline execution did, once EventBridge says that it ended."""

import json
import os
from typing import Any

import boto3
from botocore.config import Config

from phaseline.errors import InputError
from phaseline.pipeline.recorder import Recorder

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=10
)
_RECORDER = Recorder(
    codepipeline=boto3.client("codepipeline", config=_CONFIG),
    pipeline=os.environ["PIPELINE_NAME"],
    dynamodb=boto3.client("dynamodb", config=_CONFIG),
    table=os.environ["LEDGER_TABLE"],
)
_ENVIRONMENT = os.environ["ENVIRONMENT"]


def handler(event: dict[str, Any], context: object) -> None:
    """Record the execution of an event. Whatever fails raises, so that Lambda tries again."""
    del context
    detail = event.get("detail")
    execution = detail.get("execution-id") if isinstance(detail, dict) else None
    if not isinstance(execution, str):
        raise InputError(
            "event of execution_recorder",
            "detail.execution-id: expected the id of a pipeline execution, found none",
            "Compare the event rule with infra/watch.yaml.",
        )
    found = _RECORDER.record(execution)
    line = {"environment": _ENVIRONMENT, "execution": execution}
    print(json.dumps(line | {"state": found.state if found else "no action ran"}))
