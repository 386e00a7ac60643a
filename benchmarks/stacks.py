"""Many environments of small stacks, and a look at them.

Each has the stacks and functions of a real one, with templates that have a few resources and
nothing that works by itself: a benchmark measures the look, not what pipelines and streams do.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from phaseline import archive
from phaseline.deploy import content
from phaseline.deploy.code_key import CodeKey
from phaseline.deploy.plan import EVERY, FUNCTIONS, STACKS, key_parameter, resource
from phaseline.drift.deployed import Checkout, Clients, Deployed
from phaseline.drift.infrastructure import InfrastructureCheck
from scripts.deploy import templates

BUCKET = "benchmark"
CODE = archive.pack({"handler.py": b"def handler(event, context): ...\n"})
WRITERS = 8
QUEUES = 5
"""Resources of each stack beside its functions and its pipeline."""


def key(function: str) -> str:
    """Where a function's package is, as deploy calls it."""
    return str(CodeKey(function, content.digest(CODE), hashlib.sha256(CODE).hexdigest()))


def template(short: str) -> str:
    """The template of a stack."""
    functions = [name for name, stack in FUNCTIONS.items() if stack == short]
    resources: dict[str, Any] = {
        f"Queue{number}": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": number}}
        for number in range(QUEUES)
    }
    outputs = {}
    for name in functions:
        code = {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": key_parameter(name)}}
        role = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/function"}
        properties = {
            "Runtime": "python3.14", "Handler": "handler.handler", "Role": role, "Code": code,
        }  # fmt: skip
        resources[resource(name)] = {"Type": "AWS::Lambda::Function", "Properties": properties}
        outputs[f"{resource(name)}FunctionName"] = {"Value": {"Ref": resource(name)}}
    if short == "pipeline":
        resources |= _pipeline()
        outputs |= {
            "PipelineName": {"Value": {"Ref": "Pipeline"}},
            "ConnectionArn": {"Value": {"Ref": "Connection"}},
        }
    parameters = {
        name: {"Type": "String"} for name in ("CodeBucket", *map(key_parameter, functions))
    }
    body = {"Parameters": parameters, "Resources": resources, "Outputs": outputs}
    return json.dumps(body, indent=1)


def _pipeline() -> dict[str, Any]:
    """A pipeline whose source has nothing, so that it never runs for long."""

    def action(name: str, category: str, settings: dict[str, str], **artifacts: Any) -> Any:
        type_ = {"Category": category, "Owner": "AWS", "Provider": "S3", "Version": "1"}
        return {"Name": name, "ActionTypeId": type_, "Configuration": settings, **artifacts}

    source = {"S3Bucket": BUCKET, "S3ObjectKey": "missing.zip", "PollForSourceChanges": "false"}
    target = {"BucketName": BUCKET, "Extract": "true"}
    stages = [
        action("Read", "Source", source, OutputArtifacts=[{"Name": "Source"}]),
        action("Write", "Deploy", target, InputArtifacts=[{"Name": "Source"}]),
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}}
    policy = {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
    connection = {
        "ConnectionName": {"Fn::Sub": "${AWS::StackName}"}, "ProviderType": "GitHub",
    }  # fmt: skip
    pipeline = {
        "Name": {"Fn::Sub": "${AWS::StackName}"},
        "RoleArn": {"Fn::GetAtt": "Role.Arn"},
        "ArtifactStore": {"Type": "S3", "Location": BUCKET},
        "Stages": [{"Name": one["Name"], "Actions": [one]} for one in stages],
    }
    return {
        "Role": {
            "Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": policy},
        },
        "Connection": {"Type": "AWS::CodeConnections::Connection", "Properties": connection},
        "Pipeline": {"Type": "AWS::CodePipeline::Pipeline", "Properties": pipeline},
    }  # fmt: skip


def parameters(short: str) -> dict[str, str]:
    """The parameters of a stack."""
    keys = {key_parameter(name): key(name) for name, stack in FUNCTIONS.items() if stack == short}
    return {"CodeBucket": BUCKET, **keys}


def create(session: Any, environments: Sequence[str]) -> None:
    """Make the stacks of the environments."""
    s3, cloudformation = session.client("s3"), session.client("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for function in FUNCTIONS:
        s3.put_object(Bucket=BUCKET, Key=key(function), Body=CODE)

    def make(name: str, short: str) -> None:
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=template(short),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in parameters(short).items()
            ],
        )
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    with ThreadPoolExecutor(WRITERS) as pool:
        made = [
            pool.submit(make, f"phaseline-{environment}-{short}", short)
            for environment in environments
            for short in STACKS
        ]
        for one in made:
            one.result()


def look(session: Any, environments: Sequence[str]) -> None:
    """The command's look at each of the environments, one after the other.

    Raises RuntimeError where it does not come to what there is: no difference.
    """
    declared = Checkout(
        {short: templates.read(template(short), short) for short in EVERY},
        {short: parameters(short) for short in EVERY},
        dict.fromkeys(FUNCTIONS, content.digest(CODE)),
    )
    clients = Clients(
        session.client("cloudformation"),
        session.client("lambda"),
        session.client("codepipeline"),
        session.client,
    )
    for environment in environments:
        deployed = Deployed(environment, declared, clients, templates.read)
        found = InfrastructureCheck(deployed, clock=time.monotonic, sleep=time.sleep).run()
        if found.findings or found.failures:
            raise RuntimeError(f"{environment} is as declared, and the look says {found}")
