"""A look at the infrastructure: what each check finds and says, and what one that fails leaves."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from phaseline.deploy.plan import EVERY
from phaseline.drift.code_check import redeploy
from phaseline.drift.deployed import Checkout, CheckResult, Clients, Deployed
from phaseline.drift.function_code import Redeployment
from phaseline.drift.infrastructure import InfrastructureCheck
from phaseline.drift.report import Finding, Repair
from phaseline.errors import ConfigurationError, RefusedError
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


def test_environment_as_declared_has_no_findings(cloud: Cloud) -> None:
    """Resources without drift detection are listed as unchecked, except pipelines."""
    found = cloud.look()
    assert (found.findings, found.failures) == ((), ())
    assert "stack phaseline-demo-site: Policy (AWS::S3::BucketPolicy)" in found.unchecked
    assert not any("CodePipeline" in name for name in found.unchecked)
    assert cloud.asked == ["codeconnections"]


def test_missing_stack_is_a_finding(cloud: Cloud) -> None:
    """The stacks of the roles are optional."""
    del cloud.statuses["watch"], cloud.statuses["github"]
    found = cloud.look()
    finding = one(found)
    assert (finding.kind, finding.subject) == ("missing-stack", "stack phaseline-demo-watch")
    assert finding.file == "infra/watch.yaml"
    assert "python -m scripts deploy --environment demo" in finding.sentence
    assert "stack phaseline-demo-github: it is not deployed" in found.unchecked


def test_changing_stack_is_a_failure_and_the_others_are_checked(cloud: Cloud) -> None:
    cloud.statuses["publish"], cloud.runs = "UPDATE_IN_PROGRESS", OTHER
    cloud.status = "PENDING"
    found = cloud.look()
    assert [(one.subject, one.sentence) for one in found.failures] == [
        (
            "stack phaseline-demo-publish",
            "An operation is in progress (UPDATE_IN_PROGRESS). Run the check again after it.",
        )
    ]
    assert [one.kind for one in found.findings] == ["connection"]


def test_deploy_during_the_check_is_not_drift(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:

    def deployed(**_: str) -> Any:
        cloud.updated += timedelta(minutes=1)
        return {"Configuration": {"CodeSha256": OTHER}}

    monkeypatch.setattr(cloud, "get_function", deployed)
    found = cloud.look()
    assert found.findings == ()
    assert [(one.subject, one.sentence) for one in found.failures] == [
        (
            "stack phaseline-demo-publish",
            "The stack changed during the check. Run the check again.",
        )
    ]


def test_parameters_without_a_file_are_unchecked(cloud: Cloud) -> None:
    cloud.parameters["Channel"], cloud.has_parameters = "C2", False
    found = cloud.look()
    assert (found.findings, found.failures) == ((), ())
    unchecked = (
        "stack phaseline-demo-publish: its parameters, because the checkout has no parameters file"
        " for them"
    )
    assert unchecked in found.unchecked


@pytest.mark.parametrize("operation", ["DescribeStacks", "GetTemplate", "DetectStackDrift"])
def test_failed_check_does_not_stop_the_others(cloud: Cloud, operation: str) -> None:
    cloud.refusing, cloud.status = {(operation, "registry")}, "ERROR"
    found = cloud.look()
    [failure] = found.failures
    assert failure.subject == "stack phaseline-demo-registry"
    assert operation in failure.sentence
    assert [one.kind for one in found.findings] == ["connection"]


def test_unknown_resource_drift_is_a_failure(cloud: Cloud) -> None:
    cloud.drifts["registry"] = [drift("Thing", "AWS::SQS::Queue", "UNKNOWN")]
    found = cloud.look()
    assert found.findings == ()
    assert [one.subject for one in found.failures] == ["stack phaseline-demo-registry"]


def test_drifted_resource_is_found_with_values_and_line(cloud: Cloud) -> None:
    """Pipelines are compared separately."""
    cloud.drifts["registry"] = [drift("Thing", "AWS::SQS::Queue", "MODIFIED", Delay="two")]
    cloud.drifts["pipeline"] = [drift("Pipeline", "AWS::CodePipeline::Pipeline", "MODIFIED")]
    finding = one(cloud.look())
    assert (finding.kind, finding.found) == (
        "stack-drift",
        "Thing: /Delay: expected one, found two",
    )
    assert (finding.file, finding.line) == ("infra/registry.yaml", 2)
    assert "Thing (AWS::SQS::Queue) of stack phaseline-demo-registry" in finding.sentence


def test_deleted_resource_is_found(cloud: Cloud) -> None:
    cloud.drifts["registry"] = [drift("Thing", "AWS::SQS::Queue", "DELETED")]
    assert one(cloud.look()).found == "Thing: it is gone"


def test_long_sentence_is_shortened_but_found_is_complete(cloud: Cloud) -> None:
    values = {f"Property{number:03}": str(number) * 300 for number in range(100)}
    cloud.drifts["registry"] = [drift("Thing", "AWS::SQS::Queue", "MODIFIED", **values)]
    finding = one(cloud.look())
    assert len(finding.sentence) < 2_500
    assert "and 90 more" in finding.sentence
    assert "Property099" in finding.found


def test_other_template_and_parameter_are_found_with_their_lines(cloud: Cloud) -> None:
    cloud.texts["publish"] += "    Properties: {MemorySize: 128}\n"
    cloud.parameters["Channel"] = "C2"
    template, parameter = cloud.look().findings
    assert (template.kind, template.found) == ("template", "Resources.SitePublisher differs")
    assert (template.file, template.line) == ("infra/publish.yaml", 4)
    assert (parameter.kind, parameter.line) == ("parameter", 2)
    assert parameter.found == "Channel: expected 'C1', found 'C2'"


def test_outdated_code_is_found_without_repair(cloud: Cloud) -> None:
    """Only a deploy can fix it."""
    cloud.parameters["SitePublisherCodeKey"] = f"code/site_publisher/{'f' * 64}-{'f' * 64}.zip"
    cloud.runs = "/" * 42 + "8="
    finding = one(cloud.look())
    assert (finding.kind, finding.subject) == ("code", "function site_publisher")
    assert finding.repair is None
    assert "declares other code for" in finding.sentence


def test_manually_changed_code_can_be_redeployed(cloud: Cloud) -> None:
    cloud.runs = OTHER
    finding = one(cloud.look())
    assert finding.repair == Repair("redeploy", {"function": "site_publisher"})
    assert (finding.file, finding.line) == ("infra/publish.yaml", 4)


def test_changed_pipeline_and_disabled_stage_are_found(cloud: Cloud) -> None:
    cloud.pipeline["stages"][0]["actions"][0]["configuration"]["S3Bucket"] = "mine"
    cloud.closed = "Build"
    definition, closed = cloud.look().findings
    path = "stages.Source.actions.Opt.configuration.S3Bucket"
    assert definition.found == f"{path}: expected documents, found mine"
    assert (definition.file, definition.line) == ("infra/pipeline.yaml", 6)
    assert closed.found == "Build is closed"
    assert "enable-stage-transition --pipeline-name site --stage-name Build" in closed.sentence


def test_deleted_pipeline_is_found(cloud: Cloud) -> None:
    """CloudFormation does not detect it."""
    cloud.pipeline = {}
    assert one(cloud.look()).found == "missing"


def test_unresolved_value_of_a_pipeline_is_a_failure(cloud: Cloud) -> None:
    del cloud.statuses["site"]
    found = cloud.look()
    assert [one.kind for one in found.findings] == ["missing-stack"]
    [failure] = found.failures
    assert (failure.subject, "export site-Bucket" in failure.sentence) == ("pipeline site", True)


def test_stack_without_outputs_is_a_failure(cloud: Cloud) -> None:
    cloud.statuses["pipeline"], cloud.runs = "ROLLBACK_COMPLETE", OTHER
    found = cloud.look()
    assert [one.kind for one in found.findings] == ["code"]
    assert [one.subject for one in found.failures] == [
        "pipeline of phaseline-demo-pipeline",
        "connection",
    ]
    assert "(ROLLBACK_COMPLETE): it has no output PipelineName" in found.failures[0].sentence


@pytest.mark.parametrize("status", ["PENDING", "ERROR", "missing", "A_NEW_STATUS"])
def test_unavailable_connection_is_found(cloud: Cloud, status: str) -> None:
    cloud.status = status
    finding = one(cloud.look())
    assert (finding.kind, finding.found, finding.repair) == ("connection", status, None)
    assert finding.subject == f"connection {ARN}"


def test_only_selected_stacks_are_checked(cloud: Cloud) -> None:
    """The others are described, because they export values."""
    cloud.status, cloud.runs = "ERROR", OTHER
    del cloud.statuses["watch"]
    assert [one.kind for one in cloud.look(selected=["publish"]).findings] == ["code"]
    assert [one.kind for one in cloud.look(selected=["pipeline"]).findings] == ["connection"]


def test_same_drift_has_the_same_key(cloud: Cloud) -> None:
    cloud.runs, cloud.closed, cloud.parameters["Channel"] = OTHER, "Build", "C2"
    first, second = cloud.look(), cloud.look()
    assert [one.key for one in first.findings] == [one.key for one in second.findings]
    assert len({one.key for one in first.findings}) == 3


@pytest.mark.parametrize(
    ("status", "error"), [(None, ConfigurationError), ("UPDATE_IN_PROGRESS", RefusedError)]
)
def test_function_of_a_changing_or_missing_stack_is_not_redeployed(
    cloud: Cloud, status: str | None, error: type[Exception]
) -> None:
    del cloud.statuses["publish"]
    cloud.statuses |= {"publish": status} if status else {}
    given: Any = cloud
    with pytest.raises(error):
        redeploy(given, Redeployment(given, given, lambda: 0.0, print), "demo", "site_publisher")
