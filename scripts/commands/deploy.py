"""Deploys an environment: its stacks, first documents and Lambda packages.

Running it again is safe, and is the remedy for most of what can go wrong: it goes on where it
stopped, and changes nothing where nothing is to change.
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

from phaseline.deploy.change_sets import Change
from phaseline.deploy.execute import Apply, Executor, Outcome, Preview, deploy
from phaseline.deploy.parameters import Sections, read
from phaseline.deploy.plan import EVERY, STACKS, TEMPLATES, Plan
from phaseline.deploy.stack_status import Event
from phaseline.deploy.stacks import Stacks
from phaseline.errors import ConfigurationError
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
@environment_option("Which one to deploy.")
@parameters_option
@parameter_option
@click.option(
    "--stack",
    "selected",
    type=click.Choice(EVERY),
    multiple=True,
    help="Deploy this one only. May be repeated; all but github unless told otherwise: the roles"
    " of GitHub's workflows are an administrator's to deploy.",
)
@click.option(
    "--role-arn",
    type=ROLE_ARN,
    default="",
    help="The role that CloudFormation acts as; the caller's own rights unless told otherwise.",
)
@dry_run_option
@timeout_option("for one stack", 1800)
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
    """What the environment should be, by this repository and the parameters file."""
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
    """The account's stacks, whose events the console tells."""
    return Stacks(
        aws.client("cloudformation"),
        clock=time.monotonic,
        sleep=time.sleep,
        progress=lambda event: console.progress(_line(event)),
        limit=timeout,
    )


def _sections(environment: str, file: Path | None) -> Sections:
    """The parameters file's sections; none where the environment has no file of its own."""
    path = file or REPOSITORY / "infra" / "parameters" / f"{environment}.json"
    try:
        return read(path.read_text("utf-8"), str(path), EVERY)
    except FileNotFoundError as error:
        if file is None:
            return {}
        raise ConfigurationError(
            str(path), "the parameters file does not exist", "Correct --parameters."
        ) from error


def _line(event: Event) -> str:
    line = f"  {event.stack}: {event.resource} {event.status}"
    return f"{line}: {event.reason}" if event.reason else line


def as_data(environment: str, dry_run: bool, outcome: Outcome) -> dict[str, Any]:
    """The outcome as what --json prints."""
    return {
        "environment": environment,
        "dry_run": dry_run,
        "stacks": {name: asdict(result) for name, result in outcome.stacks.items()},
        "documents": outcome.documents,
        "packages": {
            one.package.name: {
                "key": str(one.key),
                "code_sha256": one.key.code_sha256,
                "size": one.package.size,
                "sent": one.sent,
            }
            for one in outcome.packages
        },
    }


def as_lines(dry_run: bool, outcome: Outcome) -> Iterator[str]:
    """The outcome for people: what changed, then the outputs."""
    would = "would be " if dry_run else ""
    for key in outcome.documents:
        yield f"{key}: {would}created"
    for one in outcome.packages:
        yield f"{one.key}: {f'{would}uploaded' if one.sent else 'is there'}, {one.package.size:,} B"
    for result in outcome.stacks.values():
        done = "no changes" if result.action == "none" else f"{would}{result.action}d"
        yield f"{result.stack}: {done}{f'; {result.note}' if result.note else ''}"
        yield from (f"  {_change(change)}" for change in result.changes)
        yield from (f"  {name} = {value}" for name, value in sorted(result.outputs.items()))


def as_markdown(environment: str, lines: Iterable[str]) -> str:
    """The outcome for a job's summary."""
    return "\n".join([f"### Stacks of {environment}", "", *(f"    {one}" for one in lines), ""])


def _change(change: Change) -> str:
    line = f"{SIGNS.get(change.action, '?')} {change.resource} ({change.type})"
    if change.properties:
        line += f": {', '.join(change.properties)}"
    return f"{line}, replaced: {change.replacement}" if change.replacement == "True" else line
