"""The check of stacks, code, pipeline and connection."""

from datetime import timedelta
from typing import Any

import pytest

from phaseline.drift.code_check import redeploy
from phaseline.drift.function_code import Redeployment
from phaseline.drift.report import Repair
from phaseline.errors import ConfigurationError, RefusedError
from tests.builders.cloud import ARN, OTHER, Cloud, drift, one
from tests.builders.cloud import cloud as cloud  # a fixture


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
    assert "phaseline deploy --environment demo" in finding.sentence
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
