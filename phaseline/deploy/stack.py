"""A stack as DescribeStacks returns it: its status, parameters and outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from phaseline.aws.refusals import code_of, message_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


@dataclass(frozen=True)
class Stack:
    """A deployed stack.

    `short` is its name within the environment, such as "site". `exports` are the outputs that other
    stacks can import. `updated` is the time of the last update, or None if there was none.
    """

    short: str
    name: str
    arn: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    exports: Mapping[str, str]
    updated: datetime | None

    @property
    def changing(self) -> bool:
        """Whether an operation on the stack is in progress."""
        return self.status.endswith("_IN_PROGRESS")

    def pseudo(self) -> dict[str, str]:
        """Return the values of CloudFormation's pseudo parameters in this stack."""
        _, partition, _, region, account, _ = self.arn.split(":", 5)
        return {
            "AWS::AccountId": account,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": self.arn,
            "AWS::StackName": self.name,
        }


def find(client: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    """Return the DescribeStacks description of the stack of this name or id, or None."""
    try:
        return client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def is_missing(error: ClientError) -> bool:
    """Return whether CloudFormation says that the stack does not exist.

    It has no error code for this: ValidationError means any invalid request.
    """
    return code_of(error) == "ValidationError" and "does not exist" in message_of(error)


def is_deployed(stack: "StackTypeDef | None") -> bool:
    """Return whether the stack exists. One that only holds its first change set does not count."""
    return stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS"


def describe(client: "CloudFormationClient", environment: str, short: str) -> Stack | None:
    """Return the environment's stack, or None if it is not deployed."""
    name = f"phaseline-{environment}-{short}"
    description = find(client, name)
    if description is None or not is_deployed(description):
        return None
    outputs = description.get("Outputs", [])
    return Stack(
        short=short,
        name=name,
        arn=description["StackId"],
        status=description["StackStatus"],
        parameters={
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in description.get("Parameters", [])
        },
        outputs={output["OutputKey"]: output["OutputValue"] for output in outputs},
        exports={
            output["ExportName"]: output["OutputValue"]
            for output in outputs
            if "ExportName" in output
        },
        updated=description.get("LastUpdatedTime"),
    )
