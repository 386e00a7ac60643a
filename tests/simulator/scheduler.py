"""Runs actors in simulated time, one at a time, in an order that follows from a seed.

Each actor is a thread, and only the thread that has the baton runs. It passes the baton on when it
pauses, to the actor whose pause ends first. So each remote call, which pauses, is one step.
"""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, 20, tzinfo=UTC)


class Stopped(BaseException):
    """Ends an actor when the simulation has failed elsewhere."""


@dataclass
class _Actor:
    act: Callable[[], None]
    name: str
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    started: bool = False


class Scheduler:
    """Simulated time in seconds since START, and the actors that wait for a time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, _Actor | Callable[[], None]]] = []
        self._count = 0
        self._current: _Actor | None = None
        self._main = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    @property
    def actor(self) -> str:
        """The name of the actor that runs."""
        return self._current.name if self._current else "the simulator"

    def moment(self) -> datetime:
        """Return the simulated time."""
        return START + timedelta(seconds=self.now)

    def time(self) -> str:
        """Return the simulated time (ISO 8601, UTC)."""
        return self.moment().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def spawn(self, name: str, act: Callable[[], None]) -> None:
        """Start an actor, which ends when `act` returns."""
        self._wait(self.now, _Actor(act, name))

    def later(self, seconds: float, effect: Callable[[], None]) -> None:
        """Call `effect`, which must not pause, after some seconds."""
        self._wait(self.now + seconds, effect)

    def pause(self, seconds: float) -> None:
        """Let the others go first, for some seconds."""
        if self._failure:
            raise Stopped
        actor = self._current
        if actor is None:  # outside of the simulation, nobody else runs
            self.now += seconds
            return
        self._wait(self.now + seconds, actor)
        following = self._following()
        if following is not actor:
            self._pass_to(following)
            actor.baton.acquire()
            if self._failure:
                raise Stopped

    def run(self) -> None:
        """Run until each actor has ended. Raises the first error of an actor."""
        if following := self._following():
            self._pass_to(following)
            self._main.acquire()
        for thread in self._threads:
            thread.join()
        self._current = None
        if self._failure:
            raise self._failure

    def _wait(self, until: float, waiting: _Actor | Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (until, self._count, waiting))

    def _following(self) -> _Actor | None:
        """Return the actor whose turn it is; effects that come before it happen."""
        while self._waiting:
            self.now, _, following = heapq.heappop(self._waiting)
            if isinstance(following, _Actor):
                self._current = following
                return following
            following()
        return None

    def _pass_to(self, actor: _Actor | None) -> None:
        if actor is None:
            self._main.release()
        elif actor.started:
            actor.baton.release()
        else:
            actor.started = True
            thread = threading.Thread(target=self._run, args=(actor,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, actor: _Actor) -> None:
        try:
            actor.act()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self._failure = self._failure or error
        if self._failure:
            self._stop()
            return
        self._pass_to(self._following_or_fail())

    def _following_or_fail(self) -> _Actor | None:
        try:
            return self._following()
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self._failure = error
            self._stop()
            return None

    def _stop(self) -> None:
        """End each actor that waits, and the simulation."""
        waiting, self._waiting = self._waiting, []
        for _, _, actor in waiting:
            if isinstance(actor, _Actor) and actor.started:
                actor.baton.release()
        self._main.release()
