"""The output of commands: the result on stdout, progress and errors on stderr.

Everything that a process prints goes through `streams`, so that no untrusted text is obeyed.

Only a terminal gets colours, and only if neither NO_COLOR nor CI is set.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import click

from scripts.cli import streams
from scripts.cli.interruption import Interrupted
from scripts.cli.text import Cell, Line, render
from scripts.github import job

if TYPE_CHECKING:
    pass

HEARTBEAT = 30.0
"""Seconds without output after which a step prints a line. Some CI systems end a silent job."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on stdout."
)


@dataclass
class ConsoleStep:
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
    has_result: ClassVar[bool] = False
    """Whether this process has printed a result, after which an error is no JSON on stdout."""
    steps: list[ConsoleStep] = field(default_factory=list, init=False)
    _last_output: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @contextmanager
    def step(self, title: str) -> Iterator[ConsoleStep]:
        """Print the number, the title and the duration of the code inside.

        Print a line every HEARTBEAT seconds, and at the end the result that the code sets on the
        step. A step that raises an error has failed; an interruption
        notes the step and those before it.
        """
        step = ConsoleStep(title)
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
        except Interrupted as interrupted:
            step.result, outcome = "interrupted", "interrupted after"
            done = ", ".join(f'"{earlier.step}"' for earlier in self.steps[:-1])
            interrupted.add_note(f'in the step "{title}"{done and f", after {done}"}')
            raise
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
        with self._lock:
            self._last_output = self.clock()
            self._print([Cell(line, style)], self.err)

    def result(self, value: Any, lines: Iterable[Line]) -> None:
        """Print the result of the command on stdout: `value` with --json, else `lines`."""
        if self.as_json:
            text = streams.inert_json(json.dumps(value, indent=2, sort_keys=True))
            print(text, file=self.out, flush=True)
        else:
            for line in lines:
                self._print(line, self.out)
        Console.has_result = True

    @property
    def is_terminal(self) -> bool:
        """Whether a terminal shows the result, with colours and links."""
        return _is_colourful(self.out, self.environ)

    def clear(self) -> None:
        """Clear the screen of a terminal, for a result that takes the place of the one before."""
        if self.is_terminal:
            print("\x1b[H\x1b[2J", end="", file=streams.below(self.out), flush=True)

    def _print(self, line: Line, stream: TextIO) -> None:
        """Print a line; on a terminal with its colours and links, which nothing quoted can make."""
        is_terminal = _is_colourful(stream, self.environ)
        where = streams.below(stream) if is_terminal else stream
        print(render(line, is_terminal=is_terminal), file=where, flush=True)

    def warn(self, title: str, message: str, *, file: str, line: int | None = None) -> None:
        """Annotate a file of the repository with a warning, on GitHub Actions only."""
        if self.environ.get("GITHUB_ACTIONS") == "true":
            place = {"file": file, "line": str(line or 1)}
            command = job.annotation(title, message, "warning", **place)
            print(command, file=streams.below(self.err), flush=True)

    def _beat(self, label: str, started: float, ended: threading.Event) -> None:
        while not ended.wait(self.heartbeat):
            if self.clock() - self._last_output >= self.heartbeat:
                self.progress(f"{label}: still running, {duration(self.clock() - started)}")


def _is_colourful(stream: TextIO, environ: Mapping[str, str]) -> bool:
    return stream.isatty() and not environ.get("NO_COLOR") and not environ.get("CI")


def duration(seconds: float) -> str:
    """Return a duration in words, such as "0.4 s" or "3 min 5 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
