"""The output of commands: the result on stdout, progress and errors on stderr.

An error is one line. On GitHub Actions it is also an annotation, and a line in the job's summary.
Only a terminal gets colours, and only if neither NO_COLOR nor CI is set.
"""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

import click

from phaseline.errors import PhaselineError
from scripts.github import job

HEARTBEAT = 30.0
"""Seconds without output after which a step prints a line. Some CI systems end a silent job."""
COMPLETION = "_PHASELINE_COMPLETE"
"""The variable with which a shell asks for completions. click would derive its name from the name
of the program, which contains spaces."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on stdout."
)


@dataclass
class Step:
    """A step of a command: its title, its result in a few words, its duration in seconds, and the
    page with details."""

    step: str
    result: str = ""
    seconds: float = 0.0
    url: str | None = None


@dataclass
class Console:
    """The output of a command with `total` steps. `steps` are those that have started."""

    as_json: bool = False
    total: int = 0
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Callable[[], float] = time.monotonic
    heartbeat: float = HEARTBEAT
    steps: list[Step] = field(default_factory=list, init=False)
    _last_output: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Print the number, the title and the duration of the code inside.

        Print a line every HEARTBEAT seconds, and at the end the result that the code sets on the
        step. A step that raises an error has failed.
        """
        step = Step(title)
        self.steps.append(step)
        label = f"[{len(self.steps)}/{self.total}] {title}"
        self.progress(label, style="bold")
        started = self.clock()
        ended = threading.Event()
        heartbeat = threading.Thread(target=self._beat, args=(label, started, ended), daemon=True)
        heartbeat.start()
        outcome, style = "failed after", "red"
        try:
            yield step
            outcome, style = "done in", "green"
            if step.result:
                self.progress(f"  {step.result}")
        except BaseException:
            step.result = "failed"
            raise
        finally:
            ended.set()
            heartbeat.join()
            step.seconds = self.clock() - started
            self.progress(f"{label}: {outcome} {duration(step.seconds)}", style)

    def progress(self, line: str, style: str = "") -> None:
        """Print one line on stderr."""
        line = inert(line)
        with self._lock:
            self._last_output = self.clock()
            if _is_colourful(self.err, self.environ):
                from rich.console import Console as Rich  # slow to import, and rarely needed

                Rich(file=self.err, markup=False, highlight=False).print(line, style=style)
            else:
                print(line, file=self.err, flush=True)

    def result(self, value: Any, lines: Iterable[str]) -> None:
        """Print the result of the command on stdout: `value` with --json, else `lines`."""
        text = json.dumps(value, indent=2, sort_keys=True)
        if not self.as_json:
            text = "\n".join(map(inert, lines))
        print(text, file=self.out, flush=True)

    def warn(self, title: str, message: str, *, file: str, line: int | None = None) -> None:
        """Annotate a file of the repository with a warning, on GitHub Actions only."""
        if self.environ.get("GITHUB_ACTIONS") == "true":
            place = {"file": file, "line": str(line or 1)}
            print(annotation(title, message, "warning", **place), file=self.err, flush=True)

    def _beat(self, label: str, started: float, ended: threading.Event) -> None:
        while not ended.wait(self.heartbeat):
            if self.clock() - self._last_output >= self.heartbeat:
                self.progress(f"{label}: still running, {duration(self.clock() - started)}")


def run(command: click.Command) -> None:
    """Run a command and exit. Errors are printed on one line and become exit codes only here."""
    from botocore.exceptions import BotoCoreError, ClientError

    # A shell completes only the name of a program, which `python -m scripts` is not.
    name = "phaseline" if COMPLETION in os.environ else None
    try:
        command(prog_name=name, complete_var=COMPLETION)
    except PhaselineError as error:
        failure = error
    except (ClientError, BotoCoreError) as error:
        from scripts.cli.aws_errors import translated  # slow to import, and rarely needed

        failure = translated(error)
    report(failure, sys.stderr, os.environ)
    sys.exit(failure.exit_code)


def report(error: PhaselineError, err: TextIO, environ: Mapping[str, str]) -> None:
    """Print an error on one line; on GitHub Actions, also annotate it and add it to the summary."""
    line = inert(" ".join(str(error).split()))
    print(f"error: {line}", file=err, flush=True)
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    print(annotation(_title(error), line), file=err, flush=True)
    job.write_summary(environ, f"**{_title(error)}:** {job.escape(line)}\n")


def inert(text: str) -> str:
    """Return text as one line that GitHub's runner does not execute as a workflow command.

    Text may quote others, such as a stack event or a person's reason. A command is at the
    beginning of a line; a command in the older form is anywhere in it.
    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    line = re.sub(r"[\r\n]+", " ", text).replace("##[", "## [")
    return re.sub(r"^(\s*)::", r"\1: :", line)


def annotation(title: str, message: str, level: str = "error", **place: str) -> str:
    """Return GitHub's workflow command for an annotation, escaped as in GitHub's toolkit.

    `level` is "error", "warning" or "notice"; `place` has a `file` and a `line`.
    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    properties = ",".join(
        f"{name}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in (place | {"title": title}).items()
    )
    return f"::{level} {properties}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _title(error: PhaselineError) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Error"))
    return f"{words.capitalize()} error"


def _is_colourful(stream: TextIO, environ: Mapping[str, str]) -> bool:
    return stream.isatty() and not environ.get("NO_COLOR") and not environ.get("CI")


def duration(seconds: float) -> str:
    """Return a duration in words, such as "0.4 s" or "3 min 5 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
