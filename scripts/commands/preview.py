"""Shows what a deploy would change: change sets that are made, shown and removed, never executed.

With --pull-request each stack's is a comment of its own, replaced by the next preview.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from phaseline.deploy import preview_comment
from phaseline.deploy.change_sets import Declared
from phaseline.deploy.execute import Outcome, Preview, deploy
from phaseline.deploy.plan import STACKS
from phaseline.deploy.stacks import Result
from phaseline.errors import PhaselineError
from scripts import services
from scripts.cli import aws
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    environment_option,
    parameter_option,
    parameters_option,
    timeout_option,
)
from scripts.commands.deploy import make_plan, make_stacks
from scripts.github import job
from scripts.github.comments import Comments


@dataclass(frozen=True)
class Tolerant(Preview):
    """A preview that goes on after a stack that has none; `failures` holds why, by stack."""

    failures: dict[str, PhaselineError] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stack(self, declared: Declared, needs: Mapping[str, Result | None]) -> Result:
        """What would change, or nothing that is known."""
        try:
            return super().stack(declared, needs)
        except PhaselineError as error:
            with self.lock:
                self.failures[declared.name] = error
            return Result(declared.name, "update")


@click.command(name="preview", help=__doc__)
@environment_option("Which one to look at.")
@parameters_option
@parameter_option
@click.option(
    "--pull-request",
    type=click.IntRange(min=1),
    help="Comment on this one, in GITHUB_REPOSITORY, with GITHUB_TOKEN.",
)
@timeout_option("for one stack", 600)
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
    executor = Tolerant(stacks, aws.client("s3"))
    outcome = deploy(plan, executor, stacks, console.step)
    texts = told(environment, outcome, executor.failures, services.run_url() or "")
    done: dict[str, str] = {}
    if comments:
        with console.step(f"Comment on pull request {pull_request}"):
            for stack, text in texts.items():
                done[stack] = comments.put(preview_comment.marker(environment, stack), text)
                console.progress(f"  {stack}: {done[stack]}")
    console.result(as_data(environment, outcome, executor.failures, done), as_lines(texts))
    for text in texts.values():
        job.write_summary(os.environ, text)
    for error in executor.failures.values():
        raise error


def told(
    environment: str, outcome: Outcome, failures: Mapping[str, PhaselineError], link: str
) -> dict[str, str]:
    """The text about each stack."""
    return {
        result.stack: preview_comment.text(
            environment,
            result,
            failure=str(failures.get(result.stack, "")),
            link=link,
        )
        for result in outcome.stacks.values()
    }


def as_data(
    environment: str,
    outcome: Outcome,
    failures: Mapping[str, PhaselineError],
    done: Mapping[str, str],
) -> dict[str, Any]:
    """What --json prints."""
    return {
        "environment": environment,
        "stacks": {name: asdict(result) for name, result in outcome.stacks.items()},
        "failures": {stack: str(error) for stack, error in failures.items()},
        "comments": dict(done),
    }


def as_lines(texts: Mapping[str, str]) -> Iterator[str]:
    """The same for people: the comments without their markers."""
    for text in texts.values():
        yield from text.splitlines()[1:]
        yield ""
