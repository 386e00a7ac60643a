"""A stack as CloudFormation shows it: its status, and what it was given and gives."""

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
    """A deployed stack: `short` is its name in the environment, `exports` what others import.
    `updated` is when it was last changed, None where that was its creation."""

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
        """Whether a deploy of it is under way."""
        return self.status.endswith("_IN_PROGRESS")

    def pseudo(self) -> dict[str, str]:
        """The pseudo parameters of its template."""
        _, partition, _, region, account, _ = self.arn.split(":", 5)
        return {
            "AWS::AccountId": account,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": self.arn,
            "AWS::StackName": self.name,
        }


def find(client: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    """The stack of this name or id as DescribeStacks gives it; None where there is none."""
    try:
        return client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def is_missing(error: ClientError) -> bool:
    """Whether CloudFormation says that there is no such stack. It has no code of its own for that:
    ValidationError is anything that it finds wrong with a request."""
    return code_of(error) == "ValidationError" and "does not exist" in message_of(error)


def is_deployed(found: "StackTypeDef | None") -> bool:
    """Whether there is a stack that is more than the shell of its first change set."""
    return found is not None and found["StackStatus"] != "REVIEW_IN_PROGRESS"


def describe(client: "CloudFormationClient", environment: str, short: str) -> Stack | None:
    """The environment's stack, or None where it is not deployed."""
    name = f"phaseline-{environment}-{short}"
    found = find(client, name)
    if found is None or not is_deployed(found):
        return None
    outputs = found.get("Outputs", [])
    return Stack(
        short=short,
        name=name,
        arn=found["StackId"],
        status=found["StackStatus"],
        parameters={
            one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])
        },
        outputs={one["OutputKey"]: one["OutputValue"] for one in outputs},
        exports={one["ExportName"]: one["OutputValue"] for one in outputs if "ExportName" in one},
        updated=found.get("LastUpdatedTime"),
    )
