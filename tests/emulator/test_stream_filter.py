"""The filters of infra/listener.yaml, deployed on a table's stream, and the records that pass."""

import json
from typing import Any

import pytest

from local.waiting import PATIENCE
from phaseline.algorithms.changes import Ignored, changes_of
from phaseline.algorithms.records import records_in
from phaseline.algorithms.schema import Schema
from tests import templates
from tests.emulator.conftest import Emulator
from tests.waiting import eventually

KEEP = """
import json, os, boto3
s3 = boto3.client("s3")
def handler(event, context):
    for record in event["Records"]:
        number = record["dynamodb"]["SequenceNumber"]
        s3.put_object(Bucket=os.environ["BUCKET"], Key=f"{number:0>40}", Body=json.dumps(record))
    return {"batchItemFailures": []}
"""


def template() -> dict[str, Any]:
    """A table, a function that keeps its records, and a mapping with the listener's filters."""
    mapping = templates.load("listener")["Resources"]["StreamMapping"]["Properties"]
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": "*"}
        for action in ("dynamodb:*", "s3:PutObject", "logs:*")
    ]
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = {"Version": "2012-10-17"}
    resources = {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "algorithm", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "algorithm", "KeyType": "HASH"}],
                "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": document | {"Statement": [trust]},
                "Policies": [
                    {"PolicyName": "p", "PolicyDocument": document | {"Statement": statements}}
                ],
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.14",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Environment": {"Variables": {"BUCKET": {"Ref": "Bucket"}}},
                "Code": {"ZipFile": KEEP},
            },
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "EventSourceArn": {"Fn::GetAtt": ["Table", "StreamArn"]},
                "FilterCriteria": mapping["FilterCriteria"],
                "StartingPosition": mapping["StartingPosition"],
                "FunctionResponseTypes": mapping["FunctionResponseTypes"],
            },
        },
    }
    return {
        "Parameters": {name: {"Type": "String"} for name in ("Phase", "PhaseAttribute")},
        "Resources": resources,
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Table", "Bucket")},
    }


def deploy(emulator: Emulator, name: str, phase: str) -> dict[str, str]:
    """Deploy the template: the names of its table and of its bucket."""
    cloudformation = emulator.client("cloudformation")
    given = {"Phase": phase, "PhaseAttribute": "state"}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template()),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


@pytest.mark.parametrize(
    ("phase", "complete", "other"),
    [
        ("READY", {"S": "READY"}, {"S": "READY."}),
        ("3", {"N": "3"}, {"N": "33"}),
        ("3", {"S": "3"}, {"N": "2"}),
    ],
)
def test_records_into_and_out_of_the_phase_pass_as_text_and_as_number(
    emulator: Emulator, phase: str, complete: dict[str, str], other: dict[str, str]
) -> None:
    name = f"filter-{phase}-{next(iter(complete))}"
    outputs = deploy(emulator, name, phase)
    dynamodb, s3 = emulator.client("dynamodb"), emulator.client("s3")
    schema = Schema(phase=phase, phase_attribute="state")

    def put(algorithm: str, state: dict[str, str], version: str = "1.0") -> None:
        texts = {"algorithm": algorithm, "version": version, "type": "opt"}
        item: dict[str, Any] = {key: {"S": value} for key, value in texts.items()}
        display = {"M": {"rank": {"N": "3"}, "tags": {"SS": ["b", "a"]}, "new": {"BOOL": True}}}
        dynamodb.put_item(
            TableName=outputs["Table"], Item=item | {"state": state, "display": display}
        )

    def kept() -> list[dict[str, Any]]:
        keys = [
            one["Key"] for one in s3.list_objects_v2(Bucket=outputs["Bucket"]).get("Contents", [])
        ]
        bodies = (s3.get_object(Bucket=outputs["Bucket"], Key=key)["Body"] for key in sorted(keys))
        return [json.loads(body.read()) for body in bodies]

    put("a", other)
    put("a", complete)
    put("a", {"BOOL": True})  # type: ignore[dict-item] # of no type that a phase has
    put("b", other)
    put("b", complete, "2.0")
    put("b", complete, "3.0")
    put("b", other, "4.0")
    put("last", complete)
    eventually(
        lambda: any(record["dynamodb"]["Keys"]["algorithm"]["S"] == "last" for record in kept())
    )

    records = records_in({"Records": kept()})
    answers = [changes_of(record, schema) for record in records]
    changes = [each for answer in answers if not isinstance(answer, Ignored) for each in answer]
    assert [(each.action, each.algorithm, each.version) for each in changes] == [
        ("promote", "a", "1.0"),
        ("withdraw", "a", "1.0"),
        ("promote", "b", "2.0"),
        ("promote", "b", "3.0"),
        ("promote", "last", "1.0"),
    ]
    assert len(records) == len(changes) + 1
    assert {each.stream.partition("/")[0] for each in changes} == {outputs["Table"]}
    assert changes[0].display == {"rank": 3, "tags": ["a", "b"], "new": True}
