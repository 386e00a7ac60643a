"""Polling: what AWS does without telling when it ends is looked at again and again, in bounds."""

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
    """The first answer of `look` that is not None; None where there is none within `limit` seconds.

    `look` is called at once, and again after each of `pauses` (seconds), the last one for good.

    >>> answers = iter([None, None, "Succeeded"])
    >>> poll(lambda: next(answers), clock=lambda: 0, sleep=print, limit=60, pauses=(0.5, 1, 2))
    0.5
    1
    'Succeeded'
    """
    deadline = clock() + limit
    *_, last = known = tuple(pauses)
    for pause in chain(known, repeat(last)):
        answer = look()
        if answer is not None:
            return answer
        if clock() + pause > deadline:
            break
        sleep(pause)
    return None
