"""Follows an operation on a stack in the stack's events."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from phaseline.deploy.stack import is_missing
from phaseline.deploy.stack_status import Event, judge
from phaseline.deploy.stack_wait import StackWait

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        StackEventTypeDef,
    )


@dataclass(frozen=True)
class StackEvents:
    """The events of stacks. `progress` is called once for each event that `follow` reads."""

    client: "CloudFormationClient"
    wait: StackWait
    progress: Callable[[Event], None]

    def newest(self, stack: str) -> str:
        """Return the id of a stack's newest event, or "" if the stack does not exist."""
        try:
            return self.client.describe_stack_events(StackName=stack)["StackEvents"][0]["EventId"]
        except ClientError as error:
            if is_missing(error):
                return ""
            raise

    def follow(self, change_set: "DescribeChangeSetOutputTypeDef", marker: str) -> None:
        """Wait until the execution of a change set ends, in the events after the id `marker`.

        Raises DeploymentError if it fails, and TimedOutError.
        """
        name, stack_id = change_set["StackName"], change_set["StackId"]
        newest = marker
        events: list[Event] = []

        def end() -> Event | None:
            nonlocal newest
            for stack_event in reversed(list(self._since(stack_id, newest))):
                newest = stack_event["EventId"]
                events.append(_event(stack_event))
                self.progress(events[-1])
                if _is_end(stack_event, change_set["ChangeSetName"]):
                    return events[-1]
            return None

        judge(name, self.wait.until(name, end), events)

    def _since(self, stack: str, marker: str) -> "Iterator[StackEventTypeDef]":
        """Yield the events after `marker`, the newest first."""
        for page in self.client.get_paginator("describe_stack_events").paginate(StackName=stack):
            for event in page["StackEvents"]:
                if event["EventId"] == marker:
                    return
                yield event


def _is_end(event: "StackEventTypeDef", token: str) -> bool:
    """Return whether this event ends the stack operation that was started with `token`."""
    return (
        event.get("PhysicalResourceId") == event["StackId"]
        and not event["ResourceStatus"].endswith("_IN_PROGRESS")
        and event.get("ClientRequestToken", token) == token
    )


def _event(event: "StackEventTypeDef") -> Event:
    return Event(
        event["StackName"],
        event["LogicalResourceId"],
        event["ResourceType"],
        event["ResourceStatus"],
        event.get("ResourceStatusReason", ""),
    )
