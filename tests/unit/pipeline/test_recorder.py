"""Executions that have ended are stored, each as one item."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.aws.dynamodb import serialize
from phaseline.errors import InputError, RemoteCallError
from phaseline.pipeline.actions import Action
from phaseline.pipeline.recorder import Carried, RecordedExecution, Recorder
from phaseline.releases.ledger import Ledger
from tests.builders.calls import Calls
from tests.builders.pipeline import PIPELINE, Pipeline, detail, source
from tests.builders.releases import numbered_release
from tests.builders.stores import make_table
from tests.conftest import LoadHandler
from tests.events.jobs import EXECUTION, pipeline_failed

SOURCES = [
    source("Frontend", 0, CommitId="c0ffee0"),
    source("In", 0, VersionId="in-1"),
    source("Opt", 0.5, VersionId="opt-7"),
]
BUILD = detail("Build", "Build", 2, 9, externalExecutionId="b:1", externalExecutionUrl="https://l")
FAILED = detail("Publish", "Publish", 10, 11, "Failed", errorDetails={"message": "no room"})
SINCE, UNTIL = "2026-11-25T10:00:00Z", "2026-11-25T11:00:00Z"


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline("Failed", [*SOURCES, BUILD, FAILED])


@pytest.fixture
def recorder(pipeline: Pipeline) -> Iterator[Recorder]:
    with mock_aws():
        client = boto3.client("dynamodb")
        make_table(client, "ledger")
        yield Recorder(pipeline.client, PIPELINE, client, "ledger")


def kept(recorder: Recorder) -> list[RecordedExecution]:
    """Return all stored executions."""
    return list(recorder.between("2026", "2027"))


def test_state_sources_and_actions_are_stored_with_one_write(
    recorder: Recorder, pipeline: Pipeline
) -> None:
    """The actions are in the order of their start. A document has the revision that S3 reported."""
    pipeline.summaries = {"opt-7": "revision 7", "in-1": "Amazon S3 version id: in-1"}
    writes = Calls(recorder.dynamodb, PutItem=lambda _: None)
    stored = recorder.record(EXECUTION)
    assert kept(recorder) == [stored]
    assert stored is not None
    assert (stored.state, stored.commit, stored.has_ended) == ("Failed", "c0ffee0", True)
    assert stored.documents == {"in": Carried("in-1", None), "opt": Carried("opt-7", 7)}
    assert (stored.started, stored.updated) == (
        "2026-11-25T10:00:00.000Z",
        "2026-11-25T10:00:11.000Z",
    )
    assert [run.action for run in stored.actions] == ["Frontend", "In", "Opt", "Build", "Publish"]
    assert stored.actions[3:] == (
        Action(
            "Build",
            "Build",
            "Succeeded",
            "2026-11-25T10:00:02.000Z",
            "2026-11-25T10:00:09.000Z",
            "https://l",
            "b:1",
        ),
        Action(
            "Publish",
            "Publish",
            "Failed",
            "2026-11-25T10:00:10.000Z",
            "2026-11-25T10:00:11.000Z",
            reason="no room",
        ),
    )
    assert len(writes.asked) == len(pipeline.calls.of("ListActionExecutions")) == 1


def test_execution_without_action_runs_is_not_stored(
    recorder: Recorder, pipeline: Pipeline
) -> None:
    pipeline.actions, pipeline.state = [], "Stopped"
    assert recorder.record(EXECUTION) is None
    assert kept(recorder) == []


def test_second_delivery_of_an_event_changes_nothing(recorder: Recorder) -> None:
    first = recorder.record(EXECUTION)
    recorder.record(EXECUTION)
    assert kept(recorder) == [first]


def test_result_of_a_retry_replaces_the_failure_and_never_the_reverse(
    recorder: Recorder, pipeline: Pipeline
) -> None:
    """The failed action remains in the list of actions."""
    before = pipeline.actions
    recorder.record(EXECUTION)
    pipeline.actions = [*before, detail("Publish", "Publish", 60, 64)]
    pipeline.state = "Succeeded"
    after = recorder.record(EXECUTION)
    assert kept(recorder) == [after]
    assert after is not None
    assert [run.state for run in after.actions[-2:]] == ["Failed", "Succeeded"]
    pipeline.actions, pipeline.state = before, "Failed"
    recorder.record(EXECUTION)
    assert kept(recorder) == [after]


def test_end_replaces_the_running_state_and_never_the_reverse(
    recorder: Recorder, pipeline: Pipeline
) -> None:
    """CodePipeline may report the end after the last change of an action."""
    for state in ("InProgress", "Failed", "InProgress"):
        pipeline.state = state
        recorder.record(EXECUTION)
    assert [execution.state for execution in kept(recorder)] == ["Failed"]


def test_both_ends_of_a_range_include_their_whole_second(recorder: Recorder) -> None:
    recorder.record(EXECUTION)
    assert len(list(recorder.between(SINCE, UNTIL))) == 1
    assert len(list(recorder.between("2026-11-25T09:00:00Z", SINCE))) == 1
    assert list(recorder.between("2026-11-25T10:00:01Z", UNTIL)) == []


def test_newest_executions_come_first_and_go_on_before_a_key(recorder: Recorder) -> None:
    for number in range(3):
        item = {"id": f"e{number}", "state": "Succeeded", "updated": "t", "documents": {},
                "actions": [], "started": f"2026-11-2{number}T10:00:00.000Z"}  # fmt: skip
        key = {"pk": "executions", "sk": f"{item['started']}#e{number}"}
        recorder.dynamodb.put_item(
            TableName=recorder.table,
            Item={name: serialize(value) for name, value in (item | key).items()},
        )
    newest = list(recorder.newest())
    assert [execution.id for execution in newest] == ["e2", "e1", "e0"]
    assert list(recorder.newest(before=newest[0].key)) == newest[1:]
    assert list(recorder.newest(before=newest[2].key)) == []


@pytest.mark.parametrize(
    ("summary", "revision", "carries"),
    [
        ("revision 7", 7, True),
        ("revision 7", 6, True),
        ("revision 7", 8, False),
        ("Amazon S3 version id: opt-7", 6, False),
    ],
)
def test_execution_carries_the_releases_of_its_revision_and_of_earlier_ones(
    recorder: Recorder, pipeline: Pipeline, summary: str, revision: int, carries: bool
) -> None:
    """Without a revision, it carries only the releases of its document version."""
    pipeline.summaries = {"opt-7": summary}
    execution = recorder.record(EXECUTION)
    assert execution is not None
    assert execution.carries(numbered_release(revision)) is carries


def test_stored_execution_is_not_in_the_indexes_of_releases(recorder: Recorder) -> None:
    recorder.record(EXECUTION)
    (item,) = recorder.dynamodb.scan(TableName="ledger")["Items"]
    assert not {"open", "type"} & item.keys()
    assert list(Ledger(recorder.dynamodb, "ledger").open_releases("opt")) == []


# ---- the function -------------------------------------------------------------------------


@pytest.fixture
def lambda_(
    recorder: Recorder, load_handler: LoadHandler, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    module = load_handler(
        "execution_recorder",
        {"ENVIRONMENT": "demo", "LEDGER_TABLE": "ledger", "PIPELINE_NAME": PIPELINE},
    )
    monkeypatch.setattr(module, "_RECORDER", recorder)
    return module


def test_execution_of_an_event_is_stored(
    lambda_: ModuleType, recorder: Recorder, pipeline: Pipeline
) -> None:
    lambda_.handler(pipeline_failed(), None)
    assert [execution.id for execution in kept(recorder)] == [EXECUTION]
    assert pipeline.calls.of("GetPipelineExecution")[0]["pipelineExecutionId"] == EXECUTION


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": {"execution-id": 7}}])
def test_event_without_an_execution_is_an_input_error(
    lambda_: ModuleType, event: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="execution-id"):
        lambda_.handler(event, None)


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ProvisionedThroughputExceededException"]
)
def test_invocation_that_failed_to_write_is_repeated_with_success(
    lambda_: ModuleType, recorder: Recorder, code: str
) -> None:
    broken = [True]
    Calls(recorder.dynamodb, PutItem=lambda _: code if broken[0] else None)
    with pytest.raises(RemoteCallError, match=code):
        lambda_.handler(pipeline_failed(), None)
    broken[0] = False
    lambda_.handler(pipeline_failed(), None)
    assert len(kept(recorder)) == 1
