"""Removes the bad mark of a version, so that it can become active again.

\b
  clear opt/route-planner 2.1.0 --reason "The data was wrong, not the version"

It does not make the version active: `promote` does.
"""

from typing import Any

import click

from scripts.cli.completions import algorithms, versions
from scripts.cli.options import ALGORITHM, NAME
from scripts.release.verb import Scope, change, verb_options


@click.command(name="clear", help=__doc__)
@click.argument("algorithm", type=ALGORITHM, metavar="TYPE/ALGORITHM", shell_complete=algorithms)
@click.argument("version", type=NAME, shell_complete=versions)
@verb_options
def command(algorithm: Scope, version: str, **options: Any) -> None:
    change("clear", algorithm, version=version, **options)
