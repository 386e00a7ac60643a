"""Refuses the stream of an existing table that the listener would misread, before any change."""

from collections.abc import Callable
from typing import Any

from phaseline.algorithms.schema import Schema
from phaseline.deploy.plan import Plan
from phaseline.errors import ConfigurationError
from scripts.account import rules
from scripts.account.rules import Status

READERS = {"registry", "listener"}
"""The stacks that use the stream."""


def check(plan: Plan, client: Callable[[str], Any]) -> None:
    """Raise ConfigurationError if the plan has an existing stream that is unsuitable.

    `client` creates a client of a service.
    """
    arn = plan.parameter("registry", "ExistingStreamArn")
    if not arn or not plan.selected & READERS:
        return
    where = f"parameter ExistingStreamArn, {arn}"
    streams = client("dynamodbstreams")
    try:
        found = streams.describe_stream(StreamArn=arn, Limit=1)["StreamDescription"]
    except streams.exceptions.ResourceNotFoundException as error:
        raise ConfigurationError(
            where,
            "this account has no such stream in this region",
            "Use the LatestStreamArn of the table. A stream that is disabled and enabled gets a"
            " new ARN. Nothing was changed.",
        ) from error
    key = plan.parameter("listener", "AlgorithmAttribute") or Schema().algorithm_attribute
    judged = rules.stream(found, key)
    if judged.status is not Status.HOLDS:
        raise ConfigurationError(where, judged.found, f"{judged.remedy} Nothing was changed.")
