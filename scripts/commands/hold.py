"""Keeps the active versions as they are: later changes wait behind the hold.

\b
  hold opt/route-planner --reason "Comparing two versions"
  hold opt --until 2026-12-28T08:00:00+01:00 --reason "Nobody is there over the holidays"
  hold all --window "0 18 * * 5 for 2d14h in Europe/Berlin" --reason "Weekends"

A type without an algorithm, or `all`, holds whole types. Rollbacks are possible during a hold.
`resume` ends it. A hold of another person is replaced only with --replace.
"""

from typing import Any

import click

from scripts.cli.completions import algorithms
from scripts.cli.options import MOMENT, SCOPE
from scripts.release.verb import Scope, change, verb_options


@click.command(name="hold", help=__doc__)
@click.argument("scope", type=SCOPE, metavar="TYPE[/ALGORITHM]", shell_complete=algorithms)
@click.option("--until", type=MOMENT, help="Time at which the hold ends.")
@click.option("--window", help="Recurring times at which the hold is in force.")
@click.option("--replace", is_flag=True, help="Replace the hold of another person.")
@click.option("--force", is_flag=True, help="Hold an algorithm that is not known yet.")
@verb_options
def command(scope: Scope, **options: Any) -> None:
    change("hold", scope, **options)
