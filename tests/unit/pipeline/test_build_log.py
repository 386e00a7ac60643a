"""The last lines of a failed build."""

from dataclasses import replace
from typing import Any

import boto3
import pytest

from phaseline.pipeline.actions import Action
from phaseline.pipeline.build_log import (
    EVENTS_LIMIT,
    LINES_LIMIT,
    WIDTH_LIMIT,
    BuildLogs,
    cause_in,
)
from tests.builders.calls import Calls

BUILD = "phaseline-demo-pipeline-build:0d416c17-6c41-4b93-a123-1a8e418fb09f"
FAILED = Action("Build", "Build", "Failed", "", "", external_id=BUILD)
PHASE = "[Container] 2026/11/24 20:00:00.000001 Phase complete: BUILD State: FAILED"


def build_logs(place: dict[str, str], *messages: str) -> tuple[BuildLogs, Calls]:
    """Return the logs with one build, which has its log at a place, and what is asked of them."""
    codebuild, logs = boto3.client("codebuild"), boto3.client("logs")
    Calls(codebuild, BatchGetBuilds=lambda _: {"builds": [{"logs": place}] if place else []})
    events = [{"message": message} for message in messages]
    calls = Calls(logs, GetLogEvents=lambda _: {"events": events})
    return BuildLogs(codebuild, logs), calls


def test_end_of_the_log_is_read_with_one_call() -> None:
    read, calls = build_logs({"groupName": "g", "streamName": "s"}, "no title\n", PHASE, "later")
    assert read.cause(FAILED) == ("no title",)
    expected: dict[str, Any] = {"logGroupName": "g", "logStreamName": "s"}
    assert calls.of("GetLogEvents") == [expected | {"limit": EVENTS_LIMIT, "startFromHead": False}]


@pytest.mark.parametrize(
    "action",
    [
        replace(FAILED, state="Succeeded"),
        replace(FAILED, external_id=None),
        replace(FAILED, external_id="0d416c17-6c41-4b93-a123-1a8e418fb09f"),
    ],
)
def test_other_actions_have_no_lines(action: Action) -> None:
    read, calls = build_logs({"groupName": "g", "streamName": "s"}, "x")
    assert read.cause(action) == ()
    assert calls.asked == []


@pytest.mark.parametrize("place", [{}, {"groupName": "g"}])
def test_build_without_a_log_has_no_lines(place: dict[str, str]) -> None:
    """CodeBuild deletes a build after a year, and one that never began has no stream."""
    read, calls = build_logs(place, "x")
    assert read.cause(FAILED) == ()
    assert calls.asked == []


def test_lines_are_those_before_the_first_failed_phase() -> None:
    """Without those of CodeBuild and without those of the phases that follow."""
    messages = ["[Container] Phase complete: INSTALL State: SUCCEEDED", "a", "", "b\nc", PHASE, "d"]
    assert cause_in(messages) == ("a", "b", "c")
    assert cause_in(["a", "b"]) == ("a", "b")
    assert cause_in([]) == ()


def test_lines_are_limited_in_number_and_length() -> None:
    lines = cause_in([str(number) for number in range(LINES_LIMIT + 3)])
    assert (len(lines), lines[0]) == (LINES_LIMIT, "3")
    assert cause_in(["x" * (WIDTH_LIMIT + 1)]) == ("x" * WIDTH_LIMIT,)
