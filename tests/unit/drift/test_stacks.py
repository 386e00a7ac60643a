"""Drift of stacks: what CloudFormation's answers say, and how long they are waited for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from phaseline.drift.stacks import (
    DriftedResource,
    PropertyDifference,
    StackDrift,
    UncheckedResource,
    detect,
)

NAME = "phaseline-demo-site"
STACK_ID = f"arn:aws:cloudformation:us-east-1:000000000000:stack/{NAME}/1"


@dataclass
class Scripted:
    """A client that expects exactly the calls told, and a clock that sleep moves."""

    stub: Stubber
    now: float = 0.0

    def started(self) -> None:
        """The next call starts a detection."""
        answer = {"StackDriftDetectionId": "d"}
        self.stub.add_response("detect_stack_drift", answer, {"StackName": NAME})

    def status(self, status: str, **more: Any) -> None:
        """The next call asks how the detection is."""
        answer = {
            "StackId": STACK_ID,
            "StackDriftDetectionId": "d",
            "DetectionStatus": status,
            "Timestamp": 0,
            **more,
        }
        expected = {"StackDriftDetectionId": "d"}
        self.stub.add_response("describe_stack_drift_detection_status", answer, expected)

    def drifts(self, *drifts: dict[str, Any], **more: Any) -> None:
        """The next call asks for the resources that were checked."""
        answer = {"StackResourceDrifts": list(drifts), **more}
        self.stub.add_response("describe_stack_resource_drifts", answer)

    def resources(self, **types: str) -> None:
        """The next call asks for all resources."""
        resources = [
            {
                "LogicalResourceId": name,
                "ResourceType": type_,
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": 0,
            }
            for name, type_ in types.items()
        ]
        self.stub.add_response("list_stack_resources", {"StackResourceSummaries": resources})

    def detect(self, limit: float = 10.0) -> StackDrift:
        """What is found."""
        client: Any = self.stub.client
        return detect(client, NAME, clock=lambda: self.now, sleep=self.sleep, limit=limit)

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A script of calls; the test fails where one of them was not made."""
    with Stubber(boto3.client("cloudformation")) as stub:
        yield Scripted(stub)
        stub.assert_no_pending_responses()


def drift(name: str, status: str, *differences: dict[str, str]) -> dict[str, Any]:
    """A resource as DescribeStackResourceDrifts answers it."""
    return {
        "StackId": STACK_ID,
        "LogicalResourceId": name,
        "ResourceType": "AWS::S3::Bucket",
        "StackResourceDriftStatus": status,
        "Timestamp": 0,
        "PropertyDifferences": list(differences),
    }


def difference(path: str, change: str, expected: str, actual: str) -> dict[str, str]:
    """A property as DescribeStackResourceDrifts answers it."""
    return {
        "PropertyPath": path,
        "DifferenceType": change,
        "ExpectedValue": expected,
        "ActualValue": actual,
    }


def test_drift_is_reported_by_property(scripted: Scripted) -> None:
    scripted.started()
    scripted.status("DETECTION_IN_PROGRESS")
    scripted.status("DETECTION_COMPLETE", StackDriftStatus="DRIFTED")
    scripted.drifts(
        drift(
            "Bucket",
            "MODIFIED",
            difference("/Versioning/Status", "NOT_EQUAL", "Enabled", "Suspended"),
            difference("/Tags/1", "ADD", "null", '{"Key":"a"}'),
            difference("/Tags/2", "REMOVE", '{"Key":"b"}', "null"),
        ),
        NextToken="more",
    )
    scripted.drifts(
        drift("Gone", "DELETED"),
        drift("Same", "IN_SYNC"),
        drift("Odd", "NOT_CHECKED"),
        drift("Other", "UNSUPPORTED"),
    )
    scripted.resources(
        Bucket="AWS::S3::Bucket",
        Gone="AWS::S3::Bucket",
        Same="AWS::S3::Bucket",
        Odd="AWS::S3::Bucket",
        Other="AWS::X::Y",
        Policy="AWS::S3::BucketPolicy",
    )
    found = scripted.detect()
    assert found.failure == ""
    assert found.drifted == (
        DriftedResource(
            "Bucket",
            "AWS::S3::Bucket",
            "MODIFIED",
            (
                PropertyDifference("/Versioning/Status", "NOT_EQUAL", "Enabled", "Suspended"),
                PropertyDifference("/Tags/1", "ADD", "", '{"Key":"a"}'),
                PropertyDifference("/Tags/2", "REMOVE", '{"Key":"b"}', ""),
            ),
        ),
        DriftedResource("Gone", "AWS::S3::Bucket", "DELETED", ()),
    )
    assert found.unchecked == (
        UncheckedResource("Odd", "AWS::S3::Bucket"),
        UncheckedResource("Other", "AWS::X::Y"),
        UncheckedResource("Policy", "AWS::S3::BucketPolicy"),
    )


def test_stack_in_sync_has_no_drift(scripted: Scripted) -> None:
    scripted.started()
    scripted.status("DETECTION_COMPLETE", StackDriftStatus="IN_SYNC")
    scripted.drifts(drift("Same", "IN_SYNC"))
    scripted.resources(Same="AWS::S3::Bucket")
    assert scripted.detect() == StackDrift(NAME)


@pytest.mark.parametrize(
    ("status", "more", "resource", "failure"),
    [
        (
            "DETECTION_FAILED",
            {"DetectionStatusReason": "Access denied."},
            "IN_SYNC",
            "Access denied",
        ),
        ("DETECTION_FAILED", {}, "IN_SYNC", "CloudFormation gives no reason"),
        ("DETECTION_COMPLETE", {}, "UNKNOWN", "CloudFormation could not check Bucket"),
        (
            "DETECTION_COMPLETE",
            {"StackDriftStatus": "UNKNOWN"},
            "IN_SYNC",
            "CloudFormation reports the drift status UNKNOWN",
        ),
    ],
)
def test_failed_detection_is_a_failure(
    scripted: Scripted, status: str, more: dict[str, str], resource: str, failure: str
) -> None:
    scripted.started()
    scripted.status(status, **more)
    scripted.drifts(drift("Bucket", resource))
    scripted.resources(Bucket="AWS::S3::Bucket")
    found = scripted.detect()
    assert (found.drifted, found.failure) == ((), failure)


def test_drift_before_a_failure_is_reported(scripted: Scripted) -> None:
    scripted.started()
    scripted.status("DETECTION_FAILED", DetectionStatusReason="Access denied")
    scripted.drifts(drift("Bucket", "DELETED"))
    scripted.resources(Bucket="AWS::S3::Bucket")
    found = scripted.detect()
    assert ([one.resource for one in found.drifted], found.failure) == (["Bucket"], "Access denied")


def test_wait_for_a_detection_is_bounded(scripted: Scripted) -> None:
    scripted.started()
    for _ in range(4):
        scripted.status("DETECTION_IN_PROGRESS")
    found = scripted.detect(limit=6.0)
    assert scripted.now == 6.0
    assert found.failure == "the detection did not end in 6 seconds"


def test_missing_stack_is_a_failure(scripted: Scripted) -> None:
    """CloudFormation refuses it as it refuses a changing one."""
    message = f"Stack [{NAME}] does not exist"
    scripted.stub.add_client_error("detect_stack_drift", "ValidationError", message)
    assert scripted.detect() == StackDrift(NAME, failure=message)


def test_denied_call_is_raised(scripted: Scripted) -> None:
    """It says nothing about the stack."""
    scripted.stub.add_client_error("detect_stack_drift", "AccessDenied", "not authorized")
    with pytest.raises(scripted.stub.client.exceptions.ClientError, match="not authorized"):
        scripted.detect()
