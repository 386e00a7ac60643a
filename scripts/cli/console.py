"""Where output goes: data to stdout, progress to stderr, an error on one line.

On GitHub Actions an error is an annotation and a line of the job's summary as well. Colour is
for a terminal only, and never with NO_COLOR or CI set.
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
"""Seconds of silence after which a step says that it goes on: some CI systems end a silent one."""
COMPLETION = "_PHASELINE_COMPLETE"
"""The variable by which a shell asks for completions: click makes its usual name of the program's,
which has spaces here."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON object on stdout."
)


@dataclass
class Step:
    """A step that a command took: its title, its result in a few words, how long it took, and the
    page that shows more."""

    step: str
    result: str = ""
    seconds: float = 0.0
    url: str | None = None


@dataclass
class Console:
    """The output of one command that takes `total` steps; `steps` are those that it has begun."""

    as_json: bool = False
    total: int = 0
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Callable[[], float] = time.monotonic
    heartbeat: float = HEARTBEAT
    steps: list[Step] = field(default_factory=list, init=False)
    _spoke: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Number and name what runs inside, tell how long it took, and that it is still alive.

        The result that is put into the step is told at its end. A step that raises has failed.
        """
        step = Step(title)
        self.steps.append(step)
        label = f"[{len(self.steps)}/{self.total}] {title}"
        self.progress(label, style="bold")
        started = self.clock()
        ended = threading.Event()
        alive = threading.Thread(target=self._beat, args=(label, started, ended), daemon=True)
        alive.start()
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
            alive.join()
            step.seconds = self.clock() - started
            self.progress(f"{label}: {outcome} {duration(step.seconds)}", style)

    def progress(self, line: str, style: str = "") -> None:
        """One line for people, on stderr."""
        line = inert(line)
        with self._lock:
            self._spoke = self.clock()
            if _is_colourful(self.err, self.environ):
                from rich.console import Console as Rich  # slow to import, seldom wanted

                Rich(file=self.err, markup=False, highlight=False).print(line, style=style)
            else:
                print(line, file=self.err, flush=True)

    def result(self, value: Any, lines: Iterable[str]) -> None:
        """What the command found or did, on stdout: `value` with --json, else `lines`."""
        text = json.dumps(value, indent=2, sort_keys=True)
        if not self.as_json:
            text = "\n".join(map(inert, lines))
        print(text, file=self.out, flush=True)

    def warn(self, title: str, message: str, *, file: str, line: int | None = None) -> None:
        """Point at a file of the repository, where this runs as a job of GitHub Actions."""
        if self.environ.get("GITHUB_ACTIONS") == "true":
            place = {"file": file, "line": str(line or 1)}
            print(annotation(title, message, "warning", **place), file=self.err, flush=True)

    def _beat(self, label: str, started: float, ended: threading.Event) -> None:
        while not ended.wait(self.heartbeat):
            if self.clock() - self._spoke >= self.heartbeat:
                self.progress(f"{label}: still going, {duration(self.clock() - started)}")


def run(command: click.Command) -> None:
    """Run `command` and exit; the one place where an error becomes a line and an exit code."""
    from botocore.exceptions import BotoCoreError, ClientError

    # A shell completes the name of a program; `python -m scripts` is none.
    name = "phaseline" if COMPLETION in os.environ else None
    try:
        command(prog_name=name, complete_var=COMPLETION)
    except PhaselineError as error:
        found = error
    except (ClientError, BotoCoreError) as error:
        from scripts.cli.aws_errors import translated  # slow to import, seldom wanted

        found = translated(error)
    report(found, sys.stderr, os.environ)
    sys.exit(found.exit_code)


def report(error: PhaselineError, err: TextIO, environ: Mapping[str, str]) -> None:
    """Tell `error` on one line; on GitHub Actions also where its users look."""
    line = inert(" ".join(str(error).split()))
    print(f"error: {line}", file=err, flush=True)
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    print(annotation(_title(error), line), file=err, flush=True)
    job.write_summary(environ, f"**{_title(error)}:** {job.escape(line)}\n")


def inert(text: str) -> str:
    """`text` as one line that GitHub's runner takes for no command, whatever it quotes: an event
    of a stack, a property that drifted, somebody's reason. A command begins its line, or in the
    older form stands anywhere in it.
    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    line = re.sub(r"[\r\n]+", " ", text).replace("##[", "## [")
    return re.sub(r"^(\s*)::", r"\1: :", line)


def annotation(title: str, message: str, level: str = "error", **place: str) -> str:
    """GitHub's workflow command for an error or another `level`, escaped as its toolkit does;
    `place` is a `file` and a `line`.
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
    """A duration as people say it: 0.4 s, 3 min 5 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
