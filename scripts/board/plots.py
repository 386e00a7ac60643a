"""Pure: the geometry of plots, which a template draws as inline SVG.

A plot has WIDTH x HEIGHT units. Columns grow from a linear axis at zero. Dots have a logarithmic
axis, because lead times lie between seconds and days. Each plot has a table with the same data.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phaseline.history import dora
from scripts.board.words import span

WIDTH, HEIGHT = 640.0, 200.0
LEFT, BOTTOM, TOP = 66.0, 26.0, 12.0
"""The margins for the labels of the axes, and above the highest value."""
TICKS = (1, 10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
"""The values in seconds that a logarithmic axis may label."""
LABELS = 6
"""The most labels below a plot, so that they do not overlap on a phone."""
GAP = 0.25
"""The part of a column's place that stays empty."""


@dataclass(frozen=True)
class Column:
    """A column: its day (ISO 8601), the heights of its parts from the bottom, and its value."""

    day: str
    parts: tuple[int, ...]
    value: str


@dataclass(frozen=True)
class Dot:
    """A dot: its place between 0 and 1, its value in seconds, and the words that name it."""

    place: float
    seconds: float
    title: str


@dataclass(frozen=True)
class Shape:
    """A rectangle or a circle, whose centre is (x, y) and whose radius is `width`.

    `part` is the number of a column's part. `title` describes it.
    """

    x: float
    y: float
    width: float
    height: float
    part: int
    title: str


@dataclass(frozen=True)
class AxisLabel:
    """A label of an axis or a line, at a position on that axis."""

    position: float
    text: str


@dataclass(frozen=True)
class Plot:
    """A plot: its shapes, the labels of its axes, and its horizontal lines with their names.

    `rows` is the data as a table: the first day of each bucket, and its values.
    """

    bars: Sequence[Shape]
    dots: Sequence[Shape]
    days: Sequence[AxisLabel]
    values: Sequence[AxisLabel]
    lines: Sequence[AxisLabel]
    rows: Sequence[tuple[str, str]]

    @property
    def is_empty(self) -> bool:
        """Whether there is no data."""
        return not self.bars and not self.dots


def columns(data: Sequence[Column]) -> Plot:
    """Return a plot of columns, each of which has its parts stacked."""
    highest = max((sum(column.parts) for column in data), default=0)
    top, step = _linear(highest)
    scale = (HEIGHT - BOTTOM - TOP) / top
    place = (WIDTH - LEFT) / max(1, len(data))
    bars = []
    for number, column in enumerate(data):
        base = HEIGHT - BOTTOM
        for part, count in enumerate(column.parts):
            height = count * scale
            base -= height
            x, width = LEFT + place * (number + GAP / 2), place * (1 - GAP)
            title = f"{column.day}: {column.value}"
            if count:
                bars.append(_shape(x, base, width, height, part, title))
    values = [
        AxisLabel(round(HEIGHT - BOTTOM - value * scale, 1), str(value))
        for value in range(0, top + 1, step)
    ]
    days = _days([column.day for column in data])
    rows = [(column.day, column.value) for column in data if sum(column.parts)]
    return Plot(bars, (), days, values, (), rows)


def dots(
    data: Sequence[Dot],
    lines: Mapping[str, float | None],
    days: Sequence[str],
    buckets: Mapping[int, Sequence[float]],
) -> Plot:
    """Return a plot of dots with horizontal `lines` by name; `buckets` has all values by number.

    `days` are the first days of the buckets.
    """
    known = {name: value for name, value in lines.items() if value is not None}
    values = [dot.seconds for dot in data] + list(known.values())
    low, high = _ticks(min(values, default=1.0), max(values, default=60.0))

    def height(seconds: float) -> float:
        share = math.log(max(seconds, low) / low) / math.log(high / low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    shapes = [
        _shape(LEFT + dot.place * (WIDTH - LEFT), height(dot.seconds), 3.5, 3.5, 0, _titled(dot))
        for dot in data
    ]
    ticks = [AxisLabel(height(tick), span(tick)) for tick in TICKS if low <= tick <= high]
    named = [AxisLabel(height(value), f"{name} {span(value)}") for name, value in known.items()]
    rows = [
        (
            days[number],
            f"{span(statistics.median(times))} median, {span(dora.percentile(times, 0.9))} for"
            f" 9 of 10, of {len(times)}",
        )
        for number, times in sorted(buckets.items())
    ]
    return Plot((), shapes, _days(days), ticks, named, rows)


def _titled(dot: Dot) -> str:
    return f"{dot.title}: {span(dot.seconds)}"


def _shape(x: float, y: float, width: float, height: float, part: int, title: str) -> Shape:
    return Shape(round(x, 1), round(y, 1), round(width, 1), round(height, 1), part, title)


def _linear(highest: int) -> tuple[int, int]:
    """Return the end of a linear axis and the step of its labels, which are round numbers."""
    rough = max(1, highest) / 3
    power = 10 ** math.floor(math.log10(rough))
    step = max(1, next(int(power * n) for n in (1, 2, 5, 10) if power * n >= rough))
    return math.ceil(max(1, highest) / step) * step, step


def _ticks(lowest: float, highest: float) -> tuple[float, float]:
    """Return the ends of a logarithmic axis: the labelled values around all others."""
    low = max((tick for tick in TICKS if tick <= lowest), default=TICKS[0])
    high = min((tick for tick in TICKS if tick >= highest and tick > low), default=highest * 2)
    return float(low), float(high)


def _days(days: Sequence[str]) -> list[AxisLabel]:
    """Return the labels below a plot: some of the days, evenly."""
    every = max(1, math.ceil(len(days) / LABELS))
    place = (WIDTH - LEFT) / max(1, len(days))
    return [
        AxisLabel(round(LEFT + place * (number + 0.5), 1), day)
        for number, day in enumerate(days)
        if number % every == 0
    ]
