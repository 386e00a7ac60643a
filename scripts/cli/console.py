"""The output of commands: the result on stdout, progress and errors on stderr.

Everything that a process prints goes through `streams`, so that no untrusted text is obeyed.

An error is one line. On GitHub Actions it is also an annotation, and a line in the job's summary.
Only a terminal gets colours, and only if neither NO_COLOR nor CI is set.
"""

import json
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TextIO, TypeGuard

import click

from phaseline.errors import InputError, PhaselineError, RemoteCallError
from phaseline.github import markdown
from scripts.cli import interruption, secrets, streams
from scripts.cli.interruption import Interrupted
from scripts.cli.streams import inert
from scripts.cli.text import Cell, Line, render
from scripts.github import job

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

NAME = "phaseline"
"""The name of the program in usage, errors and completions, also as `python -m scripts`."""
HEARTBEAT = 30.0
"""Seconds without output after which a step prints a line. Some CI systems end a silent job."""
COMPLETION = "_PHASELINE_COMPLETE"
"""The variable with which a shell asks for completions."""

TRUE = {"1", "true", "t", "yes", "y", "on"}
"""The values of a variable that set a flag, as click reads them."""

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


def run(command: click.Command) -> None:
    """Run a command and exit. Errors are printed and become exit codes only here.

    Errors that a person can act on are one line; any other error is a defect, and has a traceback.
    """
    if COMPLETION in os.environ:
        complete(command)
    streams.replace()
    interruption.process.listen()
    Console.has_result = False
    failure = _failure_of(command)
    report(failure, sys.stderr, os.environ)
    if _is_json(sys.argv, os.environ) and not Console.has_result:
        Console(as_json=True).result(as_data(failure), [])
    sys.exit(failure.exit_code)


def as_data(error: PhaselineError) -> dict[str, Any]:
    """Return an error as --json prints it, in place of a result."""
    fields = {"kind": type(error).__name__, "exit_code": error.exit_code, "message": str(error)}
    parts = {"where": error.where, "found": error.found, "remedy": error.remedy}
    return {"error": fields | parts | {"notes": getattr(error, "__notes__", [])}}


def _is_json(arguments: list[str], environ: Mapping[str, str]) -> bool:
    """Return whether the result is JSON, also if the command was not understood."""
    return "--json" in arguments or environ.get("PHASELINE_JSON", "").lower() in TRUE


def complete(command: click.Command) -> NoReturn:
    """Print the completions that a shell asks for, and exit. Errors are silent.

    The shell reads bytes. No thread that still waits for an answer of AWS keeps it waiting.
    """
    with suppress(Exception, SystemExit):
        command.main(prog_name=NAME, complete_var=COMPLETION, standalone_mode=False)
    sys.stdout.flush()
    os._exit(0)


def _failure_of(command: click.Command) -> PhaselineError:
    """Run a command. Return its error; exit if it has none."""
    try:
        secrets.check(os.environ)
        sys.exit(command.main(prog_name=NAME, complete_var=COMPLETION, standalone_mode=False) or 0)
    except PhaselineError as error:
        return error
    except Interrupted as interrupted:
        return interrupted.error()
    except click.Abort:
        sys.exit("Aborted.")
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        return misused(error)
    except Exception as error:  # noqa: BLE001 - a workflow has an annotation for each error
        if _is_of_aws(error):
            from scripts.cli.aws_errors import translated  # slow to import, and rarely needed

            return translated(error)
        _print_trace(error)
        return RemoteCallError(
            "an unexpected error",
            f"{type(error).__name__}, see the lines above",
            "Report it with these lines: it is a defect of Phaseline.",
        )


def _is_of_aws(error: Exception) -> "TypeGuard[BotoCoreError | ClientError]":
    """Return whether an error is one of botocore, which only a command that needs it imports."""
    aws = sys.modules.get("botocore.exceptions")
    return aws is not None and isinstance(error, (aws.BotoCoreError, aws.ClientError))


def _print_trace(error: BaseException) -> None:
    """Print a traceback in which errors of the AWS library have no part of a request."""
    from phaseline.aws.wording import wording

    if cause := error.__cause__ or error.__context__:
        _print_trace(cause)
    print("Traceback (most recent call last):", file=sys.stderr)
    traceback.print_tb(error.__traceback__)
    print(f"{type(error).__name__}: {wording(error)}\n", file=sys.stderr)


def misused(error: click.ClickException) -> PhaselineError:
    """Return click's error about options and arguments as an error of Phaseline."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else NAME
    remedy = f"See: {command} --help"
    return InputError(command, error.format_message().rstrip("."), remedy)


def report(error: PhaselineError, err: TextIO, environ: Mapping[str, str]) -> None:
    """Print an error on one line; on GitHub Actions, also annotate it and add it to the summary."""
    line = inert(str(error))
    print(f"error: {line}", file=err, flush=True)
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    print(job.annotation(_title(error), line), file=streams.below(err), flush=True)
    job.write_summary(environ, f"**{_title(error)}:** {markdown.escape(line)}\n")


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
