"""Ends a hold, and releases the changes that waited behind it.

\b
  resume opt/route-planner --reason "Compared"
  resume all --reason "Back at work"
"""

from typing import Any

import click

from scripts.cli.completions import algorithms
from scripts.cli.options import SCOPE
from scripts.release.verb import Scope, change, verb_options


@click.command(name="resume", help=__doc__)
@click.argument("scope", type=SCOPE, metavar="TYPE[/ALGORITHM]", shell_complete=algorithms)
@verb_options
def command(scope: Scope, **options: Any) -> None:
    change("resume", scope, **options)
