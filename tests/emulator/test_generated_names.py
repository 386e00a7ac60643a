"""The names that CloudFormation generates, and the permissions boundary of its roles."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.names import generated_name
from local.waiting import PATIENCE
from tests.emulator.conftest import Emulator

STACK = "a-stack-whose-name-is-too-long-for-roles"
LOGICAL_ID = "RoleWhoseNameIsTooLongToo"
ROOT = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}


def policy(*actions: str) -> dict[str, Any]:
    """A policy that allows actions on everything."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


TEMPLATE = {
    "Resources": {
        "Boundary": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "ManagedPolicyName": "the-boundary",
                "PolicyDocument": policy("sqs:ListQueues"),
            },
        },
        LOGICAL_ID: {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "PermissionsBoundary": {"Ref": "Boundary"},
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "all",
                        "PolicyDocument": policy("sqs:ListQueues", "s3:ListAllMyBuckets"),
                    }
                ],
            },
        },
    },
    "Outputs": {
        "Name": {"Value": {"Ref": LOGICAL_ID}},
        "Arn": {"Value": {"Fn::GetAtt": [LOGICAL_ID, "Arn"]}},
    },
}


@pytest.fixture(scope="module")
def role(emulator: Emulator) -> Iterator[dict[str, str]]:
    """The outputs of the stack: name and ARN of the role."""
    client = emulator.client("cloudformation")
    client.create_stack(
        StackName=STACK, TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    client.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
    )
    (stack,) = client.describe_stacks(StackName=STACK)["Stacks"]
    yield {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    client.delete_stack(StackName=STACK)


def test_long_name_is_cut_as_on_aws(role: dict[str, str]) -> None:
    suffix = role["Name"].rpartition("-")[2]
    assert role["Name"] == generated_name(STACK, LOGICAL_ID, suffix, 64)
    assert len(role["Name"]) == 64
    assert role["Name"].startswith("a-stack-whose-name-is-too-RoleWhoseNameIsTooLongTo-")


def test_boundary_limits_what_a_policy_grants(emulator: Emulator, role: dict[str, str]) -> None:
    assumed = emulator.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")
    credentials = assumed["Credentials"]
    session = boto3.session.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name="us-east-1",
    )
    session.client("sqs", endpoint_url=emulator.url).list_queues()
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("s3", endpoint_url=emulator.url).list_buckets()
