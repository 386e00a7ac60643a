"""What an account may answer, and what is said about it."""

from typing import Any

import pytest

from phaseline.algorithms.schema import Schema
from scripts.account import rules
from scripts.account.rules import Judgement, Status

H, D, U = Status.HOLDS, Status.DIFFERS, Status.UNKNOWN
STREAM: dict[str, Any] = {
    "KeySchema": [
        {"AttributeName": "algorithm", "KeyType": "HASH"},
        {"AttributeName": "version", "KeyType": "RANGE"},
    ],
    "StreamStatus": "ENABLED",
    "StreamViewType": "NEW_AND_OLD_IMAGES",
}


def said(outcome: Judgement) -> str:
    """What was found; what differs or is unknown has a remedy."""
    assert bool(outcome.remedy) == (outcome.status is not H)
    return outcome.found


@pytest.mark.parametrize(
    ("statuses", "status", "found"),
    [
        ({"site": "CREATE_COMPLETE", "drift": None}, H, "1 stacks are complete"),
        ({"site": "UPDATE_COMPLETE", "drift": "UPDATE_COMPLETE"}, H, "2 stacks are complete"),
        ({"site": None, "drift": None}, D, "site is not deployed"),
        ({"site": "UPDATE_ROLLBACK_COMPLETE", "drift": None}, H, "1 stacks are complete"),
        ({"site": "ROLLBACK_COMPLETE", "drift": None}, D, "site is ROLLBACK_COMPLETE"),
        ({"site": "DELETE_COMPLETE", "drift": None}, D, "site is DELETE_COMPLETE"),
        ({"site": "UPDATE_ROLLBACK_FAILED", "drift": None}, D, "site is UPDATE_ROLLBACK_FAILED"),
        ({"site": "UPDATE_IN_PROGRESS", "drift": None}, D, "site is UPDATE_IN_PROGRESS"),
        ({"site": "CREATE_COMPLETE", "drift": "CREATE_FAILED"}, D, "drift is CREATE_FAILED"),
    ],
)
def test_stacks(statuses: dict[str, str | None], status: Status, found: str) -> None:
    """A stack of roles may be missing, since a person can deploy without workflows."""
    outcome = rules.stacks(statuses, ["site"])
    assert (outcome.status, found in said(outcome)) == (status, True)


@pytest.mark.parametrize(("status", "expected"), [("AVAILABLE", H), ("PENDING", D), ("ERROR", D)])
def test_connection(status: str, expected: Status) -> None:
    outcome = rules.connection(status)
    assert (outcome.status, status.lower() in said(outcome)) == (expected, True)


def test_trigger_that_was_not_seen_is_unknown() -> None:
    """A pipeline may be right, and nobody pushed yet."""
    made = {"pipelineExecutionId": "1", "trigger": {"triggerType": "CreatePipeline"}}
    pushed = {"pipelineExecutionId": "2", "trigger": {"triggerType": "WebhookV2"}}
    assert rules.started_by([made, pushed], "WebhookV2", "Push.").found == "WebhookV2 started 2"
    outcome = rules.started_by([made, {"pipelineExecutionId": "3"}], "WebhookV2", "Push.")
    assert (outcome.status, outcome.remedy) == (U, "Push.")


def test_stream_without_old_images_or_with_another_key_differs() -> None:
    assert rules.stream(STREAM, "algorithm").status is H
    for view in ("NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"):
        judged = rules.stream(STREAM | {"StreamViewType": view}, "algorithm")
        assert f"its stream contains {view}" in said(judged)
    off = rules.stream(STREAM | {"StreamStatus": "DISABLED"}, "algorithm")
    assert "its stream is DISABLED" in said(off)
    assert "its partition key is algorithm" in said(rules.stream(STREAM, "name"))


def item(**attributes: dict[str, str]) -> dict[str, Any]:
    """An item in the phase, with other attributes."""
    names = {"algorithm": "a", "version": "1.0", "type": "opt", "phase": "PACKAGE_TESTS_COMPLETE"}
    return {name: {"S": value} for name, value in names.items()} | attributes


@pytest.mark.parametrize(
    ("sample", "status", "found"),
    [
        ([item(), item(phase={"S": "RUNNING"})], H, "1 of 2 items are in the phase, and valid"),
        ([], U, "none of 0 items has 'phase' PACKAGE_TESTS_COMPLETE; found: no item"),
        (
            [item(phase={"N": "3"})] * 2 + [item(phase={"S": "4"})],
            U,
            "3 (2), 4 (1)",
        ),
        ([item(state={"S": "x"}, phase={"NULL": "true"})], U, "found: none (1)"),
        ([item(type={"S": "optical"})], D, "attribute 'type': expected one of in, opt, out"),
        ([item(type={"S": "?"}, phase={"S": "RUNNING"}), item()], H, "1 of 2"),
        ([item(version={"S": "a b"})] * 5, D, "5 in all"),
    ],
)
def test_items_that_would_never_be_released_are_told(
    sample: list[dict[str, Any]], status: Status, found: str
) -> None:
    """Only those in the phase must be valid."""
    outcome = rules.items("algorithms", sample, Schema())
    assert (outcome.status, found in said(outcome)) == (status, True), outcome


def test_number_as_a_phase_is_compared_with_numbers() -> None:
    assert rules.items("algorithms", [item(phase={"N": "3"})], Schema(phase="3")).status is H


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], H),
        ([{"State": "Enabled"}], H),
        ([{"State": "Enabled", "LastProcessingResult": "OK"}], H),
        ([{"State": "Enabled", "LastProcessingResult": "PROBLEM: Function call failed"}], D),
        ([{"State": "Disabled", "LastProcessingResult": "OK"}], D),
    ],
)
def test_mappings(found: list[dict[str, str]], status: Status) -> None:
    assert rules.mappings(found).status is status


def test_function_that_is_not_active_differs() -> None:
    active = {"FunctionName": "a", "State": "Active", "LastUpdateStatus": "Successful"}
    assert said(rules.functions([active, active])) == "2 functions are active"
    failed = active | {"FunctionName": "b", "LastUpdateStatus": "Failed"}
    assert said(rules.functions([active, failed])) == "b is Active, its update Failed"


def test_bucket_of_documents_needs_versions_and_events() -> None:
    enabled = {"Status": "Enabled"}
    events: dict[str, Any] = {"EventBridgeConfiguration": {}}
    assert rules.documents_bucket(enabled, events).status is H
    assert "keeps no versions" in said(rules.documents_bucket({"Status": "Suspended"}, events))
    assert "sends no events" in said(rules.documents_bucket(enabled, {}))


def test_secret_that_is_missing_or_deleted_differs() -> None:
    assert rules.secrets({"a": {"ARN": "a"}}).status is H
    assert "a does not exist" in said(rules.secrets({"a": None}))
    assert "scheduled for deletion" in said(rules.secrets({"a": {"DeletedDate": "today"}}))


def test_alarm_that_is_on_or_missing_differs() -> None:
    quiet = [{"AlarmName": name, "StateValue": "OK"} for name in "ab"]
    assert rules.alarms(quiet, 2).status is H
    assert said(rules.alarms(quiet, 3)) == "1 alarms are missing"
    assert said(rules.alarms([quiet[0] | {"StateValue": "ALARM"}], 1)) == "a is on"


def test_permission_that_iam_denies_differs() -> None:
    assert rules.permissions({"role s3:GetObject x": "allowed"}).status is H
    outcome = rules.permissions({"role s3:GetObject x": "implicitDeny"})
    assert said(outcome) == "role s3:GetObject x: implicitDeny"
