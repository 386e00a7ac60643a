"""The output of commands: steps, results, errors and colours."""

import io
from typing import TYPE_CHECKING

import pytest

from phaseline.errors import RefusedError
from scripts.cli import console, failures
from tests.waiting import eventually

if TYPE_CHECKING:
    pass


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "colourful"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"CI": "true"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_is_used_only_on_terminals(
    stream: io.StringIO, environ: dict[str, str], colourful: bool
) -> None:
    """Never with NO_COLOR or in CI."""
    environ |= {"TERM": "xterm-256color"}
    console.Console(err=stream, environ=environ).progress("line", "bold")
    assert ("\x1b[" in stream.getvalue()) == colourful
    assert "line" in stream.getvalue()


def test_steps_are_numbered_and_timed() -> None:
    """A failed step is marked, and its error is raised."""
    err, now = io.StringIO(), iter([0.0, 0.0, 1.5, 2.0, 2.0, 2.0, 92.0, 92.0])
    shown = console.Console(total=2, err=err, environ={}, clock=lambda: next(now))
    with shown.step("One"):
        pass
    with pytest.raises(RefusedError), shown.step("Two"):
        raise RefusedError("x", "held", "Wait.")
    assert err.getvalue().splitlines() == [
        "[1/2] One",
        "[1/2] One: done in 1.5 s",
        "[2/2] Two",
        "[2/2] Two: failed after 1 min 30 s",
    ]


def test_silent_step_prints_a_heartbeat() -> None:
    err = io.StringIO()
    shown = console.Console(total=1, err=err, environ={}, heartbeat=0.01)
    with shown.step("Wait"):
        eventually(lambda: "[1/1] Wait: still running" in err.getvalue())


@pytest.mark.parametrize("as_json", [True, False])
def test_data_goes_to_stdout(as_json: bool) -> None:
    """As JSON or as lines, without the progress."""
    out, err = io.StringIO(), io.StringIO()
    shown = console.Console(as_json=as_json, out=out, err=err, environ={})
    shown.progress("under way")
    shown.result({"a": 1}, ["a is 1"])
    assert out.getvalue() == ('{\n  "a": 1\n}\n' if as_json else "a is 1\n")
    assert err.getvalue() == "under way\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  ::add-mask::x", "  : :add-mask::x"),
        ("why\n::stop-commands::x", "why ::stop-commands::x"),
        ("why ##[set-output name=outcome;]done", "why ## [set-output name=outcome;]done"),
        ("  stack: Queue CREATE_COMPLETE", "  stack: Queue CREATE_COMPLETE"),
    ],
)
def test_quoted_text_is_not_a_workflow_command(text: str, line: str) -> None:
    """Neither as progress, nor as a result, nor in an error."""
    out, err = io.StringIO(), io.StringIO()
    told = console.Console(out=out, err=err, environ={})
    told.progress(text)
    told.result({}, [text])
    assert (out.getvalue(), err.getvalue()) == (f"{line}\n", f"{line}\n")
    err = io.StringIO()
    failures.report(RefusedError("it", text, "Wait."), err, {})
    assert "##[" not in err.getvalue()
    assert not err.getvalue().strip().startswith("::")


def test_warning_names_a_file_only_on_github() -> None:
    """At line 1 if the line is unknown."""
    err = io.StringIO()
    told = console.Console(err=err, environ={"GITHUB_ACTIONS": "true"})
    told.warn("code", "it differs", file="infra/a,b.yaml")
    console.Console(err=err, environ={}).warn("code", "it differs", file="infra/a.yaml", line=7)
    assert err.getvalue() == "::warning file=infra/a%2Cb.yaml,line=1,title=code::it differs\n"
