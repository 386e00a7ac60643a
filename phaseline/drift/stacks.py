"""Runs CloudFormation's drift detection of a stack, and reads its result.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from phaseline.aws.refusals import code_of, message_of
from phaseline.aws.throttling import wait_out
from phaseline.aws.wait import poll

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        DescribeStackDriftDetectionStatusOutputTypeDef,
        StackResourceDriftTypeDef,
    )

POLLS = (1.0, 2.0, 3.0, 5.0)
CHANGED = ("MODIFIED", "DELETED")

T = TypeVar("T")


@dataclass(frozen=True)
class PropertyDifference:
    """A property of a resource that differs from the template.

    `change` is ADD, REMOVE or NOT_EQUAL. The values are text; a missing one is empty.
    """

    path: str
    change: str
    expected: str
    actual: str


@dataclass(frozen=True)
class DriftedResource:
    """A resource that differs from the template. `status` is MODIFIED or DELETED."""

    resource: str
    type: str
    status: str
    differences: tuple[PropertyDifference, ...]


@dataclass(frozen=True)
class UncheckedResource:
    """A resource whose type has no drift detection."""

    resource: str
    type: str


@dataclass(frozen=True)
class StackDrift:
    """The drift of a stack. `failure` says why CloudFormation could not check all of it."""

    stack: str
    drifted: tuple[DriftedResource, ...] = ()
    unchecked: tuple[UncheckedResource, ...] = ()
    failure: str = ""


def detect(
    client: "CloudFormationClient",
    stack: str,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    limit: float,
    polls: Sequence[float] = POLLS,
) -> StackDrift:
    """Start a detection, wait for its end at most `limit` seconds by `clock`, and read its result.

    The result's `failure` says if the stack does not exist or is being changed, or if the detection
    fails or does not end. Throttled calls are repeated within `limit`. Other errors are raised.
    """
    deadline = clock() + limit

    def ask(call: Callable[[], T]) -> T:
        return wait_out(call, clock=clock, sleep=sleep, deadline=deadline)

    try:
        started = ask(partial(client.detect_stack_drift, StackName=stack))
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        return StackDrift(stack, failure=message_of(error))
    describe = partial(
        client.describe_stack_drift_detection_status,
        StackDriftDetectionId=started["StackDriftDetectionId"],
    )

    def ended() -> "DescribeStackDriftDetectionStatusOutputTypeDef | None":
        status = ask(describe)
        return None if status["DetectionStatus"] == "DETECTION_IN_PROGRESS" else status

    detection = poll(ended, clock=clock, sleep=sleep, limit=deadline - clock(), pauses=polls)
    if detection is None:
        return StackDrift(stack, failure=f"the detection did not end in {limit:.0f} seconds")
    return ask(partial(_read, client, stack, detection))


def _read(
    client: "CloudFormationClient",
    stack: str,
    detection: "DescribeStackDriftDetectionStatusOutputTypeDef",
) -> StackDrift:
    drifts = list(_drifts(client, stack))
    resources = {
        resource["LogicalResourceId"]: resource["ResourceType"]
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] != "DELETE_COMPLETE"
    }
    statuses = {drift["LogicalResourceId"]: drift["StackResourceDriftStatus"] for drift in drifts}
    failed = sorted(name for name, status in statuses.items() if status == "UNKNOWN")
    return StackDrift(
        stack,
        drifted=tuple(
            DriftedResource(
                drift["LogicalResourceId"],
                drift["ResourceType"],
                drift["StackResourceDriftStatus"],
                tuple(_differences(drift)),
            )
            for drift in drifts
            if drift["StackResourceDriftStatus"] in CHANGED
        ),
        unchecked=tuple(
            UncheckedResource(name, type_)
            for name, type_ in sorted(resources.items())
            if statuses.get(name, "NOT_CHECKED") not in {"IN_SYNC", "UNKNOWN", *CHANGED}
        ),
        failure=_failure(detection, failed),
    )


def _failure(
    detection: "DescribeStackDriftDetectionStatusOutputTypeDef", failed: Iterable[str]
) -> str:
    """Return why the detection is incomplete, or "". A failed detection still has the results of
    the resources that it checked before it failed."""
    if detection["DetectionStatus"] != "DETECTION_COMPLETE":
        reason = detection.get("DetectionStatusReason", "CloudFormation gives no reason")
        return reason.rstrip(".")
    if unknown := ", ".join(failed):
        return f"CloudFormation could not check {unknown}"
    if detection.get("StackDriftStatus") == "UNKNOWN":
        return "CloudFormation reports the drift status UNKNOWN"
    return ""


def _drifts(client: "CloudFormationClient", stack: str) -> "Iterator[StackResourceDriftTypeDef]":
    page = client.describe_stack_resource_drifts(StackName=stack)
    yield from page["StackResourceDrifts"]
    while token := page.get("NextToken"):
        page = client.describe_stack_resource_drifts(StackName=stack, NextToken=token)
        yield from page["StackResourceDrifts"]


def _differences(drift: "StackResourceDriftTypeDef") -> Iterator[PropertyDifference]:
    for difference in drift.get("PropertyDifferences", []):
        expected, actual = difference["ExpectedValue"], difference["ActualValue"]
        yield PropertyDifference(
            difference["PropertyPath"],
            difference["DifferenceType"],
            "" if difference["DifferenceType"] == "ADD" else expected,
            "" if difference["DifferenceType"] == "REMOVE" else actual,
        )
