"""The function that rolls back the promotions of a failed execution."""

import json
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from phaseline.errors import InputError
from tests.builders.calls import Calls
from tests.builders.failures import World
from tests.builders.failures import world as world  # a fixture
from tests.builders.stores import BUCKET
from tests.conftest import LoadHandler


@pytest.fixture
def function(world: World, load_handler: LoadHandler) -> ModuleType:
    """The handler of the function in this environment."""
    environment = {
        "ENVIRONMENT": "test",
        "LEDGER_TABLE": "ledger",
        "METADATA_BUCKET": BUCKET,
        "METADATA_PREFIX": "metadata/",
        "PIPELINE_NAME": "phaseline-demo",
    }
    loaded = load_handler("automatic_rollback", environment)
    Calls(
        loaded._ROLLBACK.executions.client,
        ListPipelineExecutions=lambda _: {"pipelineExecutionSummaries": world.executions},
        ListActionExecutions=lambda _: {"actionExecutionDetails": world.actions()},
    )
    return loaded


def event(execution: str = "e1") -> dict[str, Any]:
    """The event of an execution that failed just now."""
    return {"time": datetime.now(UTC).isoformat(), "detail": {"execution-id": execution}}


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the fields of the only line in the log."""
    (line,) = capsys.readouterr().out.splitlines()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_rollback_is_logged_with_its_releases_and_counted_once(
    world: World, function: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    world.stream("2")
    world.run()
    function.handler(event(), None)
    line = logged(capsys)
    assert (line["AutomaticRollback"], line["execution"]) == (1, "e1")
    assert line["decision"] == "a: 2 -> 1"
    assert line["releases"] == world.document().algorithms["a"].release
    function.handler(event(), None)
    assert logged(capsys)["AutomaticRollback"] == 0


def test_refusal_is_logged_and_raises_no_error(
    world: World, function: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error would make Lambda try again."""
    world.run()
    function.handler(event(), None)
    line = logged(capsys)
    assert line["AutomaticRollback"] == 0
    assert "there is no automatic rollback: every version" in line["decision"]


@pytest.mark.parametrize(
    "foreign",
    [
        {},
        {"detail": {}, "time": "2026-11-25T10:00:00Z"},
        event() | {"time": "now"},
        event() | {"time": "2026-11-25T10:00:00"},
        event() | {"time": "9999-12-31T23:59:59-05:00"},
        event() | {"time": None},
        event() | {"detail": None},
    ],
)
def test_malformed_event_is_an_error_that_names_the_rule(
    function: ModuleType, foreign: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"infra/watch\.yaml"):
        function.handler(foreign, None)
