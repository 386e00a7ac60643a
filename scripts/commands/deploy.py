"""Deploys an environment: its stacks, empty documents and Lambda packages.

Prints the changes and the outputs of each stack. If a deployment fails, run it again: it continues
where it stopped, and changes only differences. Exits with 4 if a stack fails, and with 6 if it does
not end in time.
"""

import json
import os
from pathlib import Path

import click

from phaseline.deploy.execute import Apply, Executor, Preview, deploy
from phaseline.deploy.plan import EVERY, STACKS
from phaseline.deploy.regions import check_region
from scripts.cli import aws
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    ROLE_ARN,
    dry_run_option,
    environment_option,
    parameter_option,
    parameters_option,
    timeout_option,
)
from scripts.deploy import existing_stream, result_text
from scripts.deploy.plan import make_plan
from scripts.deploy.stacks import make_stacks
from scripts.github import job


@click.command(name="deploy", help=__doc__)
@environment_option(required=True)
@parameters_option
@parameter_option
@click.option(
    "--stack",
    "selected",
    type=click.Choice(EVERY),
    multiple=True,
    help="Deploy only this stack. May be repeated. The default is all stacks except"
    " cloudformation, github and drift, which an administrator deploys because they have the roles"
    " of the workflows.",
)
@click.option(
    "--role-arn",
    type=ROLE_ARN,
    default="",
    help="ARN of the role that CloudFormation assumes; without it, CloudFormation uses the caller's"
    " permissions.",
)
@dry_run_option
@timeout_option("for each stack", 1800)
@json_option
def command(
    environment: str,
    parameters_file: Path | None,
    overrides: tuple[tuple[str, str], ...],
    selected: tuple[str, ...],
    role_arn: str,
    dry_run: bool,
    timeout: float,
    as_json: bool,
) -> None:
    plan = make_plan(environment, parameters_file, overrides, selected or STACKS, role_arn)
    console = Console(as_json=as_json, total=plan.steps())
    stacks = make_stacks(console, timeout)
    check_region(stacks.client.meta.region_name)
    if not dry_run:  # which the role of pull requests may do, and it may read no table
        existing_stream.check(plan, aws.client)
    s3 = aws.client("s3")
    executor: Executor = Preview(stacks, s3) if dry_run else Apply(stacks, s3)
    outcome = deploy(plan, executor, stacks, console.step)
    data = result_text.data(environment, dry_run, outcome)
    lines = list(result_text.lines(dry_run, outcome))
    console.result(data, lines)
    job.write_outputs(os.environ, {"result": json.dumps(data, sort_keys=True)})
    job.write_summary(os.environ, result_text.markdown(environment, lines))
