"""Failures of the programs that make up the local system."""

from pathlib import Path

from phaseline.errors import PhaselineError

LONGEST = 300
"""The maximum number of characters that an error quotes from a line of a log."""


class PartError(PhaselineError):
    """A failed part of the local system: its name, its failure, its last log line and its log.

    The exit code is that of a failed call.
    """

    def __init__(self, part: str, found: str, log: Path) -> None:
        super().__init__(part, f'{found}; it said last "{last_line(log)}"', f"Its log is {log}")


def last_line(log: Path) -> str:
    """Return the last line of a log that is not blank, or "nothing"."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "nothing"
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return lines[-1][:LONGEST] if lines else "nothing"


def end(code: int) -> str:
    """Describe how a process ended, given the return code that subprocess reports."""
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}"
