"""Delivers the records of streams to functions as Lambda does.

ministack takes each batch that did not raise an error for done, and repeats the others for ever.
"""

import contextvars
import sys
import time
from collections.abc import Callable
from typing import Any

from ministack.services import lambda_svc

from local.aws.ministack.scope import log
from local.aws.stream_mapping import Record, StreamMapping, sequence

Execute = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
HASTE = 600
"""By how much the pauses between two attempts are shorter than those of AWS."""
_polling = contextvars.ContextVar("polling", default=False)


def polling(original: Callable[[], bool]) -> Callable[[], bool]:
    """Mark the invocations that ministack's poller of streams makes."""

    def poll() -> bool:
        token = _polling.set(True)
        try:
            return original()
        finally:
            _polling.reset(token)

    return poll


def delivering(execute: Execute) -> Execute:
    """Deliver a batch of the poller until each record is committed or discarded."""

    def deliver(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        if not _polling.get():
            return execute(function, event)
        mapping = _mapping(function, event["Records"][0])

        def invoke(part: dict[str, Any], _: object) -> dict[str, Any]:
            result = execute(function, part)
            if result.get("error"):
                raise ChildProcessError
            reported = mapping["FunctionResponseTypes"] and result.get("body")
            return reported or {"batchItemFailures": []}

        delivery = StreamMapping(
            invoke,
            batch_size=len(event["Records"]),
            retries=int(mapping.get("MaximumRetryAttempts", sys.maxsize)),
            pause=lambda seconds: time.sleep(seconds / HASTE),
        )
        delivery.deliver(event["Records"])
        for record in delivery.discarded:
            log.error("%s gave up record %s", function["config"]["FunctionName"], sequence(record))
        return {"body": None}

    return deliver


def _mapping(function: dict[str, Any], record: Record) -> dict[str, Any]:
    """Return the event source mapping that delivers a record to a function."""
    name, source = function["config"]["FunctionName"], record["eventSourceARN"]
    return next(
        mapping
        for mapping in lambda_svc._esms.values()
        if (mapping["FunctionName"], mapping["EventSourceArn"]) == (name, source)
    )
