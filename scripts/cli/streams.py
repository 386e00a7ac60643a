"""What a process prints, so that neither a terminal nor GitHub's runner obeys untrusted text.

The runner executes a line of a job's output as a workflow command if it begins with `::`, or, in
the older form, if `##[` is anywhere in it. Text may quote others, such as a wrong option, a stack
event or a person's reason, so every line is changed before it is printed: also those of click, of
tracebacks and of warnings.
https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
"""

import io
import re
import sys
from typing import TextIO

from phaseline.text import visible

COMMAND = re.compile(r"^(\s*):(?=:)")
OLDER_COMMAND = "##["


def inert(text: str) -> str:
    """Return text as one line that nothing obeys.

    >>> inert("  ::add-mask::x")
    '  : :add-mask::x'
    """
    one_line = visible(re.sub(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", text))
    return COMMAND.sub(r"\1: ", one_line).replace(OLDER_COMMAND, "## [")


def inert_json(text: str) -> str:
    r"""Return JSON with the same value in which the runner finds no command.

    >>> print(inert_json('["##[add-mask]x"]'))
    ["#\u0023[add-mask]x"]
    """
    return text.replace(OLDER_COMMAND, r"#\u0023[").replace("\x7f", r"\u007f")


class InertStream(io.TextIOBase):
    """A text stream that prints whole lines, each of which is inert.

    It hides the binary stream below it, through which click would print unchanged text.
    """

    encoding, errors = "utf-8", "backslashreplace"

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._begun = ""

    def write(self, text: str) -> int:
        """Print the lines that are complete now."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self.stream.write(f"{inert(line)}\n")
        return len(text)

    def flush(self) -> None:
        """End a line that has begun, so that no later text can complete it to a command."""
        if self.stream.closed:
            return  # Python flushes this stream once more when it is collected
        if self._begun:
            self.write("\n")
        self.stream.flush()

    def isatty(self) -> bool:
        """Return whether a terminal shows what is printed."""
        return self.stream.isatty()


def replace() -> None:
    """Make everything inert that this process prints from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=InertStream.errors)
        if not isinstance(stream, InertStream):
            setattr(sys, name, InertStream(stream))


def below(stream: TextIO) -> TextIO:
    """Return the stream whose lines are obeyed, for what Phaseline itself says: colours, and
    annotations, which quote no text without escaping it."""
    return stream.stream if isinstance(stream, InertStream) else stream
