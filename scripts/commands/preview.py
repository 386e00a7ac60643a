"""Shows the changes that a deployment would make, and changes nothing.

Creates a change set for each stack, prints it and deletes it. With --pull-request, writes one
comment for each stack, which the next preview updates. If the preview of a stack fails, shows the
others, and exits with the error.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from phaseline.deploy import preview_comment
from phaseline.deploy.change_sets import DeclaredStack, StackResult
from phaseline.deploy.execute import DeployResult, Preview, deploy
from phaseline.deploy.plan import STACKS
from phaseline.errors import PhaselineError
from scripts.cli import aws, invocation
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
class TolerantPreview(Preview):
    """A preview that continues after errors. `failures` has the error of each failed stack."""

    failures: dict[str, PhaselineError] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stack(
        self, declared: DeclaredStack, needs: Mapping[str, StackResult | None]
    ) -> StackResult:
        """Return the changes of a stack, or a result without changes if the preview fails."""
        try:
            return super().stack(declared, needs)
        except PhaselineError as error:
            with self.lock:
                self.failures[declared.name] = error
            return StackResult(declared.name, "update")


@click.command(name="preview", help=__doc__)
@environment_option()
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
    texts = stack_texts(environment, outcome, executor.failures, invocation.run_url() or "")
    written: dict[str, str] = {}
    if comments:
        with console.step(f"Comment on pull request {pull_request}"):
            for stack, text in texts.items():
                written[stack] = comments.put(preview_comment.marker(environment, stack), text)
                console.progress(f"  {stack}: {written[stack]}")
    console.result(as_data(environment, outcome, executor.failures, written), as_lines(texts))
    for text in texts.values():
        job.write_summary(os.environ, text)
    for error in executor.failures.values():
        raise error


def stack_texts(
    environment: str, outcome: DeployResult, failures: Mapping[str, PhaselineError], link: str
) -> dict[str, str]:
    """Return the text about each stack."""
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
    outcome: DeployResult,
    failures: Mapping[str, PhaselineError],
    written: Mapping[str, str],
) -> dict[str, Any]:
    """Return the preview as --json prints it."""
    return {
        "environment": environment,
        "stacks": {name: asdict(result) for name, result in outcome.stacks.items()},
        "failures": {stack: str(error) for stack, error in failures.items()},
        "comments": dict(written),
    }


def as_lines(texts: Mapping[str, str]) -> Iterator[str]:
    """Return the lines for people: the comments without their markers."""
    for text in texts.values():
        yield from text.splitlines()[1:]
        yield ""
