"""A CloudFormation that answers by a script."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.session import get_session
from botocore.stub import ANY, Stubber

from phaseline.deploy.change_sets import DeclaredStack
from phaseline.deploy.stack_status import Event
from phaseline.deploy.stacks import Stacks

NAME = "phaseline-demo-site"


STACK_ID = f"arn:aws:cloudformation:us-east-1:000000000000:stack/{NAME}/1"


ROLE = "arn:aws:iam::000000000000:role/deploys"


SET_ID = "arn:aws:cloudformation:us-east-1:000000000000:changeSet/s/1"


STARTED = datetime(2026, 11, 24, tzinfo=UTC)


DECLARED = DeclaredStack(NAME, "{}", {"Environment": "demo"})


SERVICE = get_session().get_service_model("cloudformation")


STATUSES: list[str] = SERVICE.shape_for("StackStatus").enum  # type: ignore[attr-defined]


@dataclass
class Scripted:
    """Stacks over a client that expects exactly the calls told, with a clock that sleep moves."""

    stub: Stubber
    stacks: Stacks
    seen: list[Event] = field(default_factory=list)

    def stack(self, status: str, **more: Any) -> dict[str, Any]:
        """A stack as DescribeStacks answers it."""
        return {
            "StackName": NAME,
            "StackId": STACK_ID,
            "StackStatus": status,
            "CreationTime": STARTED,
            **more,
        }

    def find(self, status: str | None, **more: Any) -> None:
        """The next call asks for the stack."""
        if status is None:
            self.absent("describe_stacks")
        else:
            self.stub.add_response("describe_stacks", {"Stacks": [self.stack(status, **more)]})

    def absent(self, operation: str) -> None:
        """The next call is told that there is no stack."""
        self.stub.add_client_error(operation, "ValidationError", f"Stack {NAME} does not exist")

    def settled(self, status: str | None, **more: Any) -> None:
        """The next calls ask for the newest event, then for the stack."""
        if status is None:
            self.absent("describe_stack_events")
        else:
            self.events([event("old", NAME, status)])
        self.find(status, **more)

    def events(self, newest_first: list[dict[str, Any]]) -> None:
        """The next call asks for the events."""
        self.stub.add_response("describe_stack_events", {"StackEvents": newest_first})

    def create(self, kind: str, **more: str) -> None:
        """The next call makes a change set of this type."""
        expected = {
            "StackName": NAME,
            "ChangeSetName": ANY,
            "ClientToken": ANY,
            "ChangeSetType": kind,
            "TemplateBody": "{}",
            "Parameters": [{"ParameterKey": "Environment", "ParameterValue": "demo"}],
            "Capabilities": ANY,
            **more,
        }
        answer = {"Id": SET_ID, "StackId": STACK_ID}
        self.stub.add_response("create_change_set", answer, expected)

    def describe(self, status: str = "CREATE_COMPLETE", **more: Any) -> None:
        """The next call asks for the change set."""
        answer = {
            "ChangeSetId": SET_ID,
            "ChangeSetName": "s",
            "StackId": STACK_ID,
            "StackName": NAME,
            "Status": status,
            "ExecutionStatus": "AVAILABLE",
            "Changes": [change("Bucket")],
            **more,
        }
        self.stub.add_response("describe_change_set", answer)

    def delete(self) -> None:
        """The next call removes the change set."""
        self.stub.add_response(
            "delete_change_set", {}, {"StackName": NAME, "ChangeSetName": SET_ID}
        )

    def execute(self) -> None:
        """The next call executes the change set."""
        expected = {"StackName": NAME, "ChangeSetName": SET_ID, "ClientRequestToken": "s"}
        self.stub.add_response("execute_change_set", {}, expected)


def change(resource: str) -> dict[str, Any]:
    """A modified bucket as DescribeChangeSet answers it."""
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": resource,
            "ResourceType": "AWS::S3::Bucket",
            "Replacement": "False",
            "Details": [{"Target": {"Attribute": "Properties", "Name": "Tags"}}],
        },
    }


def event(id_: str, resource: str, status: str, reason: str = "", **more: str) -> dict[str, Any]:
    """An event as DescribeStackEvents answers it; one of the stack itself carries its id."""
    own = resource == NAME
    return {
        "EventId": id_,
        "StackId": STACK_ID,
        "StackName": NAME,
        "LogicalResourceId": resource,
        "PhysicalResourceId": STACK_ID if own else resource,
        "ResourceType": "AWS::CloudFormation::Stack" if own else "AWS::S3::Bucket",
        "Timestamp": STARTED,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        **more,
    }


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A script of calls; the test fails where one of them was not made."""
    client = boto3.client("cloudformation")
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    seen: list[Event] = []
    stub = Stubber(client)
    stacks = Stacks(client, lambda: now[0], sleep, seen.append, polls=(1.0,), limit=10.0)
    with stub:
        yield Scripted(stub, stacks, seen)
        stub.assert_no_pending_responses()
