"""Concurrency groups: whose turn it is, and who has to go.

https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
"""

import threading
from dataclasses import dataclass

WAITING = 100
"""Places behind the one whose turn it is. GitHub cancels those who come when all are taken."""


@dataclass(frozen=True)
class Place:
    """A place in a group's queue. With `patient` (`queue: max`) nobody behind it displaces it."""

    holder: str
    patient: bool


class Turns:
    """The queues of all groups; the first of a queue has the turn."""

    def __init__(self) -> None:
        self._queues: dict[str, list[Place]] = {}
        self._lock = threading.Lock()

    def join(self, group: str, holder: str, *, patient: bool, cancel: bool) -> list[str]:
        """Queue up once; the holders that are to be cancelled for it.

        Those are the ones that wait without patience, and with `cancel` (`cancel-in-progress`)
        also the one whose turn it is. The holder itself is one of them if the queue is full.
        """
        with self._lock:
            queue = self._queues.setdefault(group, [])
            if any(place.holder == holder for place in queue):
                return []
            if patient and len(queue) > WAITING:
                return [holder]
            gone = [place for place in queue[1:] if not place.patient]
            gone += queue[:1] if cancel else []
            self._queues[group] = [place for place in queue if place not in gone]
            self._queues[group].append(Place(holder, patient))
            return [place.holder for place in gone]

    def has(self, group: str, holder: str) -> bool:
        """Whether it is the holder's turn."""
        with self._lock:
            return self._queues.get(group, [Place("", False)])[:1] in (
                [Place(holder, True)],
                [Place(holder, False)],
            )

    def leave(self, group: str, holder: str) -> None:
        """Give up the turn, or the place in the queue."""
        with self._lock:
            queue = [place for place in self._queues.get(group, []) if place.holder != holder]
            self._queues[group] = queue
