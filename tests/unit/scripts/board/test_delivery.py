"""The metrics of delivery over time, and the plots of them."""

from datetime import UTC, datetime, timedelta

import pytest

from phaseline import times
from phaseline.releases.release import Release, Step
from phaseline.site.live import Live
from scripts.board import plots
from scripts.board.delivery import DOTS, Delivery, delivery_of
from scripts.board.plots import HEIGHT, LEFT, WIDTH, Column

UNTIL = datetime(2026, 11, 25, 15, tzinfo=UTC)


def ago(days: float) -> str:
    """A time so many days before the end."""
    return times.second(UNTIL - timedelta(days=days))


def promoted(days: float, took: float, **changes: object) -> Release:
    """A promotion that was requested so many days ago and verified `took` seconds later."""
    verified = times.second(UNTIL - timedelta(days=days) + timedelta(seconds=took))
    fields: dict[str, object] = {
        "release_id": f"r{days}", "type": "opt", "algorithm": f"a{days}", "version": "1",
        "action": "promote", "previous": None, "requested_at": ago(days), "sequence": "1",
        "reason": "x", "state": "verified", "revision": 1000 - int(days * 10),
        "steps": {"document": Step(ago(days)), "verified": Step(verified)},
    }  # fmt: skip
    return Release(**fields | changes)  # type: ignore[arg-type]


def delivery(*releases: Release, lives: tuple[float, ...] = (), days: int = 7) -> Delivery:
    """The delivery of a week with these releases, and with publications so many days ago."""
    published = [Live(n, ago(each), f"e{n}", "c", {}) for n, each in enumerate(lives)]
    return delivery_of(releases, [], published, days=days, until=times.second(UNTIL))


def test_each_day_has_its_number_of_publications() -> None:
    shown = delivery(lives=(0.1, 0.2, 2.0)).frequency
    assert shown.rows == [("2026-11-23", "1"), ("2026-11-25", "2")]
    assert len(shown.bars) == 2
    assert shown.days[-1].text == "2026-11-25"


def test_longer_period_is_shown_by_week() -> None:
    shown = delivery(lives=(0.1, 3.0, 20.0), days=90).frequency
    assert [value for _, value in shown.rows] == ["1", "2"]


def test_lead_times_are_dots_with_median_and_ninetieth_percentile() -> None:
    shown = delivery(*(promoted(n / 2, 60.0 * (n + 1)) for n in range(10))).lead_time
    assert len(shown.dots) == 10
    assert [line.text for line in shown.lines] == ["median 5 min 30 s", "9 of 10 9 min"]
    assert all(LEFT <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in shown.dots)
    slow, quick = shown.dots[-1], shown.dots[0]
    assert slow.y < quick.y
    assert slow.x < quick.x


def test_many_dots_are_thinned_but_counted() -> None:
    shown = delivery(*(promoted(6 * n / 2000, 60) for n in range(2000))).lead_time
    assert len(shown.dots) <= DOTS
    assert sum(int(value.rpartition(" ")[2]) for _, value in shown.rows) == 2000


def test_rolled_back_promotion_is_a_failure_of_its_day_and_is_restored() -> None:
    bad = promoted(3, 60, algorithm="a", version="2", revision=5)
    back = promoted(2, 60, algorithm="a", version="1", action="rollback", previous="2", revision=6)
    shown = delivery(bad, back)
    assert shown.failures.rows == [("2026-11-22", "1 of 1 failed")]
    assert [bar.part for bar in shown.failures.bars] == [1]
    assert [dot.title for dot in shown.restores.dots] == ["opt/a 2: 1 d"]


def test_period_without_data_has_empty_plots() -> None:
    shown = delivery()
    assert all(
        plot.is_empty for plot in (shown.frequency, shown.lead_time, shown.failures, shown.restores)
    )


@pytest.mark.parametrize(
    ("highest", "labels"),
    [(1, ["0", "1"]), (3, ["0", "1", "2", "3"]), (7, ["0", "5", "10"]), (40, ["0", "20", "40"]),
     (1234, ["0", "500", "1000", "1500"])],
)  # fmt: skip
def test_axis_of_columns_has_round_labels(highest: int, labels: list[str]) -> None:
    shown = plots.columns([Column("2026-11-25", (highest,), "x")])
    assert [label.text for label in shown.values] == labels


def test_parts_of_a_column_are_stacked() -> None:
    low, high = plots.columns([Column("2026-11-25", (2, 1), "x")]).bars
    assert low.y == high.y + high.height
    assert low.height == pytest.approx(2 * high.height, abs=0.2)
