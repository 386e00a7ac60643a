"""Shows the changes that a deployment would make, and changes nothing.

Creates a change set for each stack, prints it and deletes it. With --pull-request, writes one
comment for each stack, which the next preview updates. If the preview of a stack fails, shows the
others, and exits with the error.
"""

import os
from pathlib import Path

import click

from phaseline.deploy import preview_comment
from phaseline.deploy.execute import deploy
from phaseline.deploy.plan import STACKS
from scripts.cli import aws, invocation
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    environment_option,
    parameter_option,
    parameters_option,
    timeout_option,
)
from scripts.deploy import preview_text
from scripts.deploy.plan import make_plan
from scripts.deploy.stacks import make_stacks
from scripts.deploy.tolerant_preview import TolerantPreview
from scripts.github import job
from scripts.github.comments import Comments


@click.command(name="preview", help=__doc__)
@environment_option(required=True)
@parameters_option
@parameter_option
@click.option(
    "--pull-request",
    type=click.IntRange(min=1),
    help="Number of the pull request in GITHUB_REPOSITORY to comment on, with GITHUB_TOKEN.",
)
@timeout_option("for each stack", 600)
@json_option
def command(
    environment: str,
    parameters_file: Path | None,
    overrides: tuple[tuple[str, str], ...],
    pull_request: int | None,
    timeout: float,
    as_json: bool,
) -> None:
    comments = Comments.of(os.environ, pull_request) if pull_request else None
    plan = make_plan(environment, parameters_file, overrides, STACKS)
    console = Console(as_json=as_json, total=plan.steps() + bool(comments))
    stacks = make_stacks(console, timeout)
    executor = TolerantPreview(stacks, aws.client("s3"))
    outcome = deploy(plan, executor, stacks, console.step)
    texts = preview_text.comments(
        environment, outcome, executor.failures, invocation.run_url() or ""
    )
    written: dict[str, str] = {}
    if comments:
        with console.step(f"Comment on pull request {pull_request}"):
            for stack, text in texts.items():
                written[stack] = comments.put(preview_comment.marker(environment, stack), text)
                console.progress(f"  {stack}: {written[stack]}")
    console.result(
        preview_text.data(environment, outcome, executor.failures, written),
        preview_text.lines(texts),
    )
    for text in texts.values():
        job.write_summary(os.environ, text)
    for error in executor.failures.values():
        raise error
