"""CloudFormation stacks by change set: decide, create the set, show it, execute it, follow it.

A change set's name is made of what is asked for and of the state it is asked of. So a call whose
answer was lost, or a deploy that runs twice, finds the set that is there and goes on with it,
and a set that belongs to an older state is never executed.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, TypeVar

from botocore.exceptions import ClientError

from phaseline.aws.refusals import Meaning, code_of, meaning, message_of
from phaseline.aws.wait import poll
from phaseline.deploy.change_sets import Change, Declared, change_set_name, changes, is_empty
from phaseline.deploy.stack import find, is_deployed, is_missing
from phaseline.deploy.stack_status import Decision, Event, decide, judge
from phaseline.errors import ConfigurationError, DeploymentError, RefusedError, TimedOutError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        StackEventTypeDef,
        StackTypeDef,
    )

T = TypeVar("T")


class _Role(TypedDict, total=False):
    RoleARN: str


TEMPLATE_LIMIT = 51_200
"""Bytes of a template sent in a request.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""


@dataclass(frozen=True)
class Parameters:
    """What a template's parameters are called, and which of them have no default."""

    names: frozenset[str]
    required: frozenset[str]


@dataclass(frozen=True)
class Result:
    """What was done, or in a preview would be done: `action` is create, update or none; `note`
    says why a preview can't tell the changes."""

    stack: str
    action: str
    changes: tuple[Change, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Stacks:
    """The stacks of one account and region. `limit` bounds each wait, in seconds by `clock`;
    `polls` are the pauses between two looks, the last one for good; `progress` hears each event
    of a stack once."""

    client: "CloudFormationClient"
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    progress: Callable[[Event], None]
    polls: Sequence[float] = (0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0)
    limit: float = 1800.0

    def parameters(self, name: str, template: str) -> Parameters:
        """The parameters of a template. Raises ConfigurationError where it is no valid one."""
        size = len(template.encode())
        if size > TEMPLATE_LIMIT:
            raise ConfigurationError(
                f"template of stack {name}",
                f"at most {TEMPLATE_LIMIT:,} bytes are accepted in a request, found {size:,}",
                "Move some of its resources to a stack of their own.",
            )
        with _refusals(name):
            answer = self.client.get_template_summary(TemplateBody=template)
        found = answer.get("Parameters", [])
        return Parameters(
            frozenset(one["ParameterKey"] for one in found),
            frozenset(one["ParameterKey"] for one in found if "DefaultValue" not in one),
        )

    def find(self, stack: str) -> "StackTypeDef | None":
        """The stack of this name or id, or None."""
        return find(self.client, stack)

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a stack that is there. Raises ConfigurationError where it isn't."""
        found = self.find(stack)
        if found is None or not is_deployed(found):
            raise ConfigurationError(f"stack {stack}", "it is not deployed", "Deploy it first.")
        return _outputs(found)

    def deploy(self, declared: Declared) -> Result:
        """Make the stack what is declared.

        Raises DeploymentError with the first failed resource's reason, or with the command that
        a stack in its status needs; TimedOutError; ConfigurationError for what CloudFormation
        refuses before it changes anything.
        """
        decision, stack, marker = self._settled(declared.name)
        described = self._change_set(declared, decision, stack, "deploy")
        if is_empty(described):
            self._delete(declared.name, described["ChangeSetId"])
            return Result(declared.name, "none", outputs=_outputs(stack) if stack else {})
        self._execute(described)
        self._follow(described, marker)
        outputs = self.outputs(described["StackId"])
        return Result(declared.name, decision.action, changes(described), outputs)

    def preview(self, declared: Declared) -> Result:
        """What `deploy` would change. The change set is removed again, and the empty shell of a
        stack that CloudFormation makes to hold a new stack's change set."""
        decision, stack, _ = self._settled(declared.name)
        described = self._change_set(declared, decision, stack, "preview")
        self._delete(declared.name, described["ChangeSetId"])
        if stack is None:
            self._remove_shell(described)
        action = "none" if is_empty(described) else decision.action
        return Result(declared.name, action, changes(described), _outputs(stack) if stack else {})

    def _settled(self, name: str) -> "tuple[Decision, StackTypeDef | None, str]":
        """The decision about a stack, after waiting for whatever is under way in it, with the
        stack and the id of its newest event.

        The event is read before the stack, so that the end of what another deploy starts in
        between is seen as an event after it.
        """

        def look() -> "tuple[Decision, StackTypeDef | None, str] | None":
            marker = self._newest_event(name)
            stack = self.find(name)
            status = stack["StackStatus"] if stack else None
            decision = decide(status, name)
            if decision.action == "stop":
                raise DeploymentError(
                    f"stack {name}",
                    f"a stack in status {status} can't be deployed",
                    f"Look at its events, then run: {decision.command}",
                )
            if decision.action == "wait":
                self.progress(Event(name, name, "AWS::CloudFormation::Stack", str(status)))
                return None
            return decision, stack, marker

        return self._until(name, look)

    def _change_set(
        self,
        declared: Declared,
        decision: Decision,
        stack: "StackTypeDef | None",
        purpose: str,
    ) -> "DescribeChangeSetOutputTypeDef":
        """The change set for `declared`: a new one, or the one that an earlier try left."""
        name = change_set_name(declared, stack, purpose)
        try:
            change_set = self._create(declared, decision, name)
        except self.client.exceptions.AlreadyExistsException:
            found = self.client.describe_change_set(ChangeSetName=name, StackName=declared.name)
            change_set = found["ChangeSetId"]
            if found["Status"] == "FAILED":  # its cause may be gone by now
                self._delete(declared.name, change_set)
                change_set = self._create(declared, decision, name)
        described = self._described(declared.name, change_set)
        if described["Status"] == "FAILED" and not is_empty(described):
            self._delete(declared.name, change_set)
            if stack is None:
                self._remove_shell(described)
            raise DeploymentError(
                f"stack {declared.name}",
                f"its change set failed: {described.get('StatusReason', 'no reason given')}",
                "Correct the template or the parameters; the stack is as it was.",
            )
        return described

    def _create(self, declared: Declared, decision: Decision, name: str) -> str:
        with _refusals(declared.name):
            return self.client.create_change_set(
                StackName=declared.name,
                ChangeSetName=name,
                ClientToken=name,
                ChangeSetType="CREATE" if decision.action == "create" else "UPDATE",
                TemplateBody=declared.template,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in sorted(declared.parameters.items())
                ],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
                **_role(declared),
            )["Id"]

    def _described(self, name: str, change_set: str) -> "DescribeChangeSetOutputTypeDef":
        """The change set once it is computed, with all pages of its changes."""

        def look() -> "DescribeChangeSetOutputTypeDef | None":
            found = self.client.describe_change_set(StackName=name, ChangeSetName=change_set)
            return found if found["Status"] in {"CREATE_COMPLETE", "FAILED"} else None

        described = page = self._until(name, look)
        while token := page.get("NextToken"):
            page = self.client.describe_change_set(
                StackName=name, ChangeSetName=change_set, NextToken=token
            )
            described["Changes"] += page["Changes"]
        return described

    def _delete(self, stack: str, change_set: str) -> None:
        # The stack is what a policy names; a change set's own ARN does not say it.
        self.client.delete_change_set(StackName=stack, ChangeSetName=change_set)

    def _execute(self, described: "DescribeChangeSetOutputTypeDef") -> None:
        """Start the change set, unless an earlier try, whose answer was lost, or another deploy
        of the same already did."""
        stack, change_set = described["StackName"], described["ChangeSetId"]
        try:
            self.client.execute_change_set(
                StackName=stack,
                ChangeSetName=change_set,
                ClientRequestToken=described["ChangeSetName"],
            )
        except self.client.exceptions.InvalidChangeSetStatusException:
            found = self.client.describe_change_set(StackName=stack, ChangeSetName=change_set)
            if not found["ExecutionStatus"].startswith("EXECUTE_"):
                raise

    def _follow(self, described: "DescribeChangeSetOutputTypeDef", marker: str) -> None:
        """Wait for the end of the change set's execution, in the events after `marker`."""
        name, stack_id = described["StackName"], described["StackId"]
        seen = [marker]
        events: list[Event] = []

        def look() -> Event | None:
            for found in reversed(list(self._events_since(stack_id, seen[-1]))):
                seen.append(found["EventId"])
                events.append(_event(found))
                self.progress(events[-1])
                if _is_end(found, described["ChangeSetName"]):
                    return events[-1]
            return None

        judge(name, self._until(name, look), events)

    def _events_since(self, stack: str, marker: str) -> "Iterator[StackEventTypeDef]":
        """The events after `marker`, the newest first."""
        for page in self.client.get_paginator("describe_stack_events").paginate(StackName=stack):
            for event in page["StackEvents"]:
                if event["EventId"] == marker:
                    return
                yield event

    def _newest_event(self, stack: str) -> str:
        """The id of a stack's newest event; empty where there is no stack."""
        try:
            return self.client.describe_stack_events(StackName=stack)["StackEvents"][0]["EventId"]
        except ClientError as error:
            if is_missing(error):
                return ""
            raise

    def _remove_shell(self, described: "DescribeChangeSetOutputTypeDef") -> None:
        """Delete the stack that a change set made, if that is all it is."""
        stack_id = described["StackId"]
        stack = self.find(stack_id)
        if stack is None or stack["StackStatus"] != "REVIEW_IN_PROGRESS":
            return
        sets = self.client.list_change_sets(StackName=stack_id)["Summaries"]
        if any(one["ChangeSetId"] != described["ChangeSetId"] for one in sets):
            return
        try:
            self.client.delete_stack(StackName=stack_id)
        except ClientError as error:
            # The roles of workflows may not delete stacks, and IAM can't tell a shell from a
            # stack. A shell that stays holds nothing, and the next change set uses it.
            if meaning(error) is not Meaning.DENIED:
                raise

    def _until(self, name: str, look: Callable[[], T | None]) -> T:
        """What `look` finds, once it finds something; TimedOutError names the stack `name`."""
        found = poll(look, clock=self.clock, sleep=self.sleep, limit=self.limit, pauses=self.polls)
        if found is None:
            raise TimedOutError(
                f"stack {name}",
                f"its end was not seen within {self.limit:.0f} seconds",
                "It goes on by itself. Run this again: it waits for it, then goes on.",
            )
        return found


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """What CloudFormation finds wrong with a request, as an error of the configuration."""
    try:
        yield
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        if re.search(r"is in \w+ state", message_of(error)):
            raise RefusedError(
                f"stack {name}",
                f"somebody else changes it at the same time: {message_of(error)}",
                "Run this again when that has ended.",
            ) from error
        raise ConfigurationError(
            f"stack {name}",
            f"CloudFormation refuses it: {message_of(error)}",
            "Correct the template or the parameters; the stack is as it was.",
        ) from error


def _role(declared: Declared) -> "_Role":
    return {"RoleARN": declared.role_arn} if declared.role_arn else {}


def _is_end(event: "StackEventTypeDef", token: str) -> bool:
    """Whether this event ends the operation on the stack that was started with `token`."""
    return (
        event.get("PhysicalResourceId") == event["StackId"]
        and not event["ResourceStatus"].endswith("_IN_PROGRESS")
        and event.get("ClientRequestToken", token) == token
    )


def _event(found: "StackEventTypeDef") -> Event:
    return Event(
        found["StackName"],
        found["LogicalResourceId"],
        found["ResourceType"],
        found["ResourceStatus"],
        found.get("ResourceStatusReason", ""),
    )


def _outputs(stack: "StackTypeDef") -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
