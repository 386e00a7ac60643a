"""The pipeline's definition and its transitions, against what the template declares."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from phaseline.drift.pipeline_rules import differences, disabled

DECLARED: dict[str, Any] = {
    "Name": "site",
    "PipelineType": "V2",
    "RoleArn": "arn:role",
    "ArtifactStore": {"Type": "S3", "Location": "artifacts"},
    "Stages": [
        {
            "Name": "Source",
            "Actions": [
                {
                    "Name": "Frontend",
                    "ActionTypeId": {"Category": "Source", "Owner": "AWS", "Version": "1"},
                    "Configuration": {"BranchName": "main", "DetectChanges": "true"},
                    "OutputArtifacts": [{"Name": "Source"}],
                    "RunOrder": "1",
                }
            ],
        },
        {
            "Name": "Build",
            "Actions": [
                {
                    "Name": "Build",
                    "ActionTypeId": {"Category": "Build", "Owner": "AWS", "Version": "1"},
                    "Configuration": {"ProjectName": "site"},
                    "InputArtifacts": [{"Name": "Source"}],
                }
            ],
        },
    ],
    "Tags": [{"Key": "a", "Value": "b"}],
}
FOUND: dict[str, Any] = {
    "name": "site",
    "version": 3,
    "pipelineType": "V2",
    "executionMode": "SUPERSEDED",
    "roleArn": "arn:role",
    "artifactStore": {"type": "S3", "location": "artifacts"},
    "stages": [
        {
            "name": "Source",
            "actions": [
                {
                    "name": "Frontend",
                    "actionTypeId": {"category": "Source", "owner": "AWS", "version": "1"},
                    "configuration": {"BranchName": "main", "DetectChanges": "true"},
                    "outputArtifacts": [{"name": "Source"}],
                    "inputArtifacts": [],
                    "region": "eu-central-1",
                    "runOrder": 1,
                }
            ],
        },
        {
            "name": "Build",
            "actions": [
                {
                    "name": "Build",
                    "actionTypeId": {"category": "Build", "owner": "AWS", "version": "1"},
                    "configuration": {"ProjectName": "site"},
                    "inputArtifacts": [{"name": "Source"}],
                    "outputArtifacts": [],
                    "runOrder": 1,
                }
            ],
        },
    ],
}


def action(found: Any) -> Any:
    """The action of the second stage."""
    return found["stages"][1]["actions"][0]


def test_pipeline_as_declared_has_no_differences() -> None:
    """Case of names, numbers, tags and defaults do not differ."""
    assert differences(DECLARED, FOUND) == ()


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (
            lambda found: action(found)["configuration"].update(ProjectName="other"),
            "stages.Build.actions.Build.configuration.ProjectName: expected site, found other",
        ),
        (
            lambda found: action(found)["configuration"].update(BatchEnabled="true"),
            "stages.Build.actions.Build.configuration.BatchEnabled: expected nothing, found true",
        ),
        (
            lambda found: found["stages"].pop(),
            "stages.Build: expected Build, found nothing",
        ),
        (
            lambda found: found["stages"].append({"name": "Late", "actions": []}),
            "stages.Late: expected nothing, found Late",
        ),
        (
            lambda found: found["stages"].reverse(),
            "stages: expected Source, Build, found Build, Source",
        ),
        (
            lambda found: found.update(triggers=[{"providerType": "CodeStarSourceConnection"}]),
            'triggers: expected nothing, found [{"providerType": "CodeStarSourceConnection"}]',
        ),
        (
            lambda found: action(found).update(inputArtifacts=[]),
            "stages.Build.actions.Build.inputArtifacts: expected Source, found nothing",
        ),
        (
            lambda found: found.update(roleArn="arn:other"),
            "roleArn: expected arn:role, found arn:other",
        ),
    ],
)
def test_manual_change_is_reported_by_path_with_both_values(
    edit: Callable[[Any], None], told: str
) -> None:
    found = copy.deepcopy(FOUND)
    edit(found)
    assert differences(DECLARED, found) == (told,)


def state(**transition: Any) -> dict[str, Any]:
    """GetPipelineState's answer, with the second stage's transition."""
    return {
        "stageStates": [
            {"stageName": "Source"},
            {"stageName": "Build", "inboundTransitionState": transition},
        ]
    }


def test_disabled_transition_is_reported_with_its_reason() -> None:
    closed = state(enabled=False, disabledReason="a holiday")
    assert list(disabled(DECLARED, closed)) == [("Build", "a holiday")]
    assert list(disabled(DECLARED, state(enabled=True))) == []


def test_transition_that_the_template_disables_is_not_reported() -> None:
    meant = DECLARED | {"DisableInboundStageTransitions": [{"StageName": "Build", "Reason": "x"}]}
    assert list(disabled(meant, state(enabled=False))) == []
    assert differences(meant, FOUND) == ()
