"""Pure: renders the changes that a deploy would make as a comment on a pull request.

Each stack of an environment has one comment. A hidden marker identifies it, so that each preview
replaces the previous one.
"""

from collections.abc import Iterator

from phaseline.deploy.change_sets import ResourceChange, StackResult
from phaseline.github import markdown
from phaseline.github.markdown import escape
from phaseline.text import visible

LIMIT = 60_000
"""Maximum length of a comment in characters. GitHub refuses more than 65,536; https://github.com/orgs/community/discussions/27190"""
REPLACED = {"True": "**yes**", "Conditional": "perhaps", "False": "no", "": ""}


def marker(environment: str, stack: str) -> str:
    """Return the first line of the comment about a stack, which GitHub does not display."""
    return f"<!-- phaseline preview: {environment} {stack} -->"


def text(environment: str, result: StackResult, *, failure: str = "", link: str = "") -> str:
    """Return the comment about a stack: first replaced resources, then removed ones, then the rest.

    `failure` says why there is no change set. `link` is the URL of the run that made the preview.
    Rows beyond LIMIT are left out and counted.
    """
    start = "\n".join(_start(environment, result, failure))
    end = f"\n\n{markdown.link('The run that made this', link)}\n" if link else "\n"
    rows = [_row(change) for change in sorted(result.changes, key=_order)]
    kept, size = [], len(start) + len(end) + 200  # for the line that counts the omitted rows
    for row in rows:
        size += len(row) + 1
        if size > LIMIT:
            break
        kept.append(row)
    cut = len(rows) - len(kept)
    more = [f"\n{cut} more changes. The log of the run shows all."] if cut else []
    return "\n".join([start, *kept, *more]) + end


def _start(environment: str, result: StackResult, failure: str) -> Iterator[str]:
    yield marker(environment, result.stack)
    yield f"### {markdown.code(result.stack)}: {_headline(result, failure)}"
    if failure or result.note:
        yield ""
        yield from markdown.indented(visible(failure or result.note)[: LIMIT // 6])
    kinds = [change.replacement for change in result.changes]
    if "True" in kinds or "Conditional" in kinds:
        yield ""
        yield "> [!WARNING]"
        yield (
            f"> To be replaced: {kinds.count('True')}, perhaps: {kinds.count('Conditional')}."
            " A replacement starts empty, and has another name."
        )
    if result.changes:
        yield ""
        yield "| Action | Resource | Type | Properties | Replaced |"
        yield "|-|-|-|-|-|"


def _headline(result: StackResult, failure: str) -> str:
    if failure:
        return "no preview"
    if result.action == "none":
        return "No changes"
    count = len(result.changes)
    if not count:
        return f"would be {result.action}d"
    replaced = sum(change.replacement == "True" for change in result.changes)
    changes = f"{count} change{'s' if count != 1 else ''}"
    return f"would be {result.action}d, {changes}{f', {replaced} replaced' if replaced else ''}"


def _order(change: ResourceChange) -> tuple[int, str]:
    if change.replacement in {"True", "Conditional"}:
        return (0 if change.replacement == "True" else 1, change.resource)
    return (2 if change.action == "Remove" else 3, change.resource)


def _row(change: ResourceChange) -> str:
    replaced = REPLACED.get(change.replacement) or escape(change.replacement)
    cells = (change.action, change.resource, change.type, ", ".join(change.properties))
    return "".join(f"| {escape(cell)} " for cell in cells) + f"| {replaced} |"
