"""The commands that look at executions and change nothing: watch, logs, open; and stop."""

import io
import json
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from phaseline.errors import DeploymentError, InputError, RefusedError
from phaseline.site import manifests
from scripts.__main__ import main
from scripts.services import Services
from tests.builders.calls import Calls
from tests.builders.executions import E1, E2, action, summary
from tests.builders.services import empty
from tests.builders.site import manifest

BUILD = "build:0d416c17-6c41-4b93-a123-1a8e418fb09f"


@dataclass
class World:
    """An environment with executions, of which a test says how they went."""

    services: Services
    executions: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    calls: Calls

    def run(self, *arguments: str) -> Result:
        """Run a command."""
        return CliRunner().invoke(main, [*arguments, "--environment", "demo"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with empty() as found:
        executions = [summary(E2, "Failed"), summary(E1, "Succeeded")]
        failed = action("Build", "Failed", externalExecutionId=BUILD)
        actions = [failed | {"input": {"actionTypeId": {"category": "Build"}}}]
        status = {one["pipelineExecutionId"]: one for one in executions}
        calls = Calls(
            found.codepipeline,
            ListPipelineExecutions=lambda _: {"pipelineExecutionSummaries": executions},
            ListActionExecutions=lambda _: {"actionExecutionDetails": actions},
            GetPipelineExecution=lambda asked: {
                "pipelineExecution": {
                    "pipelineExecutionId": asked["pipelineExecutionId"],
                    "status": status[asked["pipelineExecutionId"]]["status"],
                }
            },
            StopPipelineExecution=lambda _: {"pipelineExecutionId": E1},
        )
        logs = found.build_logs
        place = {"groupName": "g", "streamName": "s"}
        Calls(logs.codebuild, BatchGetBuilds=lambda _: {"builds": [{"logs": place}]})
        Calls(logs.logs, GetLogEvents=lambda _: {"events": [{"message": "no title\x1b[2J"}]})
        for module in ("watch", "logs", "open", "stop", "status"):
            monkeypatch.setattr(f"scripts.commands.{module}.Services", lambda name: found)
        yield World(found, executions, actions, calls)


def test_last_lines_of_the_newest_failed_build_are_shown(world: World) -> None:
    ended = world.run("logs")
    assert ended.exit_code == 0, ended.exception
    first, line = ended.stdout.splitlines()[:2]
    assert first.startswith(f"Build stage / Build failed in execution {E2}: ")
    assert line == r"  no title\x1b[2J"
    assert json.loads(world.run("logs", E2[:8], "--json").stdout)["lines"] == ["no title\x1b[2J"]


def test_execution_without_a_failure_says_so(world: World) -> None:
    world.actions.clear()
    assert "Succeeded: no action has failed" in world.run("logs", E1).stdout
    world.executions[:] = [summary(E1, "Succeeded")]
    assert isinstance(world.run("logs").exception, InputError)


def test_failure_that_is_watched_has_its_last_lines(world: World) -> None:
    ended = world.run("watch", E2)
    assert isinstance(ended.exception, DeploymentError)
    assert ended.exception.__notes__ == ["no title\x1b[2J"]
    assert r"    no title\x1b[2J" in ended.stderr.splitlines()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_browser_is_opened_only_on_a_terminal(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr("scripts.commands.open.sys", StandIn(is_terminal))
    assert world.run("open").stdout == "https://x\n"
    url = world.services.executions.url(E2)
    assert world.run("open", "pipeline", "--no-browser").stdout == f"{url}\n"
    assert opened == (["https://x"] if is_terminal else [])


class StandIn:
    """The module sys with a terminal, or without one."""

    def __init__(self, is_terminal: bool) -> None:
        self.stdout = io.StringIO()
        self.stdout.isatty = lambda: is_terminal  # type: ignore[method-assign]


def test_only_execution_in_progress_is_stopped(world: World) -> None:
    world.executions.insert(0, summary(E1, "InProgress"))
    world.executions[:] = [summary(E1, "InProgress"), summary(E2, "Failed")]
    ended = world.run("stop", "--reason", "it hangs", "--abandon")
    assert ended.exit_code == 0, ended.exception
    assert f"execution {E1} stops at once" in ended.stdout
    (asked,) = world.calls.of("StopPipelineExecution")
    assert asked["abandon"]
    assert asked["reason"].endswith(": it hangs")


def test_execution_to_stop_must_be_named_and_in_progress(world: World) -> None:
    assert isinstance(world.run("stop", "--reason", "x").exception, RefusedError)
    world.executions[:] = [summary(E2, "InProgress"), summary(E1, "InProgress")]
    ended = world.run("stop", "--reason", "x")
    assert isinstance(ended.exception, InputError)
    assert f"{E2}, {E1}" in ended.exception.found
    assert world.run("stop", E1, "--reason", "x", "--dry-run").exit_code == 0
    assert world.calls.of("StopPipelineExecution") == []


def test_status_is_shown_again_when_it_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe, where nothing is printed as long as nothing changes."""
    shown = manifests.parse(manifest(), "x")
    monkeypatch.setattr(manifests, "fetch", lambda url: shown)
    looks = iter([lambda: None, lambda: world.executions.clear(), stop])
    monkeypatch.setattr(time, "sleep", lambda seconds: next(looks)())
    ended = world.run("status", "--watch")
    assert isinstance(ended.exception, EnoughError)
    assert ended.stdout.count("demo: https://x") == 2


class EnoughError(Exception):
    """The test has seen enough."""


def stop() -> None:
    """End the command."""
    raise EnoughError
