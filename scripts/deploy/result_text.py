"""Pure: the result of a deployment as JSON, as lines for people and as a job's summary."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from phaseline.deploy.change_sets import ResourceChange
from phaseline.deploy.execute import DeployResult
from phaseline.github.markdown import indented

SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}


def data(environment: str, dry_run: bool, outcome: DeployResult) -> dict[str, Any]:
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


def lines(dry_run: bool, outcome: DeployResult) -> Iterator[str]:
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


def markdown(environment: str, text: Iterable[str]) -> str:
    """Return the outcome as Markdown for a job's summary."""
    return "\n".join([f"### Stacks of {environment}", "", *indented("\n".join(text)), ""])


def _change(change: ResourceChange) -> str:
    line = f"{SIGNS.get(change.action, '?')} {change.resource} ({change.type})"
    if change.properties:
        line += f": {', '.join(change.properties)}"
    return f"{line}, replaced: {change.replacement}" if change.replacement == "True" else line
