"""Waiting, with a clock of the test's own."""

import pytest

from local.waiting import PATIENCE, until
from phaseline.errors import TimedOutError
from tests.builders.timing import Timer


def test_the_first_value_that_is_done() -> None:
    """It looks until a value is done, and not once more."""
    timer, values = Timer(), iter([1, 2, 3, 4])
    found = until(
        lambda: next(values),
        lambda value: value == 3,
        what="a three",
        clock=timer.clock,
        sleep=timer.sleep,
    )
    assert found == 3
    assert next(values) == 4
    assert len(timer.slept) == 2


def test_a_pause_grows_with_the_look_before_it() -> None:
    """A look that takes long is repeated less often, and within a bound."""
    timer, durations = Timer(), iter([0.0, 0.25, 60.0, 0.0])

    def look() -> bool:
        timer.now += next(durations)
        return len(timer.slept) == 3

    until(look, what="the last look", clock=timer.clock, sleep=timer.sleep)
    assert timer.slept == pytest.approx([0.1, 0.75, 2.0])


def test_it_gives_up() -> None:
    """After the one bound, and says for what it waited and what it saw last."""
    timer = Timer()
    with pytest.raises(TimedOutError) as error:
        until(
            lambda: ["queued"],
            lambda states: "completed" in states,
            what="a completed run",
            show=", ".join,
            clock=timer.clock,
            sleep=timer.sleep,
        )
    assert PATIENCE <= sum(timer.slept) < PATIENCE + 1
    assert "waiting for a completed run: nothing within" in str(error.value)
    assert "seen last: queued" in str(error.value)


def test_what_a_look_raises_is_not_waited_out() -> None:
    """An error of the look itself is not hidden."""
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 / 0, what="an end")
