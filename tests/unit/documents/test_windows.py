"""Windows: their text, and the times at which they are open."""

import importlib.resources
import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from phaseline.documents import format, zones
from phaseline.documents.document import Document
from phaseline.documents.hold import Hold
from phaseline.documents.windows import Window, parse
from phaseline.errors import InputError
from phaseline.promotion.request import Request, check_request

BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = "0 18 * * 5 for 2d14h in Europe/Berlin"


def berlin(text: str, fold: int = 0) -> datetime:
    """Return a local time in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-27T17:59:59", False),
        ("2026-11-27T18:00:00", True),
        ("2026-11-28T12:00:00", True),
        ("2026-11-30T07:59:59.999999", True),
        ("2026-11-30T08:00:00", False),
        ("2026-12-02T12:00:00", False),
    ],
)
def test_window_includes_its_start_and_excludes_its_end(at: str, expected: bool) -> None:
    window = parse(WEEKEND, "here")
    assert window.is_open(berlin(at)) is expected
    assert window.is_open(berlin(at).astimezone(UTC)) is expected


def test_zone_data_replaces_the_time_zone_database() -> None:
    window = parse(WEEKEND, "here")
    moved = WEEKEND.replace("Europe/Berlin", "Moon/Tycho")
    again = parse(moved, "here", window.zone_data)
    start = berlin("2026-11-27T18:00")
    assert again.is_open(start)
    assert again.ends(start) == window.ends(start)


@pytest.mark.parametrize(
    "name",
    [
        "localtime",
        "posixrules",
        "right/Europe/Berlin",
        "posix/Europe/Berlin",
        "europe/berlin",
        "EUROPE/BERLIN",
        "CET-1CEST",
        "../zones",
        "../UTC",
        "Europe/../UTC",
        "./UTC",
        "Europe/Berlin/",
        "Europe\\Berlin",
        "/etc/localtime",
        "/usr/share/zoneinfo/UTC",
        "tzdata.zi",
        "zone.tab",
        "Europe",
        "UTC\0",
        "",
    ],
)
def test_zone_that_the_database_lacks_is_refused(name: str) -> None:
    """Files of the operating system are not used, on whichever file system."""
    assert zones.find(name) is None
    with pytest.raises(InputError) as caught:
        parse(f"0 18 * * 5 for 2d in {name}", "here")
    assert "for 2d in" in caught.value.found
    assert WEEKEND in caught.value.remedy


@pytest.mark.parametrize("name", ["localtime", "right/Europe/Berlin", "../UTC", "europe/berlin"])
def test_request_for_a_hold_in_an_unknown_zone_is_refused(name: str) -> None:
    """Before anything is written, with what was found."""
    at = "2026-11-24T10:00:00Z"
    window = f"0 18 * * 5 for 2d in {name}"
    request = Request("hold", "opt", (), "because", "ana", at, "run-1", window=window)
    with pytest.raises(InputError, match=f"there is no such time zone, found '{name}'"):
        check_request(request)


def test_hold_in_any_zone_that_is_accepted_is_read_without_a_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a document, as a function reads it that has no zones. Factory, the database's name for a
    zone that is not set, is one of them, and means UTC."""
    names = (importlib.resources.files(zones.PACKAGE) / "zones").read_text("utf-8").split()
    assert {"Factory", "UTC", "Europe/Berlin"} < set(names)
    texts = [f"0 18 * * 5 for 2d in {name}" for name in names]
    windows = {text: parse(text, "here") for text in texts}
    holds = {
        f"a{number}": Hold("r", "ana", "2026-11-24T10:00:00Z", window=text, zone=window.zone_data)
        for number, (text, window) in enumerate(windows.items())
    }
    data = format.render(Document("opt", holds=holds))
    parse.cache_clear()
    monkeypatch.setattr(zones, "find", lambda name: pytest.fail(f"{name} was looked up"))
    read = format.parse(data, "opt", "here")
    friday = datetime(2026, 11, 27, 12, tzinfo=UTC)
    for name, hold in holds.items():
        assert read.holds[name] == hold
        for hours in range(0, 72, 5):
            at = friday + timedelta(hours=hours)
            assert read.holds[name].in_force(at) is windows[str(hold.window)].is_open(at)


def test_malformed_zone_data_is_an_error_that_names_its_place() -> None:
    with pytest.raises(InputError, match="here: the data of the time zone"):
        parse(WEEKEND, "here", "AAAA")


@pytest.mark.parametrize("friday", ["2026-03-27", "2026-07-03", "2026-10-23"])
def test_days_end_at_the_same_time_on_the_clock(friday: str) -> None:
    """The weekend ends on Monday at 8:00 even if the clocks change."""
    window = parse(WEEKEND, "here")
    start = berlin(f"{friday}T18:00")
    assert window.ends(start) == start + timedelta(days=2, hours=14)


@pytest.mark.parametrize(
    ("friday", "end"),
    [("2026-03-27", "09:00"), ("2026-07-03", "08:00"), ("2026-10-23", "07:00")],
)
def test_hours_have_60_minutes_when_the_clocks_change(friday: str, end: str) -> None:
    window = parse("0 18 * * 5 for 62h in Europe/Berlin", "here")
    start = berlin(f"{friday}T18:00")
    monday = start.date() + timedelta(days=3)
    assert window.ends(start) == berlin(f"{monday}T{end}")


def test_skipped_start_is_the_time_at_which_the_clocks_change() -> None:
    """2:30 does not exist in the night in which summer time begins."""
    window = parse("30 2 * * * for 15m in Europe/Berlin", "here")
    assert not window.is_open(datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC))
    assert window.is_open(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert window.ends(berlin("2026-03-29T03:00")) == berlin("2026-03-29T03:15")


def test_repeated_start_opens_the_window_once() -> None:
    """2:30 occurs twice in the night in which summer time ends."""
    window = parse("30 2 * * * for 1h in Europe/Berlin", "here")
    assert window.is_open(berlin("2026-10-25T02:30", fold=0))
    assert window.is_open(berlin("2026-10-25T02:15", fold=1))
    assert not window.is_open(berlin("2026-10-25T02:30", fold=1))


def test_adjacent_windows_end_with_the_last_one() -> None:
    window = parse("0 0 * * 5,6 for 1d in Europe/Berlin", "here")
    assert window.ends(berlin("2026-11-27T12:00")) == berlin("2026-11-29T00:00")


def test_closed_window_has_no_end() -> None:
    assert parse(WEEKEND, "here").ends(berlin("2026-11-25T12:00")) is None


def test_white_space_is_normalized() -> None:
    assert str(parse("  0 18 *  * 5\tfor 2d14h in Europe/Berlin\n", "here")) == WEEKEND


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected 'CRON for DURATION in ZONE', found ''"),
        ("0 18 * * 5 for 2d14h", "expected 'CRON for DURATION in ZONE'"),
        ("18 * * 5 for 2d in UTC", "expected a cron expression of five fields, found '18 * * 5'"),
        ("0 0 18 * * 5 for 2d in UTC", "five fields"),
        ("@daily for 2h in UTC", "five fields"),
        ("60 18 * * 5 for 2d in UTC", "the cron expression is wrong: Bad minute"),
        ("0 18 * * FRIDAY for 2d in UTC", "Bad day-of-week"),
        (f"{'9' * 5_000} * * * * for 1m in UTC", "the cron expression is wrong"),
        ("0 0 30 2 * for 2d in UTC", "Bad day-of-month"),
        ("0 18 * * 5 for 14h2d in UTC", "expected a duration like 30m, 62h, 2d or 2d14h"),
        ("0 18 * * 5 for 62 in UTC", "found '62'"),
        ("0 18 * * 5 for 0h in UTC", "expected between 1m and 366d, found '0h'"),
        ("0 18 * * 5 for 367d in UTC", "expected between 1m and 366d, found '367d'"),
        ("0 18 * * 5 for 2d in Berlin", "there is no such time zone, found 'Berlin'"),
        ("0 18 * * 5 for 2d in Europe", "there is no such time zone"),
        ("0 18 * * 5 for 2d in ../UTC", "there is no such time zone"),
        ("* * * * * for 1m in UTC", "it would never close"),
        ("0 18 * * * for 24h in UTC", "it would never close"),
    ],
)
def test_malformed_window_is_an_error_that_names_its_place_problem_and_remedy(
    text: str, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "--window")
    assert caught.value.where == "--window"
    assert problem in caught.value.found
    assert WEEKEND in caught.value.remedy


@given(
    st.text(alphabet="0129*/-,#LW d²", max_size=12),
    st.text(alphabet="0129dhmx", max_size=6),
    st.sampled_from(["UTC", "Europe/Berlin", "", "Nowhere", "\0"]),
)
def test_any_text_is_a_window_or_an_input_error(cron: str, duration: str, zone: str) -> None:
    try:
        window = parse(f"0 18 {cron} for {duration} in {zone}", "here")
    except InputError:
        return
    window.is_open(datetime(2026, 1, 1, tzinfo=UTC))


Matches = Callable[[datetime], bool]


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, Matches]:
    """Draw a cron expression, and a function that returns whether a local time matches it."""

    def field(low: int, high: int) -> tuple[str, set[int]]:
        full = set(range(low, high + 1))
        match draw(st.sampled_from(["*", "list", "range", "step"])):
            case "list":
                chosen = draw(st.sets(st.sampled_from(sorted(full)), min_size=1, max_size=3))
                return ",".join(map(str, chosen)), chosen
            case "range":
                first = draw(st.integers(low, high))
                last = draw(st.integers(first, high))
                return f"{first}-{last}", set(range(first, last + 1))
            case "step":
                step = draw(st.integers(2, high))
                return f"*/{step}", set(sorted(full)[::step])
        return "*", full

    (m, minutes), (h, hours), (dom, days), (mon, months), (dow, weekdays) = (
        field(0, 59),
        field(0, 23),
        field(1, 31),
        field(1, 12),
        field(0, 6),
    )
    either = not (dom.startswith("*") or dow.startswith("*"))

    def matches(clock: datetime) -> bool:
        day, weekday = clock.day in days, clock.isoweekday() % 7 in weekdays
        return (
            clock.minute in minutes
            and clock.hour in hours
            and clock.month in months
            and (day or weekday if either else day and weekday)
        )

    return f"{m} {h} {dom} {mon} {dow}", matches


def starts(window: Window, matches: Matches, day: date) -> list[datetime]:
    """Return every start of a window from a week before `day` to the day after it.

    If the clocks skip a start, it moves to the next existing time, and a repeated start counts
    once. With a star for minute or hour, every local time that matches is a start.
    """
    first = datetime.combine(day, datetime.min.time()) - timedelta(days=7)
    minutes = [first + timedelta(minutes=number) for number in range(9 * 24 * 60)]
    minute, hour, *_ = window.cron.split()
    every_start = []
    if minute.startswith("*") or hour.startswith("*"):
        for moment in minutes:
            clock = moment.replace(tzinfo=UTC).astimezone(window.zone)
            if matches(clock.replace(tzinfo=None)):
                every_start.append(clock.astimezone(UTC))
        return every_start
    for clock in filter(matches, minutes):
        shown = clock
        while back(shown, window.zone) != shown:
            shown += timedelta(minutes=1)
        every_start.append(shown.replace(tzinfo=window.zone).astimezone(UTC))
    return every_start


def back(clock: datetime, zone: ZoneInfo) -> datetime:
    """Convert a local time to UTC and back, which changes a time that the clocks skip."""
    return clock.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)


CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 4, 24)]
"""Changes of the clocks in Berlin (twice), on Lord Howe (by 30 minutes) and in Cairo (at 0:00)."""


@settings(max_examples=100)
@given(
    cron=fields(),
    days=st.integers(0, 3),
    minutes=st.integers(1, 40 * 60),
    zone=st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]),
    day=st.sampled_from(CHANGES) | st.dates(date(2025, 1, 1), date(2028, 1, 1)),
    offset=st.integers(0, 24 * 60 * 60 - 1),
)
@example(
    cron=("30 2 * * *", lambda clock: (clock.hour, clock.minute) == (2, 30)),
    days=0,
    minutes=60,
    zone="Europe/Berlin",
    day=date(2026, 10, 25),
    offset=75 * 60,
)
def test_window_agrees_with_a_search_through_every_minute(
    cron: tuple[str, Matches], days: int, minutes: int, zone: str, day: date, offset: int
) -> None:
    """The window is open until the end of the latest start that no other start follows in time."""
    try:
        window = parse(f"{cron[0]} for {days}d{minutes}m in {zone}", "here")
    except InputError:
        reject()  # it would never close
    every_start = starts(window, cron[1], day)
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(seconds=offset)
    ends = [
        ((start.astimezone(window.zone) + timedelta(days=days)) if days else start).astimezone(UTC)
        + timedelta(minutes=minutes)
        for start in every_start
    ]
    passed = [end for start, end in zip(every_start, ends, strict=True) if start <= at]
    expected = bool(passed) and at < passed[-1]
    assert window.is_open(at) is expected
    closes = window.ends(at)
    if not expected:
        assert closes is None
        return
    end = passed[-1]
    for start, following in itertools.dropwhile(
        lambda pair: pair[0] <= at, zip(every_start, ends, strict=True)
    ):
        if start > end:
            break
        end = following
    # Starts after the minutes that were tried are unknown here.
    if end < at + timedelta(hours=23):
        assert closes == end
