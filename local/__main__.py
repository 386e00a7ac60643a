"""`python -m local COMMAND`: run the local system, and use a running one.

`demo` writes the addresses of the running system to .phaseline/demo/system.json. The other commands
read them there. Every error is printed on one line.
"""

import os
import subprocess
import sys
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from local import automation
from local.demo import demo as demonstration
from local.demo import display
from local.demo import shell as demonstration_shell
from local.system import ENVIRONMENT, ROOT, System, attach, control, frontend, table, website
from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.errors import (
    ConfigurationError,
    DeploymentError,
    PhaselineError,
    RefusedError,
    RemoteCallError,
)
from scripts.cli.aws_errors import translated
from scripts.cli.failures import report

BUILDSPEC = "buildspec.yml"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Phaseline on this machine, without an AWS account."""


@main.command()
@click.option("--ci", is_flag=True, help="End after the release; fail if it is not served.")
def demo(ci: bool) -> None:
    """Start the local system, deploy it and release a version."""
    sys.exit(demonstration.run(ci=ci, folder=demonstration.FOLDER))


def running() -> System:
    """Return the system that `demo` runs in another terminal."""
    return attach.attach(demonstration.FOLDER)


def name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return a name that the listener accepts. No release would follow from another one."""
    if not NAME_PATTERN.fullmatch(value):
        raise click.BadParameter("1 to 128 letters, digits, '.', '_' and '-' are allowed.")
    return value


@main.command()
@click.argument("type_", metavar="TYPE", type=click.Choice(TYPES))
@click.argument("algorithm", callback=name)
@click.argument("version", callback=name)
def promote(type_: str, algorithm: str, version: str) -> None:
    """Write a tested version into the table, and follow its release."""
    system = running()
    if table.phase(system, algorithm, version) == demonstration.COMPLETE:
        served = website.versions(system, type_).get(algorithm)
        if served == version:
            click.echo(f"{algorithm} {version} is live already; nothing was done.")
            return
        raise RefusedError(
            f"{algorithm} {version}",
            f"it has passed its tests already, and the website serves {served}",
            "See `runs` and `slack`, or promote it by `workflow promote.yml action=promote`.",
        )
    title = algorithm.replace("-", " ").capitalize()
    made = (type_, algorithm, version, title, f"Version {version}.")
    if not demonstration.promote(system, made, display.console()):
        sys.exit(DeploymentError.exit_code)


@main.command()
@click.argument("algorithm")
@click.argument("version")
@click.argument("phase")
def phase(algorithm: str, version: str, phase: str) -> None:
    """Set the phase of a version in the table."""
    system = running()
    if table.phase(system, algorithm, version) == phase:
        click.echo(f"The phase of {algorithm} {version} is {phase} already; nothing was done.")
        return
    table.set_phase(system, algorithm, version, phase)
    click.echo(f"The phase of {algorithm} {version} is {phase} now.")


@main.command("break-build")
def break_build() -> None:
    """Push a commit that makes the build of the frontend fail."""
    push_buildspec(demonstration.BROKEN_BUILD, "Break the build", "broken")


@main.command("mend-build")
def mend_build() -> None:
    """Push the original buildspec.yml of the frontend again."""
    text = (ROOT / "examples/frontend" / BUILDSPEC).read_text(encoding="utf-8")
    push_buildspec(text, "Mend the build", "as it should be")


def push_buildspec(text: str, message: str, state: str) -> None:
    """Push a buildspec to the repository of the frontend, unless it is there already."""
    system = running()
    if frontend.read(system, BUILDSPEC).strip() == text.strip():
        click.echo(f"The build is {state} already; nothing was pushed.")
        return
    commit = frontend.commit(system, {BUILDSPEC: text}, message)
    click.echo(f"Pushed {commit[:8]}: {message}.")


@main.command()
def slack() -> None:
    """Print the present messages in Slack, with the replies in their threads."""
    messages = control.slack_messages(running())
    for message in messages:
        if "thread_ts" not in message:
            replies = [reply for reply in messages if reply.get("thread_ts") == message["ts"]]
            click.echo("\n    ".join(shown["text"] for shown in (message, *replies)))


@main.command()
def runs() -> None:
    """List the workflow runs and the paths of their logs."""
    for run in control.runs(running()):
        state = run["conclusion"] or run["status"]
        click.echo(f"{run['id']:>4} {Path(run['workflow']).name:<24}{state:<12}{run['log']}")


@main.command()
@click.argument("file", metavar="WORKFLOW.YML")
@click.argument("inputs", metavar="[NAME=VALUE]...", nargs=-1)
def workflow(file: str, inputs: tuple[str, ...]) -> None:
    """Run a workflow in the demo's environment, and print its summary."""
    system = running()
    pairs = [text.partition("=") for text in inputs]
    given = {"environment": ENVIRONMENT} | {name: value for name, _, value in pairs}
    number = automation.dispatch(system, file, **given)
    run = automation.ended(system, file, after=number - 1)
    click.echo(run["summary"] or Path(run["log"]).read_text(encoding="utf-8"))
    if run["conclusion"] != "success":
        found = f"{run['conclusion']}{display.reason(run)}"
        raise DeploymentError(f"the run of {file}", found, f"Its log is {run['log']}")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(command: tuple[str, ...]) -> None:
    """Open a shell in which phaseline, gh and aws use the system, or run one COMMAND in it."""
    system = running()
    if not command:
        click.echo(demonstration_shell.GREETING)
    sys.exit(demonstration_shell.run(system, command))


def explained(error: Exception) -> PhaselineError:
    """Return the reason for a failed command: a part of the system has ended, or a call failed."""
    if isinstance(error, OSError):  # not a call: libraries have their own errors for calls
        return ConfigurationError("this machine", str(error), "Correct that, and try again.")
    try:
        running()
    except PhaselineError as found:
        return found
    if isinstance(error, ClientError | BotoCoreError):
        return translated(error)
    said = getattr(error, "stderr", None) or str(error)
    return RemoteCallError("a call", said.strip().rstrip("."), "Running it again is safe.")


def run() -> None:
    """Run a command and exit. Errors are printed and become exit codes only here."""
    try:
        main()
    except PhaselineError as error:
        problem = error
    except (BotoCoreError, ClientError, HTTPError, OSError, subprocess.SubprocessError) as error:
        problem = explained(error)
    report(problem, sys.stderr, os.environ)
    sys.exit(problem.exit_code)


if __name__ == "__main__":
    run()
