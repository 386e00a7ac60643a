"""Values that are read in the background."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts.board.freshness import Fresh, FreshByKey
from tests.waiting import eventually

PATIENT = 30.0
"""Longer than any reading here takes."""


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2)


def test_value_is_read_again_only_when_it_is_old(pool: ThreadPoolExecutor) -> None:
    clock = Clock()
    value: Fresh[int] = Fresh(lambda before: (before or 0) + 1, pool, age=3, clock=clock)
    assert [value.get(PATIENT).value, value.get(PATIENT).value] == [1, 1]
    clock.now = 3.0
    assert value.get(PATIENT).value == 2
    value.expire()
    assert value.get(PATIENT).value == 3


def test_page_does_not_wait_for_a_slow_reading(pool: ThreadPoolExecutor) -> None:
    """And nothing is read twice at the same time."""
    ended, readings = threading.Event(), []

    def read(before: str | None) -> str:
        readings.append(before)
        ended.wait(PATIENT)
        return "new"

    value = Fresh(read, pool, age=0, clock=Clock())
    assert value.get(patience=0).value is None
    assert value.get(patience=0).value is None
    assert value.is_running
    ended.set()
    eventually(lambda: value.newest.value == "new")
    assert readings[0] is None
    assert len(readings) == 1


def test_failed_reading_keeps_the_value_before(pool: ThreadPoolExecutor) -> None:
    answers = iter([1, None, 2])

    def read(before: int | None) -> int:
        answer = next(answers)
        if answer is None:
            raise ValueError("no answer")
        return answer

    value = Fresh(read, pool, age=0, clock=Clock())
    assert value.get(PATIENT).value == 1
    failed = value.get(PATIENT)
    assert (failed.value, str(failed.error)) == (1, "no answer")
    assert value.get(PATIENT).error is None


def test_only_the_newest_keys_are_kept(pool: ThreadPoolExecutor) -> None:
    made: list[str] = []

    def make(key: str) -> Fresh[str]:
        made.append(key)
        return Fresh(lambda _: key, pool, age=9, clock=Clock())

    values = FreshByKey(make, limit=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert values[key].get(PATIENT).value == key
    assert made == ["a", "b", "c", "b"]
