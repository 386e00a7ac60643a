"""Concurrency groups: the queue of each group, and the holders to cancel.

https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
"""

import threading
from dataclasses import dataclass

WAITING = 100
"""Places behind the one whose turn it is. GitHub cancels those who come when all are taken."""


@dataclass(frozen=True)
class Place:
    """A place in the queue of a group. With `patient` (`queue: max`), a newer holder does not
    cancel it."""

    holder: str
    patient: bool


class Turns:
    """The queues of all groups, whose names match in any case. The first holder of a queue has the
    turn."""

    def __init__(self) -> None:
        self._queues: dict[str, list[Place]] = {}
        self._lock = threading.Lock()

    def join(self, group: str, holder: str, *, patient: bool, cancel: bool) -> list[str]:
        """Join the queue once. Return the holders to cancel.

        These are the waiting holders that are not patient and, with `cancel`
        (`cancel-in-progress`), the holder that has the turn. If the queue is full, the new holder
        is one of them.
        """
        with self._lock:
            queue = self._queues.setdefault(group.lower(), [])
            if any(place.holder == holder for place in queue):
                return []
            if patient and len(queue) > WAITING:
                return [holder]
            gone = [place for place in queue[1:] if not place.patient]
            gone += queue[:1] if cancel else []
            left = [place for place in queue if place not in gone]
            self._queues[group.lower()] = [*left, Place(holder, patient)]
            return [place.holder for place in gone]

    def has(self, group: str, holder: str) -> bool:
        """Return whether the holder has the turn."""
        with self._lock:
            return self._queues.get(group.lower(), [Place("", False)])[:1] in (
                [Place(holder, True)],
                [Place(holder, False)],
            )

    def leave(self, group: str, holder: str) -> None:
        """Leave the queue."""
        with self._lock:
            queue = self._queues.get(group.lower(), [])
            self._queues[group.lower()] = [place for place in queue if place.holder != holder]
