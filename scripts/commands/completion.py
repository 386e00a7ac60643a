"""Installs the completion of commands, options, algorithms and versions with the TAB key.

\b
  completion install
  completion install --shell fish

Adds a line to ~/.bashrc or ~/.zshrc, or writes a file for fish. Running it again changes nothing.
It takes effect in a new shell that finds `phaseline` on its PATH.
"""

import os
from pathlib import Path

import click

from phaseline.errors import InputError
from scripts.cli import shells
from scripts.cli.console import Console, json_option


@click.command(name="completion", help=__doc__)
@click.argument("action", type=click.Choice(["install"]))
@click.option("--shell", type=click.Choice(shells.SHELLS), help="Shell.  [default: that of SHELL]")
@json_option
def command(action: str, shell: str | None, as_json: bool) -> None:  # noqa: ARG001 - only one
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in shells.SHELLS:
        raise InputError(
            "the variable SHELL",
            f"expected one of {', '.join(shells.SHELLS)}, found {name or 'nothing'}",
            "Name one with --shell.",
        )
    place = shells.place(name, os.environ)
    changed = shells.install(name, place)
    note = f"{place}: {'completion is installed' if changed else 'it was installed already'}"
    Console(as_json=as_json).result(
        {"shell": name, "file": str(place), "changed": changed},
        [note, f"Start a new {name} to use it."],
    )
