"""The execution that carries a document's version is adopted, or started."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from phaseline.errors import RemoteCallError
from phaseline.pipeline.carrier import Adopted, Ensured, Missing, carrier
from phaseline.pipeline.carrier import ensure as ensure_version
from phaseline.pipeline.executions import Execution
from tests.builders.calls import Answer, Calls
from tests.builders.executions import E1, E2, E3, executions, summary
from tests.builders.timing import Timer

STATUSES = ["InProgress", "Succeeded", "Failed", "Stopping", "Stopped", "Superseded", "Cancelled"]


def execution(id_: str, status: str, **revisions: str) -> Execution:
    """Return an execution with these revisions by source action."""
    return Execution(id_, status, revisions, None)


def ensure(
    *pages: list[dict[str, Any]],
    covered_by: str | None = None,
    started: Answer | None = None,
) -> tuple[Ensured, Calls, Timer]:
    """Ensure version v2 of `opt`. Each listing returns the next page, and then the last again."""
    listings = iter(pages)
    last: list[dict[str, Any]] = []

    def listed(_: dict[str, Any]) -> Mapping[str, Any]:
        nonlocal last
        last = next(listings, last)
        return {"pipelineExecutionSummaries": last}

    pipeline, calls, timer = executions(
        ListPipelineExecutions=listed,
        StartPipelineExecution=lambda _: started or {"pipelineExecutionId": E3},
    )
    return ensure_version(pipeline, "opt", "v2", 2, lambda: covered_by), calls, timer


@pytest.mark.parametrize(
    ("listed", "covered_by", "expected"),
    [
        ([execution(E2, "Succeeded", Opt="v2")], None, Adopted(E2, done=True)),
        ([execution(E2, "InProgress", Opt="v2")], None, Adopted(E2, done=False)),
        (
            [execution(E3, "InProgress", Opt="v2"), execution(E2, "Succeeded", Opt="v2")],
            None,
            Adopted(E2, done=True),
        ),
        (
            [execution(E3, "InProgress", Opt="v2"), execution(E2, "InProgress", Opt="v2")],
            None,
            Adopted(E2, done=False),
        ),
        ([execution(E2, "InProgress", Opt="v2")], E1, Adopted(E1, done=True)),
        ([execution(E2, "Failed", Opt="v2")], E1, Adopted(E1, done=True)),
        ([], E1, Adopted(E1, done=True)),
    ],
)
def test_succeeded_or_covering_or_oldest_running_execution_is_adopted(
    listed: list[Execution], covered_by: str | None, expected: Adopted
) -> None:
    assert carrier("Opt", "v2", 2, listed, covered_by) == expected


def test_execution_with_a_later_revision_is_adopted() -> None:
    """It brings this version's releases, too. An earlier revision does not."""
    later = Execution(E2, "InProgress", {"Opt": "v3"}, None, {"Opt": 3})
    earlier = Execution(E1, "InProgress", {"Opt": "v1"}, None, {"Opt": 1})
    assert carrier("Opt", "v2", 2, [later, earlier], None) == Adopted(E2, done=False)
    assert isinstance(carrier("Opt", "v2", 2, [earlier], None), Missing)


def test_execution_that_superseded_another_one_is_expected() -> None:
    """Its sources may not be listed yet. A failed one is followed by none."""
    superseded = execution(E1, "Superseded", Opt="v2")
    decision = carrier("Opt", "v2", 2, [superseded], None)
    assert isinstance(decision, Missing)
    assert decision.expected
    failed = carrier("Opt", "v2", 2, [execution(E2, "Failed", Opt="v2"), superseded], None)
    assert isinstance(failed, Missing)
    assert not failed.expected


@pytest.mark.parametrize("status", ["Failed", "Stopped", "Superseded"])
def test_token_changes_after_an_execution_that_ended_before_its_sources(status: str) -> None:
    """With the same token, StartPipelineExecution would return the ended execution."""
    before, after = (
        carrier("Opt", "v2", 2, listed, None) for listed in ([], [execution(E1, status)])
    )
    assert isinstance(before, Missing)
    assert isinstance(after, Missing)
    assert before.token != after.token


@pytest.mark.parametrize("status", ["Failed", "Stopping", "Stopped", "Cancelled"])
def test_execution_that_did_not_succeed_is_not_adopted(status: str) -> None:
    """No other one is expected, because the event has started this one."""
    decision = carrier("Opt", "v2", 2, [execution(E1, status, Opt="v2")], None)
    assert isinstance(decision, Missing)
    assert not decision.expected


def test_execution_with_another_version_or_document_is_not_adopted() -> None:
    """The version must be that of the type's own source action."""
    others = [execution(E1, "Succeeded", Opt="v1"), execution(E2, "Succeeded", In="v2")]
    decision = carrier("Opt", "v2", 2, others, None)
    assert isinstance(decision, Missing)
    assert decision.expected


@given(
    listed=st.lists(
        st.builds(
            execution,
            st.sampled_from([E1, E2, E3]),
            st.sampled_from(STATUSES),
            Opt=st.sampled_from(["v1", "v2"]),
        )
    )
)
def test_token_changes_only_with_another_unsuccessful_execution(listed: list[Execution]) -> None:
    """Executions of other versions do not change it."""
    decision = carrier("Opt", "v2", 2, listed, None)
    if isinstance(decision, Missing):
        assert re.fullmatch(r"[a-zA-Z0-9-]{1,128}", decision.token)
        unrelated = [execution("x", "InProgress", Opt="v3"), *listed]
        assert carrier("Opt", "v2", 2, unrelated, None) == decision
        failed = carrier("Opt", "v2", 2, [execution("y", "Failed", Opt="v2"), *listed], None)
        assert isinstance(failed, Missing)
        assert failed.token != decision.token


def test_execution_that_eventbridge_starts_meanwhile_is_adopted() -> None:
    """No other execution is started."""
    ensured, calls, _ = ensure(
        [], [summary(E1, "InProgress")], [summary(E1, "InProgress", Opt="v2")]
    )
    assert ensured == Ensured(E1, started=False, done=False)
    assert calls.of("StartPipelineExecution") == []


def test_lost_event_leads_to_an_execution_of_the_newest_documents() -> None:
    ensured, calls, timer = ensure([])
    assert ensured == Ensured(E3, started=True, done=False)
    (request,) = calls.of("StartPipelineExecution")
    assert request["name"] == "phaseline-demo"
    assert "sourceRevisions" not in request
    assert 26 < sum(timer.slept) <= 30


def test_failed_execution_is_replaced_without_waiting() -> None:
    """Its event has arrived already."""
    ensured, _, timer = ensure([summary(E1, "Failed", Opt="v2")])
    assert ensured.started
    assert timer.slept == []


def test_execution_on_the_second_page_is_adopted() -> None:
    def listed(params: dict[str, Any]) -> Mapping[str, Any]:
        if "nextToken" in params:
            return {"pipelineExecutionSummaries": [summary(E1, "Succeeded", Opt="v2")]}
        return {"pipelineExecutionSummaries": [summary(E2, "Failed")], "nextToken": "2"}

    pipeline, _, _ = executions(ListPipelineExecutions=listed)
    assert ensure_version(pipeline, "opt", "v2", 2, lambda: None) == Ensured(
        E1, started=False, done=True
    )


@pytest.mark.parametrize(
    "code", ["ConflictException", "ConcurrentPipelineExecutionsLimitExceededException"]
)
def test_busy_pipeline_is_an_error_with_the_code(code: str) -> None:
    with pytest.raises(RemoteCallError, match=f"phaseline-demo: it is busy .*{code}"):
        ensure([summary(E1, "Failed", Opt="v2")], started=code)


def test_other_refusal_is_raised_unchanged() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        ensure([summary(E1, "Failed", Opt="v2")], started="AccessDeniedException")
