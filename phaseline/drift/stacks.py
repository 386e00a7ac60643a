"""Whether a stack's resources are still what its template says, asked of CloudFormation.

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
class Difference:
    """One property of a resource: `path` in it, `change` (ADD, REMOVE or NOT_EQUAL), and both
    values as text; the one that is not there is empty."""

    path: str
    change: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Drifted:
    """A resource that is not as declared: `status` is MODIFIED or DELETED."""

    resource: str
    type: str
    status: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Unchecked:
    """A resource whose type CloudFormation does not check."""

    resource: str
    type: str


@dataclass(frozen=True)
class StackDrift:
    """What is known of a stack. `failure` says why it, or a part of it, could not be checked."""

    stack: str
    drifted: tuple[Drifted, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
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
    """Start a detection, wait for its end at most `limit` seconds by `clock`, and read it.

    Whatever keeps CloudFormation from checking the stack is the result's `failure`: no stack, one
    that is being changed, a detection that fails or does not end. Throttling is waited out, as long
    as the rest. Other errors are raised.
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
        one["LogicalResourceId"]: one["ResourceType"]
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack)
        for one in page["StackResourceSummaries"]
        if one["ResourceStatus"] != "DELETE_COMPLETE"
    }
    statuses = {one["LogicalResourceId"]: one["StackResourceDriftStatus"] for one in drifts}
    failed = sorted(name for name, status in statuses.items() if status == "UNKNOWN")
    return StackDrift(
        stack,
        drifted=tuple(
            Drifted(
                one["LogicalResourceId"],
                one["ResourceType"],
                one["StackResourceDriftStatus"],
                tuple(_differences(one)),
            )
            for one in drifts
            if one["StackResourceDriftStatus"] in CHANGED
        ),
        unchecked=tuple(
            Unchecked(name, type_)
            for name, type_ in sorted(resources.items())
            if statuses.get(name, "NOT_CHECKED") not in {"IN_SYNC", "UNKNOWN", *CHANGED}
        ),
        failure=_failure(detection, failed),
    )


def _failure(
    detection: "DescribeStackDriftDetectionStatusOutputTypeDef", failed: Iterable[str]
) -> str:
    """Why the detection is not a whole one; empty where it is. A detection that failed has
    results for the resources before it did."""
    if detection["DetectionStatus"] != "DETECTION_COMPLETE":
        reason = detection.get("DetectionStatusReason", "CloudFormation gives no reason")
        return reason.rstrip(".")
    if unknown := ", ".join(failed):
        return f"CloudFormation could not check {unknown}"
    if detection.get("StackDriftStatus") == "UNKNOWN":
        return "CloudFormation could not tell"
    return ""


def _drifts(client: "CloudFormationClient", stack: str) -> "Iterator[StackResourceDriftTypeDef]":
    page = client.describe_stack_resource_drifts(StackName=stack)
    yield from page["StackResourceDrifts"]
    while token := page.get("NextToken"):
        page = client.describe_stack_resource_drifts(StackName=stack, NextToken=token)
        yield from page["StackResourceDrifts"]


def _differences(drift: "StackResourceDriftTypeDef") -> Iterator[Difference]:
    for one in drift.get("PropertyDifferences", []):
        expected, actual = one["ExpectedValue"], one["ActualValue"]
        yield Difference(
            one["PropertyPath"],
            one["DifferenceType"],
            "" if one["DifferenceType"] == "ADD" else expected,
            "" if one["DifferenceType"] == "REMOVE" else actual,
        )
