"""Pure: what a deploy would change, as the text of a pull request's comment.

One comment per stack and environment, found again by a marker that is not shown, so that each
preview replaces the one before.
"""

from collections.abc import Iterator

from phaseline.deploy.change_sets import Change
from phaseline.deploy.stacks import Result

LIMIT = 60_000
"""Characters of a comment. GitHub refuses more than 65,536; https://github.com/orgs/community/discussions/27190"""
REPLACED = {"True": "**yes**", "Conditional": "perhaps", "False": "no", "": ""}


def marker(environment: str, stack: str) -> str:
    """The first line of the comment about a stack; it does not show."""
    return f"<!-- phaseline preview: {environment} {stack} -->"


def text(environment: str, result: Result, *, failure: str = "", link: str = "") -> str:
    """The comment about a stack: what would be replaced first, then removed, then the rest.

    `failure` says why the change set could not be made, `link` leads to the run that made it. What
    is beyond LIMIT is cut, row by row, and counted.
    """
    start = "\n".join(_start(environment, result, failure))
    end = f"\n\n[The run that made this]({link})\n" if link else "\n"
    rows = [_row(change) for change in sorted(result.changes, key=_order)]
    kept, size = [], len(start) + len(end) + 200  # and the line that counts
    for row in rows:
        size += len(row) + 1
        if size > LIMIT:
            break
        kept.append(row)
    cut = len(rows) - len(kept)
    more = [f"\n{cut} more changes. The run's log has them all."] if cut else []
    return "\n".join([start, *kept, *more]) + end


def _start(environment: str, result: Result, failure: str) -> Iterator[str]:
    yield marker(environment, result.stack)
    yield f"### `{result.stack}`: {_headline(result, failure)}"
    if failure or result.note:
        # Indented, it is text: whatever it holds means nothing to Markdown.
        yield ""
        yield from (f"    {line}" for line in (failure or result.note)[: LIMIT // 2].splitlines())
    if any(one.replacement in {"True", "Conditional"} for one in result.changes):
        kinds = [one.replacement for one in result.changes]
        yield ""
        yield "> [!WARNING]"
        yield (
            f"> To be replaced: {kinds.count('True')}, perhaps: {kinds.count('Conditional')}."
            " What replaces a resource is empty and has another name."
        )
    if result.changes:
        yield ""
        yield "| Action | Resource | Type | Properties | Replaced |"
        yield "|-|-|-|-|-|"


def _headline(result: Result, failure: str) -> str:
    if failure:
        return "no preview"
    if result.action == "none":
        return "No changes"
    count = len(result.changes)
    if not count:
        return f"would be {result.action}d"
    replaced = sum(one.replacement == "True" for one in result.changes)
    changes = f"{count} change{'s' if count != 1 else ''}"
    return f"would be {result.action}d, {changes}{f', {replaced} replaced' if replaced else ''}"


def _order(change: Change) -> tuple[int, str]:
    if change.replacement in {"True", "Conditional"}:
        return (0 if change.replacement == "True" else 1, change.resource)
    return (2 if change.action == "Remove" else 3, change.resource)


def _row(change: Change) -> str:
    properties = ", ".join(change.properties)
    replaced = REPLACED.get(change.replacement, change.replacement)
    return f"| {change.action} | {change.resource} | {change.type} | {properties} | {replaced} |"
