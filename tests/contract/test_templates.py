"""The templates: their rules, sizes, parameters, outputs and alarms."""

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

from phaseline.algorithms.names import TYPES
from phaseline.deploy.parameters import read
from phaseline.deploy.plan import EVERY, FUNCTIONS, TEMPLATES
from tests.contract.template_faults import BAD
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


def properties(template: Template, name: str) -> dict[str, Any]:
    """The properties of one resource."""
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_linter_finds_nothing() -> None:
    """cfn-lint, which loads its rules once for all templates, finds nothing, not even a warning."""
    found = lint_by_config(ManualArgs(templates=[str(path) for path in PATHS]))
    assert [str(match) for match in found] == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_template_fits_into_one_request(path: Path) -> None:
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
def test_template_follows_every_rule(path: Path, rule: Rule) -> None:
    """Every template keeps to every rule."""
    assert list(rule(load_stack(path.stem))) == []


@pytest.mark.parametrize(("rule", "fault", "text"), BAD)
def test_rule_finds_its_fault(rule: Rule, fault: str, text: str) -> None:
    """Every rule finds the fault that it is there for."""
    head = "Resources: {}\n" if not text.startswith(("  ", "\n")) else "Resources:\n"
    template, _ = decode_str(head + text)
    assert any(fault in found for found in rule(template))


def test_every_rule_has_a_template_that_breaks_it() -> None:
    """No rule is without a template that breaks it."""
    assert {rule for rule, _, _ in BAD} == set(RULES)


def test_every_template_is_deployed() -> None:
    """The stacks of a deploy are all that there is to check."""
    assert {path.stem for path in PATHS} == {TEMPLATES[name] for name in EVERY}


@pytest.mark.parametrize("stack", OUTPUTS)
def test_stack_has_the_outputs_that_others_read(stack: str) -> None:
    """A stack gives what other stacks and the commands read from it."""
    assert load_stack(stack)["Outputs"].keys() >= OUTPUTS[stack]


@pytest.mark.parametrize("stack", STACKS)
def test_every_import_is_exported_by_its_stack(stack: str) -> None:
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
def test_parameters_files_name_declared_parameters(path: Path) -> None:
    """A parameters file names parameters only that its template, or any for `common`, declares."""
    sections = read(path.read_text("utf-8"), str(path), EVERY)
    declared = {stack: load_stack(stack)["Parameters"].keys() for stack in EVERY}
    assert sections.get("common", {}).keys() <= set().union(*declared.values())
    for stack, names in declared.items():
        assert sections.get(stack, {}).keys() <= names


def test_example_has_a_value_for_every_parameter() -> None:
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
def test_values_of_parameters_files_are_allowed(path: Path) -> None:
    """The values of a parameters file are such as the templates allow."""
    sections = read(path.read_text("utf-8"), str(path), EVERY)
    for stack in EVERY:
        values = {**sections.get("common", {}), **sections.get(stack, {})}
        for name, parameter in load_stack(stack)["Parameters"].items():
            value = values.get(name, parameter.get("Default"))
            if value is not None and "AllowedPattern" in parameter:
                assert re.fullmatch(parameter["AllowedPattern"], value), f"{stack}: {name}"


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_function_gets_exactly_the_variables_that_it_reads(path: Path) -> None:
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


def test_both_ways_to_read_a_variable_are_found() -> None:
    """Both ways to read a variable are seen."""
    assert _variables("os.environ['A']; os.environ.get('B', '')") == {"A", "B"}


def test_stream_mapping_keeps_the_order_and_loses_nothing() -> None:
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


def test_pipeline_has_its_stages_in_order() -> None:
    """Four sources, one build of all of them, publish, two announcements at once, verify."""
    pipeline = properties(load_stack("pipeline"), "Pipeline")
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "SUPERSEDED")
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


def test_rule_starts_the_pipeline_with_the_newest_documents() -> None:
    """A new version of each document starts the pipeline, which takes the newest of all three.

    An execution that is pinned to an older version could supersede one that has a newer version.
    """
    rule = properties(load_stack("pipeline"), "DocumentChanged")
    keys = [f"metadata/{type_}.zip" for type_ in TYPES]
    assert rule["EventPattern"]["detail"]["object"] == {"key": keys}
    assert rule["Targets"][0].keys().isdisjoint({"Input", "InputPath", "InputTransformer"})


def test_versions_of_documents_do_not_expire() -> None:
    """No lifecycle rule ends a version of a document, because a rollback needs it."""
    bucket = properties(load_stack("site"), "MetadataBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    ending = {"ExpirationInDays", "ExpirationDate", "NoncurrentVersionExpiration"}
    assert all(not ending & one.keys() for one in bucket["LifecycleConfiguration"]["Rules"])


def test_packages_do_not_expire() -> None:
    """What expires in the artifact bucket lies under the pipeline's name, where no code is."""
    bucket = properties(load_stack("site"), "ArtifactBucket")
    ending = [one for one in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in one]
    assert [one["Prefix"] for one in ending] == [{"Fn::Sub": "${PipelineName}/"}]


def alarms() -> dict[str, list[Any]]:
    """The alarms of all stacks, by their name in the template."""
    found: dict[str, list[Any]] = {}
    for path in PATHS:
        for name, alarm in resources(load_stack(path.stem), "AWS::CloudWatch::Alarm"):
            found.setdefault(name, []).append(alarm)
    return found


def test_every_metric_has_an_alarm() -> None:
    """Every metric that the code emits has its alarm."""
    ours = [
        alarm
        for same in alarms().values()
        for alarm in same
        if alarm.get("Namespace") == "Phaseline"
    ]
    assert {alarm["MetricName"] for alarm in ours} == {
        "Algorithms",
        "AutomaticRollback",
        "ChangesWaiting",
        "DispatchFailed",
        "DriftChecked",
        "ListenerMemory",
        "NotifierBehind",
        "OldestRelease",
        "RecordRejected",
        "SlackMessageLost",
    }
    for alarm in ours:
        assert alarm["Dimensions"] == [{"Name": "Environment", "Value": {"Ref": "Environment"}}]


def test_operations_lists_every_alarm() -> None:
    """Each once, and no other."""
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page.partition("## The alarms")[2], re.MULTILINE)
    assert sorted(listed) == sorted(alarms())
