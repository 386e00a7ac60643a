"""Returns to an earlier verified version, marks the replaced one as bad, and holds the algorithm.

\b
  rollback opt/route-planner --reason "Loses stops on long routes"
  rollback opt/route-planner 2.0.3 --reason "2.1.0 and 2.0.4 lose stops"
  rollback opt/route-planner,lane-change --as-of 2026-11-24T20:00:00Z --reason "Both lose stops"
  rollback opt --as-of 2026-11-24T20:00:00Z --reason "The whole day was bad"

Without a version, returns to the last version that was verified before the active one. Nothing
makes a version active that is marked as bad, until `clear` removes the mark.
"""

from typing import Any

import click

from scripts.cli.completions import algorithms, versions
from scripts.cli.options import MOMENT, NAME, SCOPE
from scripts.release.verb import Scope, change, verb_options


@click.command(name="rollback", help=__doc__)
@click.argument("scope", type=SCOPE, metavar="TYPE/ALGORITHM", shell_complete=algorithms)
@click.argument("version", type=NAME, shell_complete=versions, required=False)
@click.option("--as-of", type=MOMENT, help="Return to what was live at this time.")
@verb_options
def command(scope: Scope, **options: Any) -> None:
    change("rollback", scope, **options)
