"""`phaseline COMMAND`, or `python -m scripts COMMAND`: each file in `commands/` is a command.

A command's module is imported only if the command runs, so that a command starts fast. The list
of commands shows the first line of each file.
"""

import ast
import importlib
from pathlib import Path

import click

from scripts.cli import failures
from scripts.cli.nearest import aside

COMMANDS = Path(__file__).with_name("commands")
HEADINGS = {
    "Change versions": ("promote", "rollback", "hold", "resume", "clear", "backfill"),
    "Look at releases": ("board", "status", "history", "diff", "watch", "logs", "open", "dora"),
    "Steps of workflows": (
        "follow-pipeline",
        "github-release",
        "invalidate-cache",
        "package",
        "release",
        "start-pipeline",
        "update-metadata",
    ),
}
"""The headings in the list of commands, and their commands in the order of the list."""
OTHERS = "Operate an environment"
"""The heading of all other commands. It precedes the last one of HEADINGS."""


class Commands(click.Group):
    """A group of commands, each of which is a file."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the sorted names of the commands."""
        modules = {file.stem for file in COMMANDS.glob("*.py")} - {"__init__"}
        return sorted(name.replace("_", "-") for name in modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or None. Only its own module is imported."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"scripts.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        for option in command.params:
            # click's own prefix would give the same option another variable in each command.
            if isinstance(option, click.Option) and option.envvar is None:
                option.envvar = _variable(option)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, or name the one that was meant."""
        names = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in names:
            ctx.fail(f"No such command '{args[0]}'{aside(args[0], names)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the first line of its file, without an import."""
        names = self.list_commands(ctx)
        widest = max(map(len, names))
        for heading, commands in headings(names).items():
            rows = [(name.ljust(widest), _first_line(name)) for name in commands]
            with formatter.section(heading):
                formatter.write_dl(rows)


def headings(names: list[str]) -> dict[str, list[str]]:
    """Return the headings of the list of commands, with the commands of each."""
    *first, last = HEADINGS
    listed = {
        heading: [name for name in HEADINGS[heading] if name in names] for heading in HEADINGS
    }
    known = {name for commands in HEADINGS.values() for name in commands}
    others = [name for name in names if name not in known]
    found = {**{one: listed[one] for one in first}, OTHERS: others, last: listed[last]}
    return {heading: commands for heading, commands in found.items() if commands}


def _variable(option: click.Option) -> str:
    """Return the variable of an option, such as PHASELINE_DRY_RUN for --dry-run."""
    longest = max(option.opts, key=len)
    return f"PHASELINE_{longest.lstrip('-').replace('-', '_').upper()}"


def _first_line(name: str) -> str:
    tree = ast.parse((COMMANDS / f"{name.replace('-', '_')}.py").read_text("utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _show_version(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from scripts.cli.version import VERSION  # it reads the changelog

        click.echo(f"phaseline {VERSION}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def main() -> None:
    """Releases algorithm versions to the website, and operates Phaseline's environments.

    Credentials and Region are read as by the AWS CLI: from environment variables, a profile or a
    role. Each option can also be set by a variable PHASELINE_<OPTION>, such as
    PHASELINE_ENVIRONMENT for --environment.

    \b
    Exit codes of all commands:
      0  done
      1  a remote call failed
      2  wrong usage or input
      3  wrong configuration
      4  the pipeline or a stack failed
      5  drift found
      6  timed out
      7  refused
      130, 143  interrupted by SIGINT (such as Ctrl-C), by SIGTERM

    `phaseline completion install` completes commands, algorithms and versions with the TAB key.
    """


def run() -> None:
    """Run the program `phaseline`."""
    failures.run(main)


if __name__ == "__main__":
    run()
