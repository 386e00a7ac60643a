"""How the demo shows several releases that are under way at once."""

import io
from typing import Any, cast

import pytest
from rich.console import Console

from local.demo import display
from local.demo.watch import Step, Watch, together


class Scripted:
    """A release whose news are known: what is new at each look."""

    type = "opt"

    def __init__(self, algorithm: str, *news: list[Step]) -> None:
        self.algorithm, self.version = algorithm, "1.0.0"
        self._news = list(news)

    def news(self) -> list[Step]:
        return self._news.pop(0)

    @property
    def is_over(self) -> bool:
        return not self._news


def step(name: str, seconds: float = 1.0, *, failed: bool = False) -> Step:
    return Step(name, f"about {name}", seconds, failed)


def watches() -> list[Watch]:
    """Two releases: one arrives, the other one fails at its build."""
    good = [step("item")], [step("listener"), step("document")], [step("Source.In")]
    more = [step("Source.Out"), step("Build.Build", 9.5)], [step("verified"), step("slack")]
    bad = [step("item")], [step("Build.Build", failed=True)]
    made = Scripted("lane-change", *good, *more), Scripted("route-planner", *bad)
    return cast(list[Watch], list(made))


def test_releases_are_followed_together() -> None:
    """Each look asks every release that is not over, so that none waits for another one."""
    seen = [(watch.algorithm, one.name) for watch, one in together(watches())]
    assert seen[:4] == [
        ("lane-change", "item"),
        ("route-planner", "item"),
        ("lane-change", "listener"),
        ("lane-change", "document"),
    ]
    assert seen[4] == ("route-planner", "Build.Build")
    assert seen[-1] == ("lane-change", "slack")


def test_plain_lines() -> None:
    """One line for each stage that a release reaches, and for each failure: not for each step."""
    out = io.StringIO()
    display.show_releases(watches(), Console(file=out, width=200))
    shown = [line.split()[2:6] for line in out.getvalue().splitlines()]
    assert shown == [
        ["opt", "lane-change", "1.0.0", "item"],
        ["opt", "route-planner", "1.0.0", "item"],
        ["opt", "lane-change", "1.0.0", "listener"],
        ["opt", "route-planner", "1.0.0", "Build.Build"],
        ["opt", "lane-change", "1.0.0", "Source.In"],
        ["opt", "lane-change", "1.0.0", "Build.Build"],
        ["opt", "lane-change", "1.0.0", "verified"],
    ]
    assert out.getvalue().count("FAILED about Build.Build") == 1


def test_a_terminal() -> None:
    """A table with the newest step of each release, which is there once at the end."""
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=120, legacy_windows=False)
    display.show_releases(watches(), terminal)
    last = out.getvalue().rpartition("algorithm")[2]
    assert last.count("lane-change") == last.count("route-planner") == 1
    assert "about slack" in last
    assert "about Build.Build" in last


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ([], "  drift.yml: failure; log /runs/1/log.txt\n"),
        ([("notice", "a"), ("error", "b\nc")], "  drift.yml: failure: b c; log /runs/1/log.txt\n"),
    ],
)
def test_a_failed_run(annotations: list[tuple[str, str]], words: str) -> None:
    """It says why in the same line, where anything told it."""
    run: dict[str, Any] = {"conclusion": "failure", "workflow": ".github/workflows/drift.yml"}
    run["annotations"] = [{"level": level, "message": text} for level, text in annotations]
    out = io.StringIO()
    assert not display.show_run(run | {"log": "/runs/1/log.txt"}, Console(file=out, width=200))
    assert out.getvalue() == words
