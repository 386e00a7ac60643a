"""Pure: lines of text with colours and links, and tables of them.

Only a terminal shows colours and links; elsewhere the text is the same without them. A cell may
quote untrusted text, in which nothing is obeyed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import click

from phaseline.text import visible
from scripts.cli.streams import inert

GAP = "  "
GOOD, BAD, BUSY, FAINT, STRONG = "green", "red", "yellow", "faint", "bold"
STATES = {
    "Succeeded": GOOD,
    "verified": GOOD,
    "InProgress": BUSY,
    "open": BUSY,
    "waiting": BUSY,
    "Stopping": BUSY,
    "Failed": BAD,
    "Stopped": BAD,
    "Superseded": FAINT,
    "superseded": FAINT,
}
"""The styles of states of executions, actions and releases."""


@dataclass(frozen=True)
class Cell:
    """A piece of text on one line, with a style and the address that it leads to."""

    text: str
    style: str = ""
    url: str | None = None

    def __len__(self) -> int:
        return len(_one_line(self.text))


Line = str | Sequence[Cell]
"""A line: plain text, or cells, one after the other."""


def state(text: str, url: str | None = None) -> Cell:
    """Return the cell of a state, in the colour of its meaning."""
    return Cell(text, STATES.get(text, ""), url)


def table(rows: Iterable[Sequence[Cell | str]], indent: str = "") -> Iterator[Line]:
    """Return rows of cells as lines, with the cells of each column below each other.

    The last column is as wide as its texts, so nothing is cut or wrapped.

    >>> [render(line) for line in table([["a", "1.0"], ["route-planner", "2.1"]])]
    ['a              1.0', 'route-planner  2.1']
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    columns = max(map(len, cells), default=0)
    widths = [max(len(row[n]) for row in cells if n < len(row)) for n in range(columns)]
    for row in cells:
        last = max((n for n, cell in enumerate(row) if cell.text), default=0)
        line = [Cell(indent)]
        for n, cell in enumerate(row[: last + 1]):
            line.append(cell)
            if n < last:
                line.append(Cell(" " * (widths[n] - len(cell)) + GAP))
        yield line


def render(line: Line, *, is_terminal: bool = False) -> str:
    r"""Return a line as it is printed.

    >>> render([Cell("Failed", BAD, "https://x"), Cell("\x1b[2J")])
    'Failed\\x1b[2J'
    >>> render([Cell("Failed", BAD, "https://x")], is_terminal=True)
    '\x1b]8;;https://x\x1b\\\x1b[31mFailed\x1b[0m\x1b]8;;\x1b\\'
    """
    cells = [Cell(line)] if isinstance(line, str) else line
    if not is_terminal:
        return inert("".join(cell.text for cell in cells))
    return "".join(map(_shown, cells))


def _shown(cell: Cell) -> str:
    text = _one_line(cell.text)
    match cell.style:
        case "bold":
            text = click.style(text, bold=True)
        case "faint":
            text = click.style(text, dim=True)
        case "":
            pass
        case colour:
            text = click.style(text, fg=colour)
    if cell.url and cell.url.isascii() and cell.url.isprintable():
        # https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda
        return f"\x1b]8;;{cell.url}\x1b\\{text}\x1b]8;;\x1b\\"
    return text


def _one_line(text: str) -> str:
    return visible(text).replace("\n", " ")
