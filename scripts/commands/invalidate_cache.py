"""Ensures that CloudFront has forgotten what an execution's publication changed.

It is the same invalidation as the pipeline's own: running both makes one.
"""

import click

from phaseline.site import invalidation
from phaseline.site.invalidation import Invalidated
from scripts.cli.console import Console, json_option
from scripts.cli.options import dry_run_option, environment_option, execution_option
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


def look(known: Services, execution: str) -> Invalidated:
    """What the invalidation of an execution's publication is or would be."""
    return invalidation.look(
        execution, codepipeline=known.codepipeline, name=known.environment.pipeline, s3=known.s3
    )


def ensure(known: Services, execution: str) -> Invalidated:
    """See to the invalidation of an execution's publication."""
    return invalidation.ensure(
        execution,
        codepipeline=known.codepipeline,
        name=known.environment.pipeline,
        s3=known.s3,
        cdn_=known.cdn,
    )


def describe(found: Invalidated) -> str:
    """What came of it, in a few words."""
    if found.found:
        return f"{found.id}: already done by the pipeline"
    if found.id is None:
        return f"would invalidate {', '.join(found.paths)}" if found.paths else "nothing to do"
    return f"{found.id}: completed, {len(found.paths)} paths"
