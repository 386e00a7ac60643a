"""Creates, describes, executes and deletes change sets.

The name of a change set is derived from the declared stack and from the stack's present state (see
`change_set_name`). If the answer to a call was lost, or a deploy runs twice, the second call finds
the existing change set and continues with it. A change set for an older state is never executed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from phaseline.aws.refusals import Meaning, meaning
from phaseline.deploy.change_sets import DeclaredStack, change_set_name, is_empty
from phaseline.deploy.stack import find
from phaseline.deploy.stack_status import Decision
from phaseline.deploy.stack_wait import StackWait
from phaseline.deploy.validation import validation_errors
from phaseline.errors import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import DescribeChangeSetOutputTypeDef, StackTypeDef


class _Role(TypedDict, total=False):
    RoleARN: str


@dataclass(frozen=True)
class ChangeSets:
    """The change sets of one account and region."""

    client: "CloudFormationClient"
    wait: StackWait

    def make(
        self,
        declared: DeclaredStack,
        decision: Decision,
        stack: "StackTypeDef | None",
        purpose: str,
    ) -> "DescribeChangeSetOutputTypeDef":
        """Return the change set for `declared`: a new one, or the one of an earlier attempt.

        Raises DeploymentError if CloudFormation cannot compute it, ConfigurationError if the
        request is invalid, and TimedOutError.
        """
        name = change_set_name(declared, stack, purpose)
        try:
            change_set_id = self._create(declared, decision, name)
        except self.client.exceptions.AlreadyExistsException:
            existing = self.client.describe_change_set(ChangeSetName=name, StackName=declared.name)
            change_set_id = existing["ChangeSetId"]
            if existing["Status"] == "FAILED":  # the cause may not exist any more
                self.delete(declared.name, change_set_id)
                change_set_id = self._create(declared, decision, name)
        try:
            change_set = self._computed(declared.name, change_set_id)
        except Exception:
            raise
        except BaseException:  # the command is interrupted
            self._discard(declared.name, change_set_id, is_new=stack is None)
            raise
        if change_set["Status"] == "FAILED" and not is_empty(change_set):
            self.delete(declared.name, change_set_id)
            if stack is None:
                self.delete_empty_stack(change_set)
            raise DeploymentError(
                f"stack {declared.name}",
                f"its change set failed: {change_set.get('StatusReason', 'no reason given')}",
                "Correct the template or the parameters; the stack was not changed.",
            )
        return change_set

    def execute(self, change_set: "DescribeChangeSetOutputTypeDef") -> None:
        """Execute the change set, unless an earlier attempt, whose answer was lost, or another
        deploy of the same stack has already started it."""
        stack, change_set_id = change_set["StackName"], change_set["ChangeSetId"]
        try:
            self.client.execute_change_set(
                StackName=stack,
                ChangeSetName=change_set_id,
                ClientRequestToken=change_set["ChangeSetName"],
            )
        except self.client.exceptions.InvalidChangeSetStatusException:
            current = self.client.describe_change_set(StackName=stack, ChangeSetName=change_set_id)
            if not current["ExecutionStatus"].startswith("EXECUTE_"):
                raise

    def delete(self, stack: str, change_set_id: str) -> None:
        """Delete a change set."""
        # IAM policies name the stack, which the ARN of a change set does not contain.
        self.client.delete_change_set(StackName=stack, ChangeSetName=change_set_id)

    def delete_empty_stack(self, change_set: "DescribeChangeSetOutputTypeDef") -> None:
        """Delete the stack that CloudFormation created to hold a change set, if it has no
        resources and no other change set."""
        stack_id = change_set["StackId"]
        stack = find(self.client, stack_id)
        if stack is None or stack["StackStatus"] != "REVIEW_IN_PROGRESS":
            return
        summaries = self.client.list_change_sets(StackName=stack_id)["Summaries"]
        if any(summary["ChangeSetId"] != change_set["ChangeSetId"] for summary in summaries):
            return
        try:
            self.client.delete_stack(StackName=stack_id)
        except ClientError as error:
            # The roles of workflows may not delete stacks, and IAM cannot distinguish an empty
            # stack. An empty stack that remains is harmless: the next change set uses it.
            if meaning(error) is not Meaning.DENIED:
                raise

    def _discard(self, stack: str, change_set_id: str, *, is_new: bool) -> None:
        """Delete a change set, and the empty stack of a new one, after it is computed.

        CloudFormation does not delete a change set before.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html
        """
        change_set = self._computed(stack, change_set_id)
        self.delete(stack, change_set_id)
        if is_new:
            self.delete_empty_stack(change_set)

    def _create(self, declared: DeclaredStack, decision: Decision, name: str) -> str:
        with validation_errors(declared.name):
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

    def _computed(self, stack: str, change_set_id: str) -> "DescribeChangeSetOutputTypeDef":
        """Wait until the change set is computed, and return it with all pages of its changes."""

        def computed() -> "DescribeChangeSetOutputTypeDef | None":
            change_set = self.client.describe_change_set(
                StackName=stack, ChangeSetName=change_set_id
            )
            return change_set if change_set["Status"] in {"CREATE_COMPLETE", "FAILED"} else None

        change_set = page = self.wait.until(stack, computed)
        while token := page.get("NextToken"):
            page = self.client.describe_change_set(
                StackName=stack, ChangeSetName=change_set_id, NextToken=token
            )
            change_set["Changes"] += page["Changes"]
        return change_set


def _role(declared: DeclaredStack) -> "_Role":
    return {"RoleARN": declared.role_arn} if declared.role_arn else {}
