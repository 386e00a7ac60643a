"""Ensures that CloudFront has forgotten what an execution's publication changed.

It is the same invalidation as the pipeline's own: running both makes one.
"""

import click

from scripts.cli.console import Console, json_option
from scripts.cli.options import dry_run_option, environment_option, execution_option
from scripts.release.invalidation import describe, ensure, look
from scripts.services import Services


@click.command(name="invalidate-cache", help=__doc__)
@environment_option()
@execution_option()
@dry_run_option
@json_option
def command(environment: str, execution: str, dry_run: bool, as_json: bool) -> None:
    found = (look if dry_run else ensure)(Services(environment), execution)
    Console(as_json=as_json).result(
        {
            "execution": execution,
            "invalidation": found.id,
            "paths": found.paths,
            "already_done": found.found,
            "dry_run": dry_run,
        },
        [describe(found)],
    )
