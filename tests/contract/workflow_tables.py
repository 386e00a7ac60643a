"""The part of docs/workflows.md that comes from the files.

For each reusable workflow: a caller to copy, then its inputs, outputs, secrets and permissions.
`python -m tests.contract.workflow_tables` writes it anew.
"""

import re
from collections.abc import Iterator

from tests.contract.workflow_rules import ROOT, File, read

DOCUMENT = ROOT / "docs/workflows.md"
BEGIN, END = "<!-- begin: made from the files -->\n", "<!-- end: made from the files -->\n"


def generated() -> str:
    """The sections of all reusable workflows."""
    reusable = [file for file in read().values() if "/reusable-" in file.path]
    return "\n".join(line for file in reusable for line in section(file))


def head(file: File) -> tuple[str, str]:
    """What a reusable workflow says of itself, and the whole file of a caller in any repository."""
    block = re.match(r"(?:#.*\n)*", file.text)
    assert block
    lines = [line.removeprefix("#").removeprefix(" ") for line in block[0].splitlines()]
    text, _, caller = "\n".join(lines).partition("Example of a caller, in any repository:\n")
    return text, re.sub("^  ", "", caller.strip("\n"), flags=re.MULTILINE) + "\n"


def section(file: File) -> Iterator[str]:
    """One workflow: what it is, a caller, and the tables."""
    text, caller = head(file)
    yield f"## {file.path.rpartition('/')[2]}\n"
    yield f"```yaml\n{caller}```\n"
    yield text.strip() + "\n"
    yield from _table(
        ("Input", "Required", "Description"),
        [
            (f"`{name}`", "yes" if one.get("required") == "true" else "", one["description"])
            for name, one in file.interface("inputs").items()
        ],
    )
    yield from _table(
        ("Output", "Description"),
        [(f"`{name}`", one["description"]) for name, one in file.interface("outputs").items()],
    )
    secrets = file.data["on"]["workflow_call"].get("secrets") or {}
    yield from _table(
        ("Secret", "Description"),
        [(f"`{name}`", one["description"]) for name, one in secrets.items()]
        or [("none", "Roles are assumed with OpenID Connect.")],
    )
    yield from _table(
        ("Permission", "Reason"),
        [
            (f"`{scope}: {level}`", why)
            for scope, level, why in re.findall(
                r"^      ([a-z-]+): (read|write) # (.*)$", file.text, re.MULTILINE
            )
        ],
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.strip() for cell in row)} |"
    yield ""


def completed(document: str) -> str:
    """The document with its generated part made anew."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{generated()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(completed(DOCUMENT.read_text("utf-8")), "utf-8")
