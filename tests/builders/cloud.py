"""A deployed environment as its stacks, functions, pipeline and connection are read."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from phaseline.deploy.plan import EVERY
from phaseline.drift.deployed import Checkout, CheckResult, Clients, Deployed
from phaseline.drift.infrastructure import InfrastructureCheck
from phaseline.drift.report import Finding
from scripts.deploy import templates

CONTENT = "c" * 64


DIGEST = "0" * 64


SHA256 = "A" * 43 + "="


OTHER = "B" * 43 + "="


ARN = "arn:aws:codeconnections:eu-central-1:111122223333:connection/1"


STACKS = "arn:aws:cloudformation:eu-central-1:111122223333:stack"


PIPELINE = """\
Parameters:
  PipelineName: {Type: String}
Resources:
  Role:
    Type: AWS::IAM::Role
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: !Ref PipelineName
      RoleArn: !GetAtt Role.Arn
      Stages:
        - Name: Source
          Actions: [{Name: Opt, Configuration: {S3Bucket: !ImportValue site-Bucket}}]
        - Name: Build
          Actions: [{Name: Build, Configuration: {ProjectName: site}}]
"""


TEXTS = {
    **dict.fromkeys(EVERY, "Resources:\n  Thing:\n    Type: AWS::SQS::Queue\n"),
    "publish": "Parameters:\n  Channel: {Type: String, Default: C1}\n"
    "Resources:\n  SitePublisher:\n    Type: AWS::Lambda::Function\n",
    "pipeline": PIPELINE,
}


def refused(operation: str, code: str = "AccessDenied", message: str = "No") -> ClientError:
    """What a client raises."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class Cloud:
    """An account in which everything is as the checkout of these tests declares it, until a test
    changes something."""

    texts: dict[str, str] = field(default_factory=lambda: dict(TEXTS))
    statuses: dict[str, str] = field(
        default_factory=lambda: dict.fromkeys(EVERY, "CREATE_COMPLETE")
    )
    parameters: dict[str, str] = field(
        default_factory=lambda: {
            "Channel": "C1",
            "CodeBucket": "artifacts",
            "SitePublisherCodeKey": f"code/site_publisher/{CONTENT}-{DIGEST}.zip",
        }
    )
    drifts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refusing: set[tuple[str, str]] = field(default_factory=set)
    runs: str = SHA256
    closed: str = ""
    status: str = "AVAILABLE"
    pipeline: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "site",
            "roleArn": "arn:aws:iam::111122223333:role/role-1",
            "stages": [
                {"name": "Source", "actions": [opt()]},
                {"name": "Build", "actions": [build()]},
            ],
        }
    )
    asked: list[str] = field(default_factory=list)
    updated: datetime = datetime(2026, 11, 25, tzinfo=UTC)
    has_parameters: bool = True

    def describe_stacks(self, **asked: str) -> Any:
        short = self._short(asked["StackName"], "DescribeStacks")
        if short not in self.statuses:
            raise refused(
                "DescribeStacks", "ValidationError", f"{asked['StackName']} does not exist"
            )
        outputs = {
            "publish": {"SitePublisherFunctionName": "publisher"},
            "pipeline": {"PipelineName": "site", "ConnectionArn": ARN},
            "site": {"Bucket": "documents"},
        }.get(short, {})
        if self.statuses[short] == "ROLLBACK_COMPLETE":
            outputs = {}
        given = {
            "publish": self.parameters,
            "pipeline": {"PipelineName": "site"},
        }.get(short, {})
        stack = {
            "StackId": f"{STACKS}/{asked['StackName']}/1",
            "StackStatus": self.statuses[short],
            "LastUpdatedTime": self.updated,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
            ],
            "Outputs": [
                {"OutputKey": name, "OutputValue": value, "ExportName": f"{short}-{name}"}
                for name, value in outputs.items()
            ],
        }
        return {"Stacks": [stack]}

    def get_template(self, **asked: str) -> Any:
        assert asked["TemplateStage"] == "Original"
        return {"TemplateBody": self.texts[self._short(asked["StackName"], "GetTemplate")]}

    def detect_stack_drift(self, **asked: str) -> Any:
        return {"StackDriftDetectionId": self._short(asked["StackName"], "DetectStackDrift")}

    def describe_stack_drift_detection_status(self, **asked: str) -> Any:
        drifted = "DRIFTED" if self.drifts.get(asked["StackDriftDetectionId"]) else "IN_SYNC"
        return {"DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": drifted}

    def describe_stack_resource_drifts(self, **asked: str) -> Any:
        found = self.drifts.get(self._short(asked["StackName"], "DescribeStackResourceDrifts"), [])
        return {"StackResourceDrifts": found}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        return SimpleNamespace(paginate=lambda **asked: [self._resources(asked["StackName"])])

    def get_function(self, **asked: str) -> Any:
        assert asked["FunctionName"] == "publisher"
        return {"Configuration": {"CodeSha256": self.runs}}

    def get_pipeline(self, name: str) -> Any:
        if not self.pipeline:
            raise self.exceptions.PipelineNotFoundException(
                {"Error": {"Code": "PipelineNotFoundException", "Message": name}}, "GetPipeline"
            )
        return {"pipeline": self.pipeline}

    def get_pipeline_state(self, name: str) -> Any:
        stages = [stage["name"] for stage in self.pipeline["stages"]]
        assert name == "site"
        return {
            "stageStates": [
                {"stageName": one, "inboundTransitionState": {"enabled": one != self.closed}}
                for one in stages
            ]
        }

    def get_connection(self, **asked: str) -> Any:
        if self.status == "missing":
            raise self.exceptions.ResourceNotFoundException(
                {"Error": {"Code": "ResourceNotFoundException"}}, "GetConnection"
            )
        return {
            "Connection": {"ConnectionArn": asked["ConnectionArn"], "ConnectionStatus": self.status}
        }

    @property
    def exceptions(self) -> Any:
        functions, pipelines = boto3.client("lambda"), boto3.client("codepipeline")
        return SimpleNamespace(
            ResourceNotFoundException=functions.exceptions.ResourceNotFoundException,
            PipelineNotFoundException=pipelines.exceptions.PipelineNotFoundException,
        )

    def look(self, **changes: Any) -> CheckResult:
        """What is found in it."""
        code = {"site_publisher": CONTENT}
        declared = {short: templates.read(text, short) for short, text in TEXTS.items()}
        parameters: dict[str, dict[str, str]] = {short: {} for short in EVERY}
        parameters["pipeline"] = {"PipelineName": "site"}
        cloud: Any = self
        deployed = Deployed(
            "demo",
            Checkout(declared, parameters, code, self.has_parameters),
            Clients(cloud, cloud, cloud, self._connections),
            templates.read,
        )
        look = InfrastructureCheck(
            deployed,
            clock=lambda: 0.0,
            sleep=lambda _seconds: None,
        )
        return replace(look, **changes).run()

    def _connections(self, service: str) -> Any:
        self.asked.append(service)
        return self

    def _short(self, stack: str, operation: str) -> str:
        short = stack.removeprefix("phaseline-demo-")
        if (operation, short) in self.refusing:
            raise refused(operation)
        return short

    def _resources(self, stack: str) -> Any:
        types = {
            "pipeline": {"Role": "AWS::IAM::Role", "Pipeline": "AWS::CodePipeline::Pipeline"},
            "site": {"Policy": "AWS::S3::BucketPolicy"},
        }.get(stack.removeprefix("phaseline-demo-"), {})
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": name,
                    "PhysicalResourceId": f"{name.lower()}-1",
                    "ResourceType": type_,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for name, type_ in types.items()
            ]
        }


def opt() -> dict[str, Any]:
    """The source action as the API shows it."""
    return {"name": "Opt", "configuration": {"S3Bucket": "documents"}, "runOrder": 1}


def build() -> dict[str, Any]:
    """The build action as the API shows it."""
    return {"name": "Build", "configuration": {"ProjectName": "site"}, "runOrder": 1}


def drift(resource: str, type_: str, status: str, **values: str) -> dict[str, Any]:
    """A resource's drift as CloudFormation answers it; `values` are found where `one` is."""
    return {
        "LogicalResourceId": resource,
        "ResourceType": type_,
        "StackResourceDriftStatus": status,
        "PropertyDifferences": [
            {
                "PropertyPath": f"/{name}",
                "DifferenceType": "NOT_EQUAL",
                "ExpectedValue": "one",
                "ActualValue": value,
            }
            for name, value in values.items()
        ],
    }


def one(found: CheckResult) -> Finding:
    """The only finding, where nothing failed."""
    assert found.failures == ()
    [finding] = found.findings
    return finding


@pytest.fixture
def cloud() -> Cloud:
    """The account."""
    return Cloud()
