"""`python -m scripts COMMAND`: each file in `commands/` is a command of its name.

A command's module is imported when it is called, so that one command's start-up never pays for
another's imports; the list of commands is read from the files' first lines.
"""

import ast
import importlib
from pathlib import Path

import click

from scripts.cli import console

COMMANDS = Path(__file__).with_name("commands")


class Commands(click.Group):
    """The group whose commands are files."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands' names, sorted."""
        modules = {file.stem for file in COMMANDS.glob("*.py")} - {"__init__"}
        return sorted(name.replace("_", "-") for name in modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None; only its own module is imported."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"scripts.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        for option in command.params:
            # By click's own prefix each command would have a variable of its own for one option.
            if isinstance(option, click.Option) and option.envvar is None:
                option.envvar = _variable(option)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with the first line of its file, none of them imported."""
        rows = [(name, _first_line(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _variable(option: click.Option) -> str:
    """The environment variable of an option: PHASELINE_DRY_RUN for --dry-run."""
    longest = max(option.opts, key=len)
    return f"PHASELINE_{longest.lstrip('-').replace('-', '_').upper()}"


def _first_line(name: str) -> str:
    tree = ast.parse((COMMANDS / f"{name.replace('-', '_')}.py").read_text("utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Takes a tested algorithm version to the website that shows it.

    AWS is reached as the AWS tools reach it: by profile, role or environment variables.
    Every option is also read from PHASELINE_<OPTION>, such as PHASELINE_ENVIRONMENT.
    Exit codes: 0 done, 1 a remote call failed, 2 usage, 3 configuration, 4 the pipeline or a
    stack failed, 5 drift found, 6 timed out waiting, 7 refused.

    \b
    Completion by the TAB key needs an executable file `phaseline` on the PATH:
      #!/bin/sh
      PYTHONPATH=CHECKOUT exec CHECKOUT/.venv/bin/python -m scripts "$@"
    and in the shell's start-up file (zsh_source and fish_source for the others):
      eval "$(_PHASELINE_COMPLETE=bash_source phaseline)"
    """


if __name__ == "__main__":
    console.run(main)
