"""Ends a command in order when a person or GitHub interrupts it.

If a run is cancelled, GitHub sends SIGINT to the process of the step, SIGTERM after 7.5 seconds,
and kills it after another 2.5 seconds. Ctrl-C sends SIGINT. The first signal raises `Interrupted`,
so that what is under way is cleaned up and reported. While that happens, SIGTERM is ignored, and
another SIGINT ends the process at once.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation
"""

import signal
import threading
import time
from types import FrameType

from phaseline.errors import PhaselineError


class InterruptionError(PhaselineError):
    """A signal ended the command. The exit code is 128 plus the signal's number, as in a shell."""

    def __init__(self, found: str, exit_code: int) -> None:
        super().__init__(
            "phaseline", found, "Run the command again: it continues where it stopped."
        )
        self.exit_code = exit_code


class Interrupted(BaseException):
    """The process received a signal to end.

    It is no Exception, so that no code for errors of a call handles it. Code that it passes through
    may add notes about what was done, and about what continues without the command.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number

    def error(self) -> InterruptionError:
        """Return the error to report, with all notes."""
        notes = getattr(self, "__notes__", [])
        return InterruptionError("; ".join([str(self), *notes]), 128 + self.number)


class Interruption:
    """The interruption of a process, which is raised once in each of its threads."""

    def __init__(self) -> None:
        self._interrupted: Interrupted | None = None
        self._happened = threading.Event()
        self._thread = threading.local()

    def listen(self) -> None:
        """Raise Interrupted in the main thread at the first SIGINT or SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def sleep(self, seconds: float) -> None:
        """Sleep. Raise Interrupted once in each thread, which may then sleep to clean up."""
        if getattr(self._thread, "is_told", False):
            time.sleep(seconds)
        elif self._happened.wait(seconds):
            self._raise()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._interrupted = Interrupted(number)
        self._happened.set()
        self._raise()

    def _raise(self) -> None:
        self._thread.is_told = True
        assert self._interrupted is not None  # noqa: S101 - it is set before the event
        raise self._interrupted


process = Interruption()
"""The interruption of this process."""
