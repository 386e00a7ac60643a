"""Looks whether an environment's stacks are still what their templates say.

Exit code 5 where one has drifted, 1 where one could not be checked, 0 where all that
CloudFormation checks is as declared. Types that it does not check are listed.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from phaseline.deployment import STACKS
from phaseline.errors import DriftError, RemoteCallError
from phaseline.stack_drift import Difference, StackDrift, detect
from scripts import aws, github
from scripts.console import Console, json_option
from scripts.options import environment_option, timeout_option

LONGEST = 200
"""Characters of a value that are shown; --json has all of them."""
SIGNS = {
    "in sync": "\N{WHITE HEAVY CHECK MARK}",
    "drifted": "\N{CROSS MARK}",
    "not checked": "\N{WARNING SIGN}",
}


@click.command(name="drift", help=__doc__)
@environment_option("Which one to look at.")
@click.option(
    "--stack",
    "selected",
    type=click.Choice(STACKS),
    multiple=True,
    help="Look at this one only. May be repeated; all five unless told otherwise.",
)
@timeout_option("for one stack", 600)
@json_option
def command(environment: str, selected: tuple[str, ...], timeout: float, as_json: bool) -> None:
    stacks = [f"phaseline-{environment}-{name}" for name in STACKS if name in (selected or STACKS)]
    console = Console(as_json=as_json, total=len(stacks))
    client = aws.session().client("cloudformation", config=aws.CONFIG)
    found = []
    for stack in stacks:
        with console.step(f"Compare {stack}"):
            found.append(
                detect(client, stack, clock=time.monotonic, sleep=time.sleep, limit=timeout)
            )
            console.progress(f"  {found[-1].verdict}")
    console.result(as_data(environment, found), as_lines(found))
    github.write_summary(os.environ, markdown(environment, found))
    judge(found)


def judge(found: Sequence[StackDrift]) -> None:
    """Raise DriftError where a stack drifted, RemoteCallError where one could not be checked."""
    drifted = [one for one in found if one.drifted]
    if drifted:
        raise DriftError(
            ", ".join(f"stack {one.stack}" for one in drifted),
            f"{', '.join(d.resource for one in drifted for d in one.drifted)}"
            " not as the template says",
            "Set them back, or change the template so that it says what is wanted, and deploy.",
        )
    for one in found:
        if one.failure:
            raise RemoteCallError(
                f"stack {one.stack}",
                f"it could not be checked: {one.failure}",
                "Correct that and look again: whether it drifted is not known.",
            )


def as_data(environment: str, found: Sequence[StackDrift]) -> dict[str, Any]:
    """What --json prints."""
    stacks = {one.stack: {"verdict": one.verdict, **asdict(one)} for one in found}
    return {"environment": environment, "stacks": stacks}


def as_lines(found: Sequence[StackDrift]) -> Iterator[str]:
    """The same for people: verdicts, differences, and what nobody looked at."""
    for one in found:
        yield f"{one.stack}: {one.verdict}{f': {one.failure}' if one.failure else ''}"
        yield f"  {one.in_sync} as declared, {len(one.unchecked)} of types that are not checked"
        for resource in one.drifted:
            yield f"  {resource.resource} ({resource.type}): {resource.status.lower()}"
            yield from (f"    {_told(difference)}" for difference in resource.differences)
        yield from (f"  unchecked: {two.resource} ({two.type})" for two in one.unchecked)


def markdown(environment: str, found: Sequence[StackDrift]) -> str:
    """The same as a job's summary."""
    lines = [f"## Drift of {github.escape(environment)}", ""]
    lines += ["| Stack | Verdict | As declared | Drifted | Unchecked |", "|-|-|-|-|-|"]
    for one in found:
        verdict = f"{SIGNS[one.verdict]} {one.verdict}"
        verdict += f": {github.escape(one.failure)}" if one.failure else ""
        counts = f"{one.in_sync} | {len(one.drifted)} | {len(one.unchecked)}"
        lines.append(f"| {github.escape(one.stack)} | {verdict} | {counts} |")
    for one in (one for one in found if one.drifted):
        lines += ["", f"### {github.escape(one.stack)}", ""]
        for resource in one.drifted:
            name = f"{resource.resource} ({resource.type})"
            lines.append(f"- **{github.escape(name)}**: {resource.status.lower()}")
            lines += [f"  - {github.escape(_told(two))}" for two in resource.differences]
    if any(one.unchecked for one in found):
        lines += ["", "<details><summary>Of types that CloudFormation does not check</summary>", ""]
        for one in found:
            names = ", ".join(f"{two.resource} ({two.type})" for two in one.unchecked)
            lines += [f"- {github.escape(one.stack)}: {github.escape(names)}"] if names else []
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _told(difference: Difference) -> str:
    match difference.change:
        case "ADD":
            return f"{difference.path}: added {_short(difference.actual)}"
        case "REMOVE":
            return f"{difference.path}: removed {_short(difference.expected)}"
    return (
        f"{difference.path}: expected {_short(difference.expected)},"
        f" found {_short(difference.actual)}"
    )


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
