"""Polls operations of AWS that do not report their end, for a limited time."""

from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import TypeVar

T = TypeVar("T")


def poll(
    look: Callable[[], T | None],
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    limit: float,
    pauses: Iterable[float],
) -> T | None:
    """Return the first result of `look` that is not None, or None after `limit` seconds.

    `look` is called at once, and again after each of `pauses` (in seconds). The last pause is
    repeated.

    >>> results = iter([None, None, "Succeeded"])
    >>> poll(lambda: next(results), clock=lambda: 0, sleep=print, limit=60, pauses=(0.5, 1, 2))
    0.5
    1
    'Succeeded'
    """
    deadline = clock() + limit
    *_, last = all_pauses = tuple(pauses)
    for pause in chain(all_pauses, repeat(last)):
        result = look()
        if result is not None:
            return result
        if clock() + pause > deadline:
            break
        sleep(pause)
    return None
