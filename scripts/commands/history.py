"""Shows the newest releases, the live versions at a time, or the steps of one release.

\b
  history                        the newest releases
  history opt/route-planner      those of an algorithm
  history eb519411               each step of a release, with the slowest marked
  history --at 2026-11-25T10:00:00Z
                                 the versions that visitors were served at this time
  history --since 2h             the changes that visitors saw since then, by whom and why
  history --since T1 --until T2  those between two times

A version is live from the time at which it was verified.
"""

import click

from phaseline.algorithms.names import TYPES
from scripts.cli import invocation
from scripts.cli.completions import algorithms
from scripts.cli.console import Console, json_option
from scripts.cli.options import NAME, PAST, environment_option, type_option
from scripts.history.changes import changes
from scripts.history.find import PATH, release_of
from scripts.history.live import live_at
from scripts.history.newest import newest
from scripts.history.release_steps import release_steps
from scripts.release.known import check_algorithm
from scripts.services import Services


@click.command(name="history", help=__doc__)
@click.argument("what", required=False, shell_complete=algorithms)
@environment_option()
@type_option()
@click.option("--algorithm", type=NAME, help="Show only this algorithm.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Number of the newest releases to list.",
)
@click.option("--at", type=PAST, help="Show the versions that were live at this time.")
@click.option("--since", type=PAST, help="Show the changes since this time; 2h is two hours ago.")
@click.option(
    "--until", type=PAST, help="Show the changes until this time. Needs --since.  [default: now]"
)
@click.option("--release", "release_id", help="Show the steps of the release with this ID.")
@json_option
def command(
    what: str | None,
    environment: str,
    type_: str | None,
    algorithm: str | None,
    limit: int,
    at: str | None,
    since: str | None,
    until: str | None,
    release_id: str | None,
    as_json: bool,
) -> None:
    if what and (match := PATH.fullmatch(what)):
        type_, algorithm = match[1], match[2]
    elif what:
        release_id = what
    if sum(value is not None for value in (at, since, release_id)) > 1:
        raise click.UsageError("--at, --since and a release cannot be combined.")
    if until and not since:
        raise click.UsageError("--until needs --since.")
    if since and since > (until := until or invocation.now()):
        raise click.UsageError(f"--since {since} is after --until {until}.")
    services, types = Services(environment), (type_,) if type_ else TYPES
    if algorithm:
        check_algorithm(services, types, algorithm)
    if release_id:
        value, lines = release_steps(services, release_of(services, release_id))
    elif at:
        value, lines = live_at(services, types, algorithm, at)
    elif since:
        value, lines = changes(services, types, algorithm, since, str(until))
    else:
        value, lines = newest(services, types, algorithm, limit)
    Console(as_json=as_json).result({"environment": environment} | value, lines)
