"""Runs a command, and makes its error a line and an exit code.

An error is one line. On GitHub Actions it is also an annotation, and a line in the job's summary.
`phaseline.errors` gives each kind of error its exit code; a signal is 128 plus its number.
"""

import os
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeGuard

import click

from phaseline.errors import InputError, PhaselineError, RemoteCallError
from phaseline.github import markdown
from scripts.cli import interruption, secrets, streams
from scripts.cli.console import Console
from scripts.cli.interruption import Interrupted
from scripts.cli.streams import inert
from scripts.github import job

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

NAME = "phaseline"
"""The name of the program in usage, errors and completions, also as `python -m scripts`."""
COMPLETION = "_PHASELINE_COMPLETE"
"""The variable with which a shell asks for completions."""
TRUE = {"1", "true", "t", "yes", "y", "on"}
"""The values of a variable that set a flag, as click reads them."""


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
