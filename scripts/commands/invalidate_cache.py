"""Invalidates the files in CloudFront that a pipeline execution published.

Prints the invalidation's ID and waits until it is complete. If the pipeline has invalidated the
files already, finds this invalidation and starts no second one.
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
    invalidated = (look if dry_run else ensure)(Services(environment), execution)
    Console(as_json=as_json).result(
        {
            "execution": execution,
            "invalidation": invalidated.id,
            "paths": invalidated.paths,
            "already_done": invalidated.found,
            "dry_run": dry_run,
        },
        [describe(invalidated)],
    )
