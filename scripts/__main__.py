"""`python -m scripts COMMAND`: each file in `commands/` is a command of the same name.

A command's module is imported only if the command runs, so that a command starts fast. The list
of commands shows the first line of each file.
"""

import ast
import importlib
from pathlib import Path

import click

from scripts.cli import console

COMMANDS = Path(__file__).with_name("commands")


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the first line of its file, without an import."""
        rows = [(name, _first_line(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _variable(option: click.Option) -> str:
    """Return the variable of an option, such as PHASELINE_DRY_RUN for --dry-run."""
    longest = max(option.opts, key=len)
    return f"PHASELINE_{longest.lstrip('-').replace('-', '_').upper()}"


def _first_line(name: str) -> str:
    tree = ast.parse((COMMANDS / f"{name.replace('-', '_')}.py").read_text("utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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

    \b
    To complete commands with the TAB key, create an executable `phaseline` on PATH:
      #!/bin/sh
      PYTHONPATH=CHECKOUT exec CHECKOUT/.venv/bin/python -m scripts "$@"
    and add to ~/.bashrc (other shells have zsh_source and fish_source):
      eval "$(_PHASELINE_COMPLETE=bash_source phaseline)"
    """


if __name__ == "__main__":
    console.run(main)
