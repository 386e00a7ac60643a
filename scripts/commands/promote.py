"""Makes a tested version active, and follows it until visitors are served it.

\b
  promote opt/route-planner 2.1.0 --reason "Its tests passed before the freeze"

The version comes from the algorithms table or, in an environment with an upstream, from there. If
the version is active already, follows its release to the end.
"""

from typing import Any

import click

from scripts.cli.completions import algorithms, versions
from scripts.cli.options import ALGORITHM, NAME
from scripts.release.verb import Scope, change, verb_options


@click.command(name="promote", help=__doc__)
@click.argument("algorithm", type=ALGORITHM, metavar="TYPE/ALGORITHM", shell_complete=algorithms)
@click.argument("version", type=NAME, shell_complete=versions)
@verb_options
def command(algorithm: Scope, version: str, **options: Any) -> None:
    change("promote", algorithm, version=version, **options)
