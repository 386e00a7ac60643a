"""Pure: the result of a preview as comments, as JSON and as lines for people."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from phaseline.deploy import preview_comment
from phaseline.deploy.execute import DeployResult
from phaseline.errors import PhaselineError


def comments(
    environment: str, outcome: DeployResult, failures: Mapping[str, PhaselineError], link: str
) -> dict[str, str]:
    """Return the comment about each stack."""
    return {
        result.stack: preview_comment.text(
            environment,
            result,
            failure=str(failures.get(result.stack, "")),
            link=link,
        )
        for result in outcome.stacks.values()
    }


def data(
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


def lines(texts: Mapping[str, str]) -> Iterator[str]:
    """Return the lines for people: the comments without their markers."""
    for text in texts.values():
        yield from text.splitlines()[1:]
        yield ""
