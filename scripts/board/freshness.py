"""Values that are read in the background, so that no page waits for a slow reading."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
PATIENCE = 0.4
"""Seconds that a page waits for a value that it does not have yet."""
READERS = 4
"""Values that are read at the same time."""


@dataclass(frozen=True)
class Reading(Generic[T]):
    """The newest value that was read, or None before the first one.

    `error` is the exception of the newest reading, if it failed. `value` is then an older one.
    """

    value: T | None
    error: BaseException | None


class Fresh(Generic[T]):
    """A value that is read again when it is asked for and older than `age` seconds.

    `read` gets the value before, or None. It runs in `pool`, once at a time.
    """

    def __init__(
        self,
        read: Callable[[T | None], T],
        pool: ThreadPoolExecutor,
        age: float,
        clock: Callable[[], float],
    ) -> None:
        self._read, self._pool, self._age, self._clock = read, pool, age, clock
        self._lock = threading.Lock()
        self._reading: Reading[T] = Reading(None, None)
        self._read_at: float | None = None
        self._running: Future[None] | None = None

    def get(self, patience: float = PATIENCE) -> Reading[T]:
        """Return the newest reading; if it is too old, wait up to `patience` seconds for another.

        An older value is returned if the wait was too short.
        """
        with self._lock:
            is_old = self._read_at is None or self._clock() - self._read_at >= self._age
            if is_old and (self._running is None or self._running.done()):
                self._running = self._pool.submit(self._refresh)
            running = self._running
        if is_old and running:
            wait_for([running], timeout=patience)
        return self._reading

    @property
    def newest(self) -> Reading[T]:
        """The newest reading, of whatever age."""
        return self._reading

    @property
    def is_running(self) -> bool:
        """Whether the value is being read."""
        return self._running is not None and not self._running.done()

    def expire(self) -> None:
        """Let the next `get` read the value again."""
        with self._lock:
            self._read_at = None

    def _refresh(self) -> None:
        before, began = self._reading.value, self._clock()
        try:
            reading = Reading(self._read(before), None)
        except Exception as error:  # noqa: BLE001 - the page shows it, whatever it is
            reading = Reading(before, error)
        with self._lock:
            self._reading, self._read_at = reading, began


class FreshByKey(Generic[K, T]):
    """A `Fresh` value for each of the `limit` keys that were asked for last."""

    def __init__(self, make: Callable[[K], Fresh[T]], limit: int) -> None:
        self._make, self._limit = make, limit
        self._lock = threading.Lock()
        self._values: OrderedDict[K, Fresh[T]] = OrderedDict()

    def __getitem__(self, key: K) -> Fresh[T]:
        with self._lock:
            value = self._values.pop(key, None) or self._make(key)
            self._values[key] = value
            while len(self._values) > self._limit:
                self._values.popitem(last=False)
        return value
