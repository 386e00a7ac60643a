"""Recurring time windows: "0 18 * * 5 for 2d14h in Europe/Berlin" is every weekend in Berlin.

A window opens each time its cron expression matches (as in Debian's cron) and stays open for its
duration. As in RFC 5545, a day of the duration is a calendar day, which ends at the same time on
the clock, and an hour is always 60 minutes. If the clocks change during the weekend, 2d14h from
Friday 18:00 still ends on Monday at 8:00, but 62h ends an hour earlier or later. A start during an
open window starts the duration again.
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
"""The number of starts without a gap after which a window counts as one that never closes."""
_SENTENCE = re.compile(r"(?P<cron>.+) for (?P<duration>\S+) in (?P<zone>\S+)")
_DURATION = re.compile(
    r"(?=.)(?:(?P<days>\d{1,6})d)?(?:(?P<hours>\d{1,6})h)?(?:(?P<minutes>\d{1,6})m)?", re.ASCII
)
_LOOK_AHEAD = timedelta(hours=3)
"""Longer than daylight saving time ever sets clocks back; see `_started`."""
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """A recurring window. `text` is its description as a person wrote it.

    The window opens when `cron` matches in `zone`, and stays open for `days` calendar days plus
    `time`. The methods take times with any time zone and return times in UTC. With `zone_data`,
    `parse` reads the text again without a time zone database.
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
        """Return whether the window is open at this time. It includes its start, not its end.

        >>> window = parse("0 18 * * 5 for 2d14h in Europe/Berlin", "--window")
        >>> window.is_open(datetime(2026, 11, 28, 12, tzinfo=UTC))  # a Saturday
        True
        """
        started = self._started(at)
        return started is not None and at < self._end(started)

    def ends(self, at: datetime) -> datetime | None:
        """Return the time at which the window closes, or None if it is not open at `at`."""
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
        """Return the latest start that is not after `at`.

        The search backwards begins a little after `at`, because CronSim excludes the time at which
        it begins, and confuses the two passes of an hour that occurs twice.
        """
        after = (at.astimezone(UTC) + _LOOK_AHEAD).astimezone(self.zone)
        starts = CronSim(self.cron, after, reverse=True)
        return next((start for start in starts if start.astimezone(UTC) <= at), None)

    def _end(self, start: datetime) -> datetime:
        # Adding days to a local time keeps the time on the clock, but adding none loses the fold.
        last = start + timedelta(days=self.days) if self.days else start
        return last.astimezone(UTC) + self.time


@lru_cache  # one window may hold many algorithms
def parse(text: str, where: str, zone_data: str | None = None) -> Window:
    """Parse a window: a cron expression, a duration and an IANA time zone.

    `zone_data` is the data of the time zone (see documents/zones.py). Without it, the function
    looks the zone up by its name. Raises InputError, which names `where` and the malformed part.

    >>> parse("0 18 * * 5 for 2d14h in Europe/Berlin", "--window").days
    2
    """
    text = " ".join(text.split())
    parts = _SENTENCE.fullmatch(text)
    if parts is None:
        raise _malformed(where, text, "expected 'CRON for DURATION in ZONE'")
    days, time = _duration(parts["duration"], text, where)
    cron = parts["cron"]
    if len(cron.split()) != 5:
        raise _malformed(where, text, "expected a cron expression of five fields", cron)
    data = zone_data or zones.find(parts["zone"])
    if data is None:
        raise _malformed(where, text, "there is no such time zone", parts["zone"])
    try:
        zone = zones.zone(parts["zone"], data)
    except ValueError as error:
        raise _malformed(where, text, "the data of the time zone can't be read", data) from error
    window = Window(text, cron, days, time, zone, data)
    try:
        first = next(CronSim(cron, _ANY_TIME.astimezone(zone)))
    except (CronSimError, ValueError) as error:
        raise _malformed(where, text, f"the cron expression is wrong: {error}", cron) from error
    if window.ends(first) is None:
        raise _malformed(where, text, "each window overlaps the next, so it would never close")
    return window


def _duration(duration: str, text: str, where: str) -> tuple[int, timedelta]:
    """Return the days of a duration, and the rest."""
    parts = _DURATION.fullmatch(duration)
    if parts is None:
        raise _malformed(where, text, "expected a duration like 30m, 62h, 2d or 2d14h", duration)
    days, hours, minutes = (int(parts[unit] or 0) for unit in ("days", "hours", "minutes"))
    time = timedelta(hours=hours, minutes=minutes)
    if not timedelta() < timedelta(days=days) + time <= LONGEST:
        raise _malformed(where, text, f"expected between 1m and {LONGEST.days}d", duration)
    return days, time


def _malformed(where: str, text: str, expected: str, part: str | None = None) -> InputError:
    found = f"{expected}, found '{part}' in '{text}'" if part else f"{expected}, found '{text}'"
    return InputError(where, found, f"Write it like '{EXAMPLE}'.")
