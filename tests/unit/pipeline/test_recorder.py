"""What is kept of an execution."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from phaseline.errors import InputError
from phaseline.pipeline.actions import Action
from phaseline.pipeline.recorder import Carried, Execution, Recorder
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


def kept(recorder: Recorder) -> list[Execution]:
    """All that is kept."""
    return list(recorder.between("2026", "2027"))


def test_what_is_kept(recorder: Recorder, pipeline: Pipeline) -> None:
    """State, sources with the revision that S3 told, and the actions in the order of their start,
    in one write."""
    pipeline.summaries = {"opt-7": "revision 7", "in-1": "Amazon S3 version id: in-1"}
    writes = Calls(recorder.dynamodb, PutItem=lambda _: None)
    told = recorder.record(EXECUTION)
    assert kept(recorder) == [told]
    assert told is not None
    assert (told.state, told.commit, told.has_ended) == ("Failed", "c0ffee0", True)
    assert told.documents == {"in": Carried("in-1", None), "opt": Carried("opt-7", 7)}
    assert (told.started, told.updated) == (
        "2026-11-25T10:00:00.000Z",
        "2026-11-25T10:00:11.000Z",
    )
    assert [each.action for each in told.actions] == ["Frontend", "In", "Opt", "Build", "Publish"]
    assert told.actions[3:] == (
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


def test_an_execution_that_did_nothing(recorder: Recorder, pipeline: Pipeline) -> None:
    """One that was stopped before any action ran is not kept."""
    pipeline.actions, pipeline.state = [], "Stopped"
    assert recorder.record(EXECUTION) is None
    assert kept(recorder) == []


def test_an_event_that_comes_twice(recorder: Recorder) -> None:
    """The second changes nothing."""
    first = recorder.record(EXECUTION)
    recorder.record(EXECUTION)
    assert kept(recorder) == [first]


def test_a_retried_stage(recorder: Recorder, pipeline: Pipeline) -> None:
    """What a retry came to replaces the failure, which stays among the actions; never the
    reverse."""
    before = pipeline.actions
    recorder.record(EXECUTION)
    pipeline.actions = [*before, detail("Publish", "Publish", 60, 64)]
    pipeline.state = "Succeeded"
    after = recorder.record(EXECUTION)
    assert kept(recorder) == [after]
    assert after is not None
    assert [each.state for each in after.actions[-2:]] == ["Failed", "Succeeded"]
    pipeline.actions, pipeline.state = before, "Failed"
    recorder.record(EXECUTION)
    assert kept(recorder) == [after]


def test_an_end_that_shows_late(recorder: Recorder, pipeline: Pipeline) -> None:
    """An end replaces the running state which the same actions had, and is not undone by it."""
    for state in ("InProgress", "Failed", "InProgress"):
        pipeline.state = state
        recorder.record(EXECUTION)
    assert [one.state for one in kept(recorder)] == ["Failed"]


def test_a_time_in_whole_seconds(recorder: Recorder) -> None:
    """Both ends of a time in whole seconds include what started within them."""
    recorder.record(EXECUTION)
    assert len(list(recorder.between(SINCE, UNTIL))) == 1
    assert len(list(recorder.between("2026-11-25T09:00:00Z", SINCE))) == 1
    assert list(recorder.between("2026-11-25T10:00:01Z", UNTIL)) == []


@pytest.mark.parametrize(
    ("summary", "revision", "carries"),
    [
        ("revision 7", 7, True),
        ("revision 7", 6, True),
        ("revision 7", 8, False),
        ("Amazon S3 version id: opt-7", 6, False),
    ],
)
def test_what_it_carried(
    recorder: Recorder, pipeline: Pipeline, summary: str, revision: int, carries: bool
) -> None:
    """An execution carries the releases of its document's revision and of earlier ones."""
    pipeline.summaries = {"opt-7": summary}
    told = recorder.record(EXECUTION)
    assert told is not None
    one = numbered_release(revision)
    assert told.carries(one) is carries


def test_it_writes_nothing_that_looks_like_a_release(recorder: Recorder) -> None:
    """The ledger's indexes of releases do not see it."""
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


def test_the_event_of_an_end(lambda_: ModuleType, recorder: Recorder, pipeline: Pipeline) -> None:
    """The execution that the event names is kept."""
    lambda_.handler(pipeline_failed(), None)
    assert [one.id for one in kept(recorder)] == [EXECUTION]
    assert pipeline.calls.of("GetPipelineExecution")[0]["pipelineExecutionId"] == EXECUTION


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": {"execution-id": 7}}])
def test_another_event(lambda_: ModuleType, event: dict[str, Any]) -> None:
    """What is no event of an execution fails, and says what was expected."""
    with pytest.raises(InputError, match="execution-id"):
        lambda_.handler(event, None)


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ProvisionedThroughputExceededException"]
)
def test_a_table_that_does_not_answer(lambda_: ModuleType, recorder: Recorder, code: str) -> None:
    """The invocation fails, and its repetition writes what was not written."""
    broken = [True]
    Calls(recorder.dynamodb, PutItem=lambda _: code if broken[0] else None)
    with pytest.raises(ClientError, match=code):
        lambda_.handler(pipeline_failed(), None)
    broken[0] = False
    lambda_.handler(pipeline_failed(), None)
    assert len(kept(recorder)) == 1
