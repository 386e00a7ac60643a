"""The commands of gh that documents and workflows show."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

RUN = re.compile(r"gh workflow run [^`\n]*")


def shown(path: Path) -> Iterator[list[str]]:
    """The words of each `gh workflow run` on a page, or in the comment of a workflow."""
    text = re.sub(r"^[#$] ?", "", path.read_text("utf-8"), flags=re.MULTILINE)
    for command in RUN.findall(text.replace("\\\n", " ")):
        yield shlex.split(command, comments=True)


def inputs(words: list[str]) -> dict[str, str]:
    """The fields of a command. A variable of a shell stands for any value."""
    pairs = itertools.pairwise(words)
    fields = (after.partition("=") for before, after in pairs if before in ("--field", "-F"))
    return {name: value for name, _, value in fields}
