"""The stacks keep to cfn-lint, to our own rules, and to what the code expects of them."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import (  # type: ignore[import-untyped] # it has no types
    ManualArgs,
    lint_by_config,
)
from cfnlint.decode import decode_str  # type: ignore[import-untyped] # it has no types

from phaseline.deploy.parameters import read
from phaseline.deploy.plan import EVERY, FUNCTIONS, TEMPLATES
from tests.contract import template_rules as rules
from tests.contract.template_rules import RULES, Rule, Template, resources
from tests.templates import Resolved, load_stack

ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "infra").glob("*.yaml"))
PARAMETERS = sorted((ROOT / "infra/parameters").glob("*.json"))
HANDLERS = sorted((ROOT / "lambdas").glob("*/handler.py"))
STACKS = ("drift", "registry", "site", "listener", "publish", "slack", "watch", "pipeline")
GIVEN_BY_DEPLOY = {
    "Environment",
    "PipelineName",
    "CloudFormationStack",
    "GithubStack",
    "RegistryStack",
    "SiteStack",
    "PublishStack",
    "SlackStack",
    "CodeBucket",
}
OUTPUTS = {
    "registry": {
        "AlgorithmsTableName",
        "AlgorithmsStreamArn",
        "LedgerTableName",
        "LedgerTableArn",
    },
    "site": {
        "SiteBucketName",
        "SiteBucketArn",
        "MetadataBucketName",
        "MetadataBucketArn",
        "ArtifactBucketName",
        "ArtifactBucketArn",
        "DistributionId",
        "DistributionDomainName",
        "SiteUrl",
    },
    "pipeline": {"PipelineName", "PipelineArn", "ConnectionArn", "BuildProjectName"},
    "github": {
        "DeployRoleArn",
        "PromoteRoleArn",
        "PreviewRoleArn",
        "PromotePolicyArn",
        "SlackPolicyArn",
    },
    "drift": {"DriftRoleArn", "RepairRoleArn"},
    "cloudformation": {"CloudFormationRoleArn"},
}

ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}}]
      Policies: [{PolicyDocument: {Statement: [%s]}}]
"""
PIPELINE = """
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Stages: [{Name: Source, Actions: [{Name: Bad, %s}]}]
"""
BAD: list[tuple[Rule, str, str]] = [
    (rules.described, "no sentence", "Parameters: {Name: {Type: String, AllowedPattern: a}}"),
    (
        rules.described,
        "takes any value",
        "Parameters: {Name: {Type: String, Description: A name.}}",
    ),
    (rules.grouped, "stands in 0 groups", "Parameters: {Name: {Type: String}}"),
    (rules.exported, "not exported", "Outputs: {Id: {Description: An id., Value: a}}"),
    (
        rules.exported,
        "not exported",
        "Outputs: {Id: {Description: Id., Value: a, Export: {Name: Id}}}",
    ),
    (rules.protected_buckets, "not encrypted", "  Bucket: {Type: AWS::S3::Bucket}"),
    (rules.protected_buckets, "does not block", "  Bucket: {Type: AWS::S3::Bucket}"),
    (rules.protected_buckets, "other owners", "  Bucket: {Type: AWS::S3::Bucket}"),
    (
        rules.protected_buckets,
        "name of its own",
        "  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: taken}}",
    ),
    (rules.tls_only, "without TLS", "  Bucket: {Type: AWS::S3::Bucket}"),
    (rules.tls_only, "without TLS", "  Queue: {Type: AWS::SQS::Queue}"),
    (rules.encrypted, "not encrypted", "  Table: {Type: AWS::DynamoDB::Table}"),
    (rules.encrypted, "point in time", "  Table: {Type: AWS::DynamoDB::Table}"),
    (rules.encrypted, "not encrypted", "  Queue: {Type: AWS::SQS::Queue}"),
    (
        rules.retained,
        "not retained",
        "  Table: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain}",
    ),
    (rules.narrow_actions, "s3:Get*", ROLE % "{Effect: Allow, Action: 's3:Get*', Resource: a}"),
    (
        rules.narrow_actions,
        "s3:Put*",
        "  Policy: {Type: AWS::IAM::Policy, Properties: {PolicyDocument: {Statement:"
        " [{Effect: Allow, Action: 's3:Put*', Resource: a}]}}}",
    ),
    (rules.narrow_actions, "all but", ROLE % "{Effect: Allow, NotAction: a, Resource: a}"),
    (
        rules.narrow_resources,
        "on everything",
        ROLE % "{Effect: Allow, Action: [s3:GetObject], Resource: '*'}",
    ),
    (
        rules.missing_is_told,
        "can't tell a missing object",
        ROLE % "{Effect: Allow, Action: [s3:ListBucket], Resource: a,"
        " Condition: {StringLike: {'s3:prefix': 'metadata/*'}}}",
    ),
    (
        rules.one_service_trusted,
        "trusts",
        (ROLE % "").replace("lambda.amazonaws.com", "[a.amazonaws.com, b.amazonaws.com]"),
    ),
    (
        rules.one_service_trusted,
        "trusts",
        (ROLE % "").replace("{Service: lambda.amazonaws.com}", "{AWS: '*'}"),
    ),
    (
        rules.one_service_trusted,
        "trusts any sub",
        (ROLE % "").replace("{Service: lambda.amazonaws.com}", "{Federated: a}"),
    ),
    (
        rules.one_service_trusted,
        "trusts any workflow",
        (ROLE % "").replace("{Service: lambda.amazonaws.com}", "{Federated: a}"),
    ),
    (
        rules.one_service_trusted,
        "trusts a subject by names",
        (ROLE % "").replace(
            "{Service: lambda.amazonaws.com}",
            "{Federated: a}, Condition: {StringEquals: {"
            "'token.actions.githubusercontent.com:sub': 'repo:acme/automation:environment:x'}}",
        ),
    ),
    (
        rules.one_service_trusted,
        "trusts every branch",
        (ROLE % "").replace(
            "{Service: lambda.amazonaws.com}",
            "{Federated: a}, Condition: {StringEquals: {"
            "'token.actions.githubusercontent.com:sub': 'repo:a@1/b@2:environment:x'}}",
        ),
    ),
    (
        rules.one_service_trusted,
        "of another kind",
        (ROLE % "").replace(
            "{Service: lambda.amazonaws.com}",
            "{Federated: a}, Condition: {ForAnyValue:StringLike: {a: b}}",
        ),
    ),
    (rules.bounded, "no permissions boundary", ROLE % ""),
    (
        rules.role_of_its_own,
        "2 functions share",
        "  A: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn}}\n"
        "  B: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn}}",
    ),
    (
        rules.helpful_alarms,
        "no remedy",
        "  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmDescription: Errors.}}",
    ),
    (rules.helpful_alarms, "reaches nobody", "  Alarm: {Type: AWS::CloudWatch::Alarm}"),
    (rules.helpful_alarms, "no data", "  Alarm: {Type: AWS::CloudWatch::Alarm}"),
    (
        rules.helpful_alarms,
        "no data",
        "  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {TreatMissingData: notBreaching,"
        " ComparisonOperator: LessThanThreshold}}",
    ),
    (
        rules.guarded_targets,
        "drops",
        "  Rule: {Type: AWS::Events::Rule, Properties: {Targets: [{Id: a, Arn: b}]}}",
    ),
    (
        rules.modern_sources,
        "ThirdParty",
        PIPELINE % "ActionTypeId: {Category: Source, Owner: ThirdParty, Provider: GitHub}",
    ),
    (
        rules.modern_sources,
        "polls",
        PIPELINE % "ActionTypeId: {Category: Source, Owner: AWS, Provider: S3}",
    ),
    (
        rules.portable,
        "arn:aws",
        "  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: 'arn:aws:sns:a'}}",
    ),
]


def properties(template: Template, name: str) -> dict[str, Any]:
    """The properties of one resource."""
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_linted() -> None:
    """cfn-lint, which loads its rules once for all templates, finds nothing, not even a warning."""
    found = lint_by_config(ManualArgs(templates=[str(path) for path in PATHS]))
    assert [str(match) for match in found] == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_sent_whole(path: Path) -> None:
    """A template is small enough to go with the request, in bytes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    assert path.stat().st_size <= 51_200


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_template_has_one_purpose(path: Path) -> None:
    """A template that grows beyond 26 KiB is to be split (docs/decisions/0020)."""
    assert path.stat().st_size <= 26 * 1024


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_kept(path: Path, rule: Rule) -> None:
    """Every template keeps to every rule."""
    assert list(rule(load_stack(path.stem))) == []


@pytest.mark.parametrize(("rule", "fault", "text"), BAD)
def test_rule_can_fail(rule: Rule, fault: str, text: str) -> None:
    """Every rule finds the fault that it is there for."""
    head = "Resources: {}\n" if not text.startswith(("  ", "\n")) else "Resources:\n"
    template, _ = decode_str(head + text)
    assert any(fault in found for found in rule(template))


def test_every_rule_was_seen_to_fail() -> None:
    """No rule is without a template that breaks it."""
    assert {rule for rule, _, _ in BAD} == set(RULES)


def test_no_other_templates() -> None:
    """The stacks of a deploy are all that there is to check."""
    assert {path.stem for path in PATHS} == {TEMPLATES[name] for name in EVERY}


@pytest.mark.parametrize("stack", OUTPUTS)
def test_outputs(stack: str) -> None:
    """A stack gives what other stacks and the commands read from it."""
    assert load_stack(stack)["Outputs"].keys() >= OUTPUTS[stack]


@pytest.mark.parametrize("stack", STACKS)
def test_imports_are_exported(stack: str) -> None:
    """Whatever a stack imports, the stack that it names exports."""
    for name, key in _imports(load_stack(stack)):
        exporter = name.removesuffix("Stack").lower()
        assert key in load_stack(exporter)["Outputs"], f"{stack} imports {key} from {exporter}"


def _imports(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        if "Fn::ImportValue" in value:
            stack, _, key = value["Fn::ImportValue"]["Fn::Sub"].partition("}-")
            return [(stack.removeprefix("${"), key)]
        return [found for one in value.values() for found in _imports(one)]
    if isinstance(value, list):
        return [found for one in value for found in _imports(one)]
    return []


@pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: path.name)
def test_parameter_files(path: Path) -> None:
    """A parameters file names parameters only that its template, or any for `common`, declares."""
    sections = read(path.read_text("utf-8"), str(path), EVERY)
    declared = {stack: load_stack(stack)["Parameters"].keys() for stack in EVERY}
    assert sections.get("common", {}).keys() <= set().union(*declared.values())
    for stack, names in declared.items():
        assert sections.get(stack, {}).keys() <= names


def test_example_is_complete() -> None:
    """With the example's values nothing is left for a person to give."""
    path = ROOT / "infra/parameters/production.example.json"
    sections = read(path.read_text("utf-8"), str(path), EVERY)
    for stack in EVERY:
        parameters = load_stack(stack)["Parameters"]
        needed = {name for name, one in parameters.items() if "Default" not in one}
        keys = {name for name in needed if name.endswith("CodeKey")}
        given = sections["common"].keys() | sections.get(stack, {}).keys()
        assert needed - keys - GIVEN_BY_DEPLOY <= given


@pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: path.name)
def test_parameter_values(path: Path) -> None:
    """The values of a parameters file are such as the templates allow."""
    sections = read(path.read_text("utf-8"), str(path), EVERY)
    for stack in EVERY:
        values = {**sections.get("common", {}), **sections.get(stack, {})}
        for name, parameter in load_stack(stack)["Parameters"].items():
            value = values.get(name, parameter.get("Default"))
            if value is not None and "AllowedPattern" in parameter:
                assert re.fullmatch(parameter["AllowedPattern"], value), f"{stack}: {name}"


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_environment_variables(path: Path) -> None:
    """A function gets the variables that its handler reads, and no others."""
    name = "".join(word.title() for word in path.parent.name.split("_"))
    function = properties(load_stack(FUNCTIONS[path.parent.name]), name)
    assert _variables(path.read_text("utf-8")) == function["Environment"]["Variables"].keys()


def _variables(source: str) -> set[str]:
    """The names in `os.environ["NAME"]` and `os.environ.get("NAME")`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Subscript(
                    value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))
                )
                | ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
                    args=[ast.Constant(value=str(name)), *_],
                )
            ):
                names.add(name)
    return names


def test_variables_are_found() -> None:
    """Both ways to read a variable are seen."""
    assert _variables("os.environ['A']; os.environ.get('B', '')") == {"A", "B"}


def test_mapping() -> None:
    """The stream reaches the listener filtered, in order, with bounds, and nothing is lost."""
    mapping = properties(load_stack("listener"), "StreamMapping")
    patterns = [
        json.loads(one["Pattern"]["Fn::Sub"]) for one in mapping["FilterCriteria"]["Filters"]
    ]
    assert patterns == [
        {"dynamodb": {image: {"${PhaseAttribute}": {kind: ["${Phase}"]}}}}
        for image in ("NewImage", "OldImage")
        for kind in ("S", "N")
    ]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["ParallelizationFactor"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 0 < mapping["MaximumRetryAttempts"] <= 100
    assert 0 < mapping["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"] == [
        "FailureBucket",
        "Arn",
    ]


@pytest.mark.parametrize(("before", "enabled"), [("", True), ("staging", False)])
def test_a_later_environment_takes_nothing_from_the_stream(before: str, enabled: bool) -> None:
    """Its versions come by promotion from the environment before it, and on no other way."""
    parameters = {"PromotesFrom": before, "RegistryStack": "r", "SiteStack": "s"}
    template = Resolved("listener", parameters)
    enable = template.template["Resources"]["StreamMapping"]["Properties"]["Enabled"]
    assert template.value(enable) is enabled


def test_pipeline() -> None:
    """Four sources, one build of all of them, publish, two announcements at once, verify."""
    pipeline = properties(load_stack("pipeline"), "Pipeline")
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "QUEUED")
    stages = {
        stage["Name"]: {action["Name"]: action for action in stage["Actions"]}
        for stage in pipeline["Stages"]
    }
    assert {name: sorted(actions) for name, actions in stages.items()} == {
        "Source": ["Frontend", "In", "Opt", "Out"],
        "Build": ["Build"],
        "Publish": ["Publish"],
        "Announce": ["Invalidate", "Notify"],
        "Verify": ["Verify"],
    }
    assert {action["RunOrder"] for action in stages["Announce"].values()} == {1}
    frontend = stages["Source"]["Frontend"]
    assert frontend["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"
    build = stages["Build"]["Build"]
    assert [artifact["Name"] for artifact in build["InputArtifacts"]] == [
        "FrontendSource",
        "InMetadata",
        "OptMetadata",
        "OutMetadata",
    ]
    assert build["Configuration"]["PrimarySource"] == "FrontendSource"
    variables = json.loads(build["Configuration"]["EnvironmentVariables"])
    assert {one["name"]: one["value"] for one in variables} == {
        "PIPELINE_EXECUTION_ID": "#{codepipeline.PipelineExecutionId}",
        "FRONTEND_COMMIT": "#{Frontend.CommitId}",
        "IN_VERSION_ID": "#{In.VersionId}",
        "OPT_VERSION_ID": "#{Opt.VersionId}",
        "OUT_VERSION_ID": "#{Out.VersionId}",
    }


@pytest.mark.parametrize("type_", ["In", "Opt", "Out"])
def test_start_rules(type_: str) -> None:
    """A document's rule starts the pipeline with the version of that document that was written."""
    rule = properties(load_stack("pipeline"), f"{type_}Changed")
    assert rule["EventPattern"]["detail"]["object"] == {"key": [f"metadata/{type_.lower()}.zip"]}
    transformer = rule["Targets"][0]["InputTransformer"]
    assert transformer["InputPathsMap"] == {"version": "$.detail.object.version-id"}
    assert json.loads(transformer["InputTemplate"]) == {
        "sourceRevisions": [
            {
                "actionName": type_,
                "revisionType": "S3_OBJECT_VERSION_ID",
                "revisionValue": "<version>",
            }
        ]
    }


def test_metadata_versions_stay() -> None:
    """No lifecycle rule ends a version of a document, because a rollback needs it."""
    bucket = properties(load_stack("site"), "MetadataBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    ending = {"ExpirationInDays", "ExpirationDate", "NoncurrentVersionExpiration"}
    assert all(not ending & one.keys() for one in bucket["LifecycleConfiguration"]["Rules"])


def test_code_stays() -> None:
    """What expires in the artifact bucket lies under the pipeline's name, where no code is."""
    bucket = properties(load_stack("site"), "ArtifactBucket")
    ending = [one for one in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in one]
    assert [one["Prefix"] for one in ending] == [{"Fn::Sub": "${PipelineName}/"}]


def test_alarmed_metrics() -> None:
    """Every metric that the code emits has its alarm."""
    alarms = [
        alarm
        for stack in ("listener", "slack", "watch")
        for _, alarm in resources(load_stack(stack), "AWS::CloudWatch::Alarm")
        if alarm["Namespace"] == "Phaseline"
    ]
    assert {alarm["MetricName"] for alarm in alarms} == {
        "DispatchFailed",
        "SlackMessageLost",
        "RecordRejected",
        "AutomaticRollback",
        "DriftChecked",
    }
    for alarm in alarms:
        assert alarm["Dimensions"] == [{"Name": "Environment", "Value": {"Ref": "Environment"}}]
