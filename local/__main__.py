"""`python -m local COMMAND`: run the local system, and play with one that runs.

`demo` writes the running system's addresses to .phaseline/demo/system.json; the other commands
read them there.
"""

import sys
from pathlib import Path

import click
from rich.console import Console

from local import automation
from local import demo as demonstration
from local.system import ENVIRONMENT, ROOT, System
from phaseline.errors import ConfigurationError, DeploymentError, PhaselineError
from phaseline.transition import NAME_PATTERN, TYPES


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The whole of Phaseline on this machine, without an account."""


@main.command()
@click.option("--ci", is_flag=True, help="End after the release; fail if it is not served.")
def demo(ci: bool) -> None:
    """Start everything, deploy it, and take a release through it."""
    sys.exit(demonstration.run(ci=ci))


def running() -> System:
    """The system that `demo` runs in another terminal."""
    try:
        return System.attach(demonstration.FOLDER)
    except OSError as error:
        raise ConfigurationError(
            str(demonstration.FOLDER), "no system runs here", "Start one with `make demo`."
        ) from error


def name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A name that the listener takes; with another one there would be no release to follow."""
    if not NAME_PATTERN.fullmatch(value):
        raise click.BadParameter("1 to 128 letters, digits, '.', '_' and '-' are allowed.")
    return value


@main.command()
@click.argument("type_", metavar="TYPE", type=click.Choice(TYPES))
@click.argument("algorithm", callback=name)
@click.argument("version", callback=name)
def promote(type_: str, algorithm: str, version: str) -> None:
    """Write a version that passed its tests into the table, and follow its release."""
    system = running()
    title = algorithm.replace("-", " ").capitalize()
    made = (type_, algorithm, version, title, f"Version {version}.")
    if not demonstration.promote(system, made, Console(highlight=False)):
        sys.exit(DeploymentError.exit_code)


@main.command()
@click.argument("algorithm")
@click.argument("version")
@click.argument("phase")
def phase(algorithm: str, version: str, phase: str) -> None:
    """Set the phase of a version that is in the table."""
    running().set_phase(algorithm, version, phase)


@main.command("break-build")
def break_build() -> None:
    """Push a commit to the frontend's repository with which its build fails."""
    running().commit_frontend({"buildspec.yml": demonstration.BROKEN_BUILD}, "Break the build")


@main.command("mend-build")
def mend_build() -> None:
    """Push the frontend's own buildspec.yml again."""
    text = (ROOT / "examples/frontend/buildspec.yml").read_text()
    running().commit_frontend({"buildspec.yml": text}, "Mend the build")


@main.command()
def slack() -> None:
    """Print the messages in Slack as they look now, with the replies in their threads."""
    messages = running().slack_messages()
    for message in messages:
        if "thread_ts" not in message:
            replies = [one for one in messages if one.get("thread_ts") == message["ts"]]
            click.echo("\n    ".join(one["text"] for one in (message, *replies)))


@main.command()
def runs() -> None:
    """List the workflow runs, and where their logs are."""
    for run in running().runs():
        state = run["conclusion"] or run["status"]
        click.echo(f"{run['id']:>4} {Path(run['workflow']).name:<24}{state:<12}{run['log']}")


@main.command()
@click.argument("file", metavar="WORKFLOW.YML")
@click.argument("inputs", metavar="[NAME=VALUE]...", nargs=-1)
def workflow(file: str, inputs: tuple[str, ...]) -> None:
    """Run a workflow by hand in the environment of the demo, and print its summary."""
    system = running()
    pairs = [text.partition("=") for text in inputs]
    given = {"environment": ENVIRONMENT} | {name: value for name, _, value in pairs}
    number = automation.dispatch(system, file, **given)
    run = automation.ended(system, file, after=number - 1)
    click.echo(run["summary"] or Path(run["log"]).read_text())
    if run["conclusion"] != "success":
        sys.exit(DeploymentError.exit_code)


if __name__ == "__main__":
    try:
        main()
    except PhaselineError as problem:
        click.echo(f"error: {problem}", err=True)
        sys.exit(problem.exit_code)
