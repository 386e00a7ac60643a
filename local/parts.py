"""The programs that the local system is made of, and how the failure of one is told."""

from pathlib import Path

from phaseline.errors import PhaselineError

LONGEST = 300
"""Characters of a log's line that are quoted."""


class PartError(PhaselineError):
    """A part of the local system failed: which one, how, what it said last, and where its log is.

    Its exit code is that of a call that failed.
    """

    def __init__(self, part: str, found: str, log: Path) -> None:
        super().__init__(part, f'{found}; it said last "{last_line(log)}"', f"Its log is {log}")


def last_line(log: Path) -> str:
    """The last line of a log that says anything."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "nothing"
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return lines[-1][:LONGEST] if lines else "nothing"


def end(code: int) -> str:
    """How a process ended, by the return code that subprocess gives it."""
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}"
