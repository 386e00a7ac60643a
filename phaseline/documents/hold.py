"""Pure: a hold keeps changes from becoming active, in a window or until it is ended."""

from dataclasses import dataclass
from datetime import datetime

from phaseline.algorithms.changes import Change
from phaseline.documents import windows
from phaseline.errors import InputError


@dataclass(frozen=True)
class Hold:
    """A hold keeps changes of an algorithm, or of a whole type, from becoming active.

    `since` and `until` are ISO 8601, UTC. A hold without `until` lasts until a person resumes the
    algorithm or type. A hold with a `window` (see documents/windows.py) is in force only while the
    window is open; `zone` is the data of the window's time zone (see documents/zones.py). `waiting`
    holds the changes that arrived during the hold, in order.
    """

    reason: str
    who: str
    since: str
    until: str | None = None
    window: str | None = None
    zone: str | None = None
    waiting: tuple[Change, ...] = ()

    def ended(self, at: datetime) -> bool:
        """Return whether the hold has passed its end.

        A hold whose end is malformed lasts until a person resumes the algorithm or type.
        """
        try:
            return self.until is not None and datetime.fromisoformat(self.until) <= at
        except (ValueError, TypeError):
            return False

    def in_force(self, at: datetime) -> bool:
        """Return whether the hold keeps changes back at this time.

        A hold whose window is malformed is in force at any time: the document stays readable, and
        no change becomes active that somebody wanted to keep back.
        """
        if self.ended(at):
            return False
        try:
            window = self.window and windows.parse(self.window, "a hold", self.zone)
        except (InputError, TypeError, AttributeError):
            return True
        return not window or window.is_open(at)
