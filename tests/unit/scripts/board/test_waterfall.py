"""The steps of a release as bars."""

from dataclasses import replace

from phaseline.history.timeline import Timeline, TimelineStep
from scripts.board.waterfall import NARROWEST, WIDTH, of_execution, of_timeline
from tests.builders.pipeline import at, execution


def step(name: str, begin: float, end: float | None, note: str | None = None) -> TimelineStep:
    """A step between two seconds."""
    took = None if end is None else end - begin
    return TimelineStep(name, at(begin), None if end is None else at(end), took, note=note)


def test_bars_share_one_scale_from_the_first_step_to_the_last_end() -> None:
    slow = step("Build", 20, 80)
    steps = (step("asked", 0, 0), step("wait for Build", 0, 20), slow, step("verified", 100, 100))
    asked, wait, build, verified = of_timeline(Timeline(steps, 100, slow), at(500))
    assert (wait.x, wait.width, build.x, build.width) == (0, 200, 200, 600)
    assert [bar.kind for bar in (asked, wait, build, verified)] == [
        "moment", "wait", "work", "moment",
    ]  # fmt: skip
    assert (verified.x, verified.width) == (WIDTH - NARROWEST, NARROWEST)
    assert [bar.is_slowest for bar in (asked, wait, build, verified)] == [False, False, True, False]


def test_running_step_lasts_until_now() -> None:
    first, running = of_timeline(
        Timeline((step("a", 0, 50), step("b", 50, None)), None, None), at(100)
    )
    assert (first.width, running.kind, running.x, running.width) == (500, "running", 500, 500)


def test_failed_step_is_told_apart() -> None:
    (bar,) = of_timeline(
        Timeline((step("Build", 0, 9, "Failed: no such file"),), None, None), at(9)
    )
    assert bar.kind == "failed"


def test_steps_without_any_duration_have_a_place() -> None:
    bars = of_timeline(Timeline((step("a", 0, 0), step("b", 0, 0)), 0.0, None), at(0))
    assert [(bar.x, bar.width) for bar in bars] == [(0, NARROWEST), (0, NARROWEST)]
    assert of_timeline(Timeline((), None, None), at(0)) == []


def test_execution_has_a_bar_for_each_action_with_its_failure() -> None:
    bars = of_execution(execution(0, failed=True), at(500))
    assert [bar.name for bar in bars][-1] == "Build"
    assert (bars[-1].note, bars[-1].kind) == ("Failed: no such file", "failed")
    assert bars[-1].x + bars[-1].width == WIDTH


def test_action_that_runs_lasts_until_now() -> None:
    ended = execution(0)
    *others, last = ended.actions
    running = replace(ended, actions=(*others, replace(last, state="InProgress")))
    assert of_execution(running, at(200))[-1].seconds is None
