"""The decision about a stack from its status."""

import pytest
from botocore.session import get_session

from phaseline.deploy.stack_status import NEXT, decide

NAME = "phaseline-demo-site"


SERVICE = get_session().get_service_model("cloudformation")


STATUSES: list[str] = SERVICE.shape_for("StackStatus").enum  # type: ignore[attr-defined]


def test_every_status_has_a_decision() -> None:
    """The table contains exactly the statuses of CloudFormation's model."""
    assert sorted(NEXT) == sorted(STATUSES)


@pytest.mark.parametrize("status", STATUSES)
def test_decision_fits_the_status(status: str) -> None:
    """An operation in progress is waited for; "stop" names an existing command."""
    decision = decide(status, NAME)
    under_way = status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"
    assert (decision.action == "wait") == under_way
    assert (decision.action == "stop") == bool(decision.command)
    if decision.command:
        words = decision.command.split()
        assert words[:2] == ["aws", "cloudformation"]
        assert words[2].replace("-", "") in [name.lower() for name in SERVICE.operation_names]
        assert words[3:] == ["--stack-name", NAME]


def test_missing_stack_is_created_and_unknown_status_stops() -> None:
    assert decide(None, NAME).action == "create"
    assert decide("RESTORED_FROM_THE_MOON", NAME).action == "stop"
