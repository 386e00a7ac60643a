"""Deploys an environment: its stacks, empty documents and Lambda packages.

Prints the changes and the outputs of each stack. If a deployment fails, run it again: it continues
where it stopped, and changes only differences. Exits with 4 if a stack fails, and with 6 if it does
not end in time.
"""

import json
import os
import sysconfig
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from phaseline.deploy.change_sets import ResourceChange
from phaseline.deploy.execute import Apply, DeployResult, Executor, Preview, deploy
from phaseline.deploy.parameters import Sections, read
from phaseline.deploy.plan import EVERY, STACKS, TEMPLATES, Plan
from phaseline.deploy.regions import check_region
from phaseline.deploy.stack_status import Event
from phaseline.deploy.stacks import Stacks
from phaseline.errors import ConfigurationError
from phaseline.github.markdown import indented
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
from scripts.github import job

REPOSITORY = Path(__file__).parents[2]
SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}


@click.command(name="deploy", help=__doc__)
@environment_option()
@parameters_option
@parameter_option
@click.option(
    "--stack",
    "selected",
    type=click.Choice(EVERY),
    multiple=True,
    help="Deploy only this stack. May be repeated. The default is all stacks except github, which"
    " an administrator deploys because it has the roles of the workflows.",
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
    s3 = aws.client("s3")
    executor: Executor = Preview(stacks, s3) if dry_run else Apply(stacks, s3)
    outcome = deploy(plan, executor, stacks, console.step)
    data, lines = as_data(environment, dry_run, outcome), list(as_lines(dry_run, outcome))
    console.result(data, lines)
    job.write_outputs(os.environ, {"result": json.dumps(data, sort_keys=True)})
    job.write_summary(os.environ, as_markdown(environment, lines))


def make_plan(
    environment: str,
    parameters_file: Path | None,
    overrides: Iterable[tuple[str, str]],
    selected: Iterable[str],
    role_arn: str = "",
) -> Plan:
    """Return the plan of an environment from this repository and the parameters file."""
    folder = REPOSITORY / "infra"
    return Plan(
        environment=environment,
        selected=frozenset(selected),
        templates={name: (folder / f"{TEMPLATES[name]}.yaml").read_text() for name in EVERY},
        sections=_sections(environment, parameters_file),
        overrides=dict(overrides),
        repository=REPOSITORY,
        environment_paths=[Path(sysconfig.get_path("purelib"))],
        role_arn=role_arn,
    )


def make_stacks(console: Console, timeout: float) -> Stacks:
    """Return the account's stacks. The console prints their events."""
    return Stacks(
        aws.client("cloudformation"),
        clock=time.monotonic,
        sleep=time.sleep,
        progress=lambda event: console.progress(_line(event)),
        limit=timeout,
    )


def _sections(environment: str, file: Path | None) -> Sections:
    """Return the sections of the parameters file, or none if the environment has no file."""
    path = file or REPOSITORY / "infra" / "parameters" / f"{environment}.json"
    try:
        return read(path.read_text("utf-8"), str(path), EVERY)
    except FileNotFoundError as error:
        if file is None:
            return {}
        raise ConfigurationError(
            str(path), "the parameters file does not exist", "Correct the path in --parameters."
        ) from error


def _line(event: Event) -> str:
    line = f"  {event.stack}: {event.resource} {event.status}"
    return f"{line}: {event.reason}" if event.reason else line


def as_data(environment: str, dry_run: bool, outcome: DeployResult) -> dict[str, Any]:
    """Return the outcome as --json prints it."""
    return {
        "environment": environment,
        "dry_run": dry_run,
        "stacks": {name: asdict(result) for name, result in outcome.stacks.items()},
        "documents": outcome.documents,
        "packages": {
            upload.package.name: {
                "key": str(upload.key),
                "code_sha256": upload.key.code_sha256,
                "size": upload.package.size,
                "sent": upload.sent,
            }
            for upload in outcome.packages
        },
    }


def as_lines(dry_run: bool, outcome: DeployResult) -> Iterator[str]:
    """Return the lines for people: the changes of each stack, and then its outputs."""
    would = "would be " if dry_run else ""
    for key in outcome.documents:
        yield f"{key}: {would}created"
    for upload in outcome.packages:
        effect = f"{would}uploaded" if upload.sent else "unchanged"
        yield f"{upload.key}: {effect}, {upload.package.size:,} B"
    for result in outcome.stacks.values():
        done = "no changes" if result.action == "none" else f"{would}{result.action}d"
        yield f"{result.stack}: {done}{f'; {result.note}' if result.note else ''}"
        yield from (f"  {_change(change)}" for change in result.changes)
        yield from (f"  {name} = {value}" for name, value in sorted(result.outputs.items()))


def as_markdown(environment: str, lines: Iterable[str]) -> str:
    """Return the outcome as Markdown for a job's summary."""
    return "\n".join([f"### Stacks of {environment}", "", *indented("\n".join(lines)), ""])


def _change(change: ResourceChange) -> str:
    line = f"{SIGNS.get(change.action, '?')} {change.resource} ({change.type})"
    if change.properties:
        line += f": {', '.join(change.properties)}"
    return f"{line}, replaced: {change.replacement}" if change.replacement == "True" else line
