"""Checks an environment for drift: compares the declared, recorded and deployed state.

Compares stacks, functions, pipeline, algorithms table, documents and website. Prints each
difference with its explanation or its remedy. With --repair, repeats steps that are safe to repeat
(promotes lost versions, builds or invalidates the website, redeploys a function's code), and then
compares again. Exits with 0 without differences, with 5 if there are differences, and with 1 if
something could not be compared.
"""

import os
from dataclasses import asdict
from pathlib import Path

import click

from phaseline.deploy.plan import EVERY
from phaseline.drift.deployed import checkout
from phaseline.drift.releases import SETTLE
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    environment_option,
    parameter_option,
    parameters_option,
    timeout_option,
)
from scripts.deploy import templates
from scripts.deploy.plan import make_plan
from scripts.drift import report_text
from scripts.drift.flow import DriftCheck, raise_for
from scripts.github import job
from scripts.github.issues import Issues, KeptIssue
from scripts.services import Services


@click.command(name="drift", help=__doc__)
@environment_option()
@parameters_option
@parameter_option
@click.option(
    "--stack",
    "selected",
    type=click.Choice(EVERY),
    multiple=True,
    help="Check only this stack; skip the release checks. May be repeated.",
)
@click.option("--repair", is_flag=True, help="Repair the findings that are safe to repair.")
@click.option(
    "--report",
    is_flag=True,
    help="Open, update or close an issue in GITHUB_REPOSITORY, with GITHUB_TOKEN; tell Slack if the"
    " issue changes; count each complete check in the metric DriftChecked.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=SETTLE,
    show_default=True,
    help="Seconds between two checks of the releases; only a difference that both find counts.",
)
@timeout_option("for the drift detection of one stack", 600)
@json_option
def command(
    environment: str,
    parameters_file: Path | None,
    overrides: tuple[tuple[str, str], ...],
    selected: tuple[str, ...],
    repair: bool,
    report: bool,
    settle: float,
    timeout: float,
    as_json: bool,
) -> None:
    if selected and (repair or report):
        raise click.UsageError("--stack cannot be combined with --repair or --report.")
    issues = Issues.of(os.environ, "--report") if report else None
    plan = make_plan(environment, parameters_file, overrides, selected or EVERY)
    console = Console(as_json=as_json, total=(1 if selected else 2) + report)
    declared = checkout(plan, templates.read)
    check = DriftCheck(Services(environment), console, declared, selected, settle, timeout)
    result, repaired = check.compare_and_repair() if repair else (check.compare(), ())
    kept = KeptIssue("unchanged")
    if issues:
        result, kept = check.publish(issues, result, repaired)
    console.result(
        report_text.data(result, repaired, asdict(kept)), report_text.lines(result, repaired)
    )
    job.write_summary(os.environ, f"{report_text.markdown(result, repaired)}\n")
    for finding in result.findings:
        if finding.file:
            console.warn(finding.kind, finding.sentence, file=finding.file, line=finding.line)
    raise_for(result)
