"""Times that come back: "0 18 * * 5 for 2d14h in Europe/Berlin" is each weekend there.

A window opens whenever the cron expression matches, read as Debian's cron reads it, and stays
open for a duration. As in RFC 5545, a day of the duration is a day of the calendar (the same time
of the clock, whatever the clocks do between) and an hour is always 60 minutes: over a change of
the clocks 2d14h from Friday 18:00 still ends on Monday at 8:00, 62h an hour before or after it.
Where a start falls into an open window, the duration runs anew.
https://www.rfc-editor.org/rfc/rfc5545#section-3.3.6
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from phaseline.documents import zones
from phaseline.errors import InputError

EXAMPLE = "0 18 * * 5 for 2d14h in Europe/Berlin"
LONGEST = timedelta(days=366)
REPETITIONS = 2_000
"""After so many starts without a gap between them, a window counts as one that never closes."""
_SENTENCE = re.compile(r"(?P<cron>.+) for (?P<duration>\S+) in (?P<zone>\S+)")
_DURATION = re.compile(
    r"(?=.)(?:(?P<days>\d{1,6})d)?(?:(?P<hours>\d{1,6})h)?(?:(?P<minutes>\d{1,6})m)?", re.ASCII
)
_LOOK_AHEAD = timedelta(hours=3)
"""More than clocks are ever set back by daylight saving time, see `_started`."""
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """A window as a person wrote it (`text`), and what that means.

    It lasts `days` on the calendar of `zone` and then `time`. Times that are passed in carry a
    time zone, whichever it is; those that are returned are in UTC. `zone_data` is what `parse`
    needs to read the text again without a time zone database.
    """

    text: str
    cron: str
    days: int
    time: timedelta
    zone: ZoneInfo
    zone_data: str

    def __str__(self) -> str:
        return self.text

    def is_open(self, at: datetime) -> bool:
        """Whether `at` is in the window: its start is, its end is not."""
        started = self._started(at)
        return started is not None and at < self._end(started)

    def ends(self, at: datetime) -> datetime | None:
        """When the window that is open at `at` closes, None where none is."""
        started = self._started(at)
        if started is None or self._end(started) <= at:
            return None
        end = self._end(started)
        for start in islice(CronSim(self.cron, at.astimezone(self.zone)), REPETITIONS):
            if start.astimezone(UTC) > end:
                return end
            end = self._end(start)
        return None

    def _started(self, at: datetime) -> datetime | None:
        """The latest start that is not after `at`.

        Going back, CronSim leaves out the moment that it begins from, and takes the second pass
        through an hour that comes twice for the first one: it begins a little later, therefore.
        """
        after = (at.astimezone(UTC) + _LOOK_AHEAD).astimezone(self.zone)
        starts = CronSim(self.cron, after, reverse=True)
        return next((start for start in starts if start.astimezone(UTC) <= at), None)

    def _end(self, start: datetime) -> datetime:
        # Adding days to a local time keeps the clock's time; adding none would lose its fold.
        last = start + timedelta(days=self.days) if self.days else start
        return last.astimezone(UTC) + self.time


@lru_cache  # many algorithms may be on hold by one window
def parse(text: str, where: str, zone_data: str | None = None) -> Window:
    """The window that `text` describes: a cron expression, a duration, an IANA time zone.

    `zone_data` is the zone's data (see zones.py); None looks it up by the zone's name. Raises
    InputError, which names `where` and the fault.

    >>> window = parse("0 18 * * 5 for 2d14h in Europe/Berlin", "the option --window")
    >>> window.is_open(datetime.fromisoformat("2026-11-28T12:00:00+01:00"))
    True
    """
    text = " ".join(text.split())
    said = _SENTENCE.fullmatch(text)
    if said is None:
        raise _wrong(where, text, "expected 'CRON for DURATION in ZONE'")
    days, time = _duration(said["duration"], text, where)
    cron = said["cron"]
    if len(cron.split()) != 5:
        raise _wrong(where, text, "expected a cron expression of five fields", cron)
    data = zone_data or zones.find(said["zone"])
    if data is None:
        raise _wrong(where, text, "there is no such time zone", said["zone"])
    try:
        zone = zones.zone(said["zone"], data)
    except ValueError as error:
        raise _wrong(where, text, "the data of the time zone can't be read", data) from error
    window = Window(text, cron, days, time, zone, data)
    try:
        first = next(CronSim(cron, _ANY_TIME.astimezone(zone)))
    except (CronSimError, ValueError) as error:
        raise _wrong(where, text, f"the cron expression is wrong: {error}", cron) from error
    if window.ends(first) is None:
        raise _wrong(where, text, "one window reaches into the next, so it would never close")
    return window


def _duration(duration: str, text: str, where: str) -> tuple[int, timedelta]:
    """The days, and the time beside them."""
    said = _DURATION.fullmatch(duration)
    if said is None:
        raise _wrong(where, text, "expected a duration like 30m, 62h, 2d or 2d14h", duration)
    days, hours, minutes = (int(said[unit] or 0) for unit in ("days", "hours", "minutes"))
    time = timedelta(hours=hours, minutes=minutes)
    if not timedelta() < timedelta(days=days) + time <= LONGEST:
        raise _wrong(where, text, f"expected between 1m and {LONGEST.days}d", duration)
    return days, time


def _wrong(where: str, text: str, expected: str, part: str | None = None) -> InputError:
    found = f"{expected}, found '{part}' in '{text}'" if part else f"{expected}, found '{text}'"
    return InputError(where, found, f"Write it like '{EXAMPLE}'.")
