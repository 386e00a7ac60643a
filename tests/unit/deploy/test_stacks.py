"""Changes of stacks, with a CloudFormation that answers by a script."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from phaseline.deploy.change_sets import DeclaredStack, ResourceChange, change_set_name
from phaseline.deploy.stack_status import NEXT
from phaseline.deploy.stacks import Stacks
from phaseline.errors import ConfigurationError, DeploymentError, RefusedError, TimedOutError
from tests.builders.cloudformation import (
    DECLARED,
    NAME,
    ROLE,
    SET_ID,
    STACK_ID,
    STATUSES,
    Scripted,
    change,
    event,
)
from tests.builders.cloudformation import scripted as scripted  # a fixture


@pytest.mark.parametrize("status", [name for name in STATUSES if NEXT[name][0] == "stop"])
def test_stack_in_a_stop_status_is_not_changed(scripted: Scripted, status: str) -> None:
    """The error ends with the next command."""
    scripted.settled(status)
    with pytest.raises(DeploymentError, match=f"aws cloudformation {NEXT[status][1]}") as caught:
        scripted.stacks.deploy(DECLARED)
    assert status in caught.value.found


def test_new_stack_is_created(scripted: Scripted) -> None:
    """Each event is reported once."""
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe("CREATE_PENDING")
    scripted.describe()
    scripted.execute()
    one, two = event("1", NAME, "CREATE_IN_PROGRESS"), event("2", "Bucket", "CREATE_COMPLETE")
    scripted.events([one])
    scripted.events([event("3", NAME, "CREATE_COMPLETE"), two, one])
    scripted.find("CREATE_COMPLETE", Outputs=[{"OutputKey": "Name", "OutputValue": "b"}])
    result = scripted.stacks.deploy(DECLARED)
    assert result.action == "create"
    assert result.outputs == {"Name": "b"}
    assert result.changes == (
        ResourceChange("Modify", "Bucket", "AWS::S3::Bucket", "False", ("Tags",)),
    )
    assert [one.status for one in scripted.seen] == [
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "CREATE_COMPLETE",
    ]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit ...",
        "No updates are to be performed.",
    ],
)
def test_empty_change_set_is_deleted_and_succeeds(scripted: Scripted, reason: str) -> None:
    scripted.settled("UPDATE_COMPLETE", Outputs=[{"OutputKey": "Name", "OutputValue": "b"}])
    scripted.create("UPDATE")
    scripted.describe("FAILED", StatusReason=reason, Changes=[])
    scripted.delete()
    result = scripted.stacks.deploy(DECLARED)
    assert (result.action, result.changes, result.outputs) == ("none", (), {"Name": "b"})


def test_failed_change_set_is_deleted_and_reported(scripted: Scripted) -> None:
    """No empty stack remains."""
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe("FAILED", StatusReason="No export named x found")
    scripted.delete()
    scripted.find("REVIEW_IN_PROGRESS")
    scripted.stub.add_response("list_change_sets", {"Summaries": []})
    scripted.stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
    with pytest.raises(DeploymentError, match="No export named x found"):
        scripted.stacks.deploy(DECLARED)


def test_error_names_the_first_failed_resource(scripted: Scripted) -> None:
    """Not a resource that was cancelled because of it."""
    scripted.settled("CREATE_COMPLETE")
    scripted.create("UPDATE")
    scripted.describe()
    scripted.execute()
    scripted.events(
        [
            event("4", NAME, "UPDATE_ROLLBACK_COMPLETE"),
            event("3", NAME, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
            event("2", "Role", "UPDATE_FAILED", "Not authorized."),
            event("1", "Bucket", "UPDATE_FAILED", "Resource update cancelled"),
            event("old", NAME, "CREATE_COMPLETE"),
        ]
    )
    with pytest.raises(DeploymentError, match=r"Role .*: Not authorized") as caught:
        scripted.stacks.deploy(DECLARED)
    assert "deploy again" in caught.value.remedy


def test_failed_creation_names_the_next_command(scripted: Scripted) -> None:
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe()
    scripted.execute()
    scripted.events([event("1", NAME, "ROLLBACK_COMPLETE")])
    with pytest.raises(DeploymentError, match=f"delete-stack --stack-name {NAME}"):
        scripted.stacks.deploy(DECLARED)


def test_end_of_another_operation_is_ignored(scripted: Scripted) -> None:
    """Its event carries the token of another request."""
    scripted.settled("UPDATE_COMPLETE")
    scripted.create("UPDATE")
    scripted.describe()
    scripted.execute()
    scripted.events([event("1", NAME, "UPDATE_COMPLETE", ClientRequestToken="other")])
    scripted.events([event("2", NAME, "UPDATE_COMPLETE", ClientRequestToken="s")])
    scripted.find("UPDATE_COMPLETE")
    assert scripted.stacks.deploy(DECLARED).action == "update"


def test_existing_change_set_is_executed(scripted: Scripted) -> None:
    scripted.settled("UPDATE_COMPLETE")
    scripted.stub.add_client_error("create_change_set", "AlreadyExistsException")
    scripted.describe()
    scripted.describe()
    scripted.execute()
    scripted.events([event("1", NAME, "UPDATE_COMPLETE")])
    scripted.find("UPDATE_COMPLETE")
    assert scripted.stacks.deploy(DECLARED).action == "update"


def test_failed_existing_change_set_is_recreated(scripted: Scripted) -> None:
    """The cause of an earlier failure may not exist any more."""
    scripted.settled("UPDATE_COMPLETE")
    scripted.stub.add_client_error("create_change_set", "AlreadyExistsException")
    scripted.describe("FAILED", StatusReason="No export named x found")
    scripted.delete()
    scripted.create("UPDATE")
    scripted.describe("FAILED", StatusReason="The submitted information didn't contain changes.")
    scripted.delete()
    assert scripted.stacks.deploy(DECLARED).action == "none"


@pytest.mark.parametrize("execution", ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE"])
def test_executed_change_set_is_followed_after_a_lost_answer(
    scripted: Scripted, execution: str
) -> None:
    scripted.settled("UPDATE_COMPLETE")
    scripted.create("UPDATE")
    scripted.describe()
    scripted.stub.add_client_error("execute_change_set", "InvalidChangeSetStatus")
    scripted.describe(ExecutionStatus=execution)
    scripted.events([event("1", NAME, "UPDATE_COMPLETE")])
    scripted.find("UPDATE_COMPLETE")
    assert scripted.stacks.deploy(DECLARED).action == "update"


def test_operation_in_progress_is_waited_for(scripted: Scripted) -> None:
    """The status is decided again after it."""
    scripted.settled("DELETE_IN_PROGRESS")
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe()
    scripted.execute()
    scripted.events([event("1", NAME, "CREATE_COMPLETE")])
    scripted.find("CREATE_COMPLETE")
    assert scripted.stacks.deploy(DECLARED).action == "create"
    assert scripted.seen[0].status == "DELETE_IN_PROGRESS"


def test_wait_is_bounded(scripted: Scripted) -> None:
    for _ in range(11):
        scripted.settled("UPDATE_IN_PROGRESS")
    with pytest.raises(TimedOutError, match="within 10 seconds"):
        scripted.stacks.deploy(DECLARED)


def test_preview_deletes_the_change_set_and_the_empty_stack(scripted: Scripted) -> None:
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe()
    scripted.delete()
    scripted.find("REVIEW_IN_PROGRESS")
    scripted.stub.add_response("list_change_sets", {"Summaries": [{"ChangeSetId": SET_ID}]})
    scripted.stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
    assert scripted.stacks.preview(DECLARED).action == "create"


@pytest.mark.parametrize("other", ["a set of another deploy", "the stack is created by now"])
def test_preview_keeps_a_stack_that_another_deploy_uses(scripted: Scripted, other: str) -> None:
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe()
    scripted.delete()
    if other == "a set of another deploy":
        scripted.find("REVIEW_IN_PROGRESS")
        scripted.stub.add_response("list_change_sets", {"Summaries": [{"ChangeSetId": "other"}]})
    else:
        scripted.find("CREATE_IN_PROGRESS")
    scripted.stacks.preview(DECLARED)


def test_preview_keeps_an_empty_stack_that_existed_before(scripted: Scripted) -> None:
    scripted.settled("REVIEW_IN_PROGRESS")
    scripted.create("CREATE")
    scripted.describe()
    scripted.delete()
    assert scripted.stacks.preview(DECLARED).action == "create"


@pytest.mark.parametrize(("code", "is_error"), [("AccessDenied", False), ("Throttling", True)])
def test_preview_tolerates_a_denied_deletion_of_the_empty_stack(
    scripted: Scripted, code: str, is_error: bool
) -> None:
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe()
    scripted.delete()
    scripted.find("REVIEW_IN_PROGRESS")
    scripted.stub.add_response("list_change_sets", {"Summaries": []})
    scripted.stub.add_client_error("delete_stack", code)
    if is_error:
        with pytest.raises(scripted.stacks.client.exceptions.ClientError, match=code):
            scripted.stacks.preview(DECLARED)
    else:
        assert scripted.stacks.preview(DECLARED).action == "create"


def test_role_is_passed_and_is_part_of_the_name(scripted: Scripted) -> None:
    scripted.settled("UPDATE_COMPLETE")
    scripted.create("UPDATE", RoleARN=ROLE)
    scripted.describe("FAILED", StatusReason="No updates are to be performed.", Changes=[])
    scripted.delete()
    declared = DeclaredStack(NAME, "{}", {"Environment": "demo"}, ROLE)
    assert scripted.stacks.deploy(declared).action == "none"
    assert change_set_name(declared, None, "deploy") != change_set_name(DECLARED, None, "deploy")


def test_all_pages_of_changes_are_returned(scripted: Scripted) -> None:
    scripted.settled("UPDATE_COMPLETE")
    scripted.create("UPDATE")
    scripted.describe(NextToken="more")
    scripted.describe(Changes=[change("Second")])
    scripted.delete()
    found = scripted.stacks.preview(DECLARED).changes
    assert [one.resource for one in found] == ["Bucket", "Second"]


def test_refused_request_is_a_configuration_error(scripted: Scripted) -> None:
    scripted.settled("UPDATE_COMPLETE")
    message = "Parameter 'Environment' must match pattern"
    scripted.stub.add_client_error("create_change_set", "ValidationError", message)
    with pytest.raises(ConfigurationError, match="must match pattern"):
        scripted.stacks.deploy(DECLARED)


def test_stack_that_somebody_else_changes_is_no_wrong_template(scripted: Scripted) -> None:
    """CloudFormation has one code for both; between the look and the change set another deploy may
    have begun."""
    scripted.settled("CREATE_COMPLETE")
    message = "Stack:arn:aws:1 is in UPDATE_IN_PROGRESS state and can not be updated."
    scripted.stub.add_client_error("create_change_set", "ValidationError", message)
    with pytest.raises(RefusedError, match="another operation changes it at the same time"):
        scripted.stacks.deploy(DECLARED)


def test_template_parameters_are_read(scripted: Scripted) -> None:
    """A parameter without a default is required."""
    parameters = [{"ParameterKey": "Given", "DefaultValue": ""}, {"ParameterKey": "Needed"}]
    scripted.stub.add_response("get_template_summary", {"Parameters": parameters})
    found = scripted.stacks.parameters("site", "{}")
    assert found.names == {"Given", "Needed"}
    assert found.required == {"Needed"}


def test_too_large_template_is_refused(scripted: Scripted) -> None:
    """The limit is in bytes, not in characters."""
    with pytest.raises(ConfigurationError, match="found 51,201"):
        scripted.stacks.parameters("site", "é" * 25_600 + "x")


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS"])
def test_outputs_of_a_missing_stack_are_a_configuration_error(
    scripted: Scripted, status: str | None
) -> None:
    """An empty stack counts as missing."""
    scripted.find(status)
    with pytest.raises(ConfigurationError, match="it is not deployed"):
        scripted.stacks.outputs(NAME)


@pytest.mark.parametrize("call", [Stacks.find, Stacks.deploy])
def test_denied_call_is_not_reported_as_a_missing_stack(
    scripted: Scripted, call: Callable[[Stacks, Any], Any]
) -> None:
    operation = "describe_stacks" if call is Stacks.find else "describe_stack_events"
    scripted.stub.add_client_error(operation, "AccessDenied", "not authorized")
    with pytest.raises(scripted.stacks.client.exceptions.ClientError, match="not authorized"):
        call(scripted.stacks, DECLARED if call is Stacks.deploy else NAME)


def test_change_set_has_another_name_after_an_update(scripted: Scripted) -> None:
    stack: Any = scripted.stack("CREATE_COMPLETE")
    updated: Any = scripted.stack(
        "UPDATE_COMPLETE", LastUpdatedTime=datetime(2026, 12, 1, tzinfo=UTC)
    )
    shell: Any = scripted.stack("REVIEW_IN_PROGRESS")
    other = DeclaredStack(NAME, "{}", {"Environment": "other"})
    names = [
        change_set_name(DECLARED, None, "deploy"),
        change_set_name(DECLARED, stack, "deploy"),
        change_set_name(DECLARED, updated, "deploy"),
        change_set_name(DECLARED, updated, "preview"),
        change_set_name(other, updated, "deploy"),
    ]
    assert len(set(names)) == len(names)
    assert change_set_name(DECLARED, dict(stack), "deploy") == names[1]  # type: ignore[arg-type]
    assert change_set_name(DECLARED, shell, "deploy") == names[0]
    assert all(len(name) <= 128 for name in names)


class Interrupted(BaseException):
    """An interruption of the command."""


def interrupted(stacks: Stacks) -> Stacks:
    """Return stacks whose first sleep is interrupted, and whose later ones are not."""
    raised: list[bool] = []

    def sleep(_: float) -> None:
        if not raised:
            raised.append(True)
            raise Interrupted

    return replace(stacks, sleep=sleep)


@pytest.mark.parametrize("run", [Stacks.preview, Stacks.deploy])
def test_interruption_deletes_the_change_set_once_it_is_computed(
    scripted: Scripted, run: Callable[[Stacks, DeclaredStack], Any]
) -> None:
    """The empty stack that CloudFormation created to hold it is deleted, too."""
    scripted.settled(None)
    scripted.create("CREATE")
    scripted.describe("CREATE_IN_PROGRESS")
    scripted.describe("CREATE_IN_PROGRESS")
    scripted.describe()
    scripted.delete()
    scripted.find("REVIEW_IN_PROGRESS")
    scripted.stub.add_response("list_change_sets", {"Summaries": []})
    scripted.stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
    with pytest.raises(Interrupted):
        run(interrupted(scripted.stacks), DECLARED)


def test_interruption_says_that_cloudformation_continues(scripted: Scripted) -> None:
    """An executed change set is not undone."""
    scripted.settled("UPDATE_COMPLETE")
    scripted.create("UPDATE")
    scripted.describe()
    scripted.execute()
    scripted.events([event("old", NAME, "UPDATE_COMPLETE")])
    with pytest.raises(Interrupted) as caught:
        interrupted(scripted.stacks).deploy(DECLARED)
    assert caught.value.__notes__ == [f"CloudFormation continues to update the stack {NAME}"]
