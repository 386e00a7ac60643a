"""Callers that show one message at the same time, step by step in many orders."""

import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.waiting import PATIENCE
from phaseline.slack.message_record import View
from phaseline.slack.posting import Messages
from tests.builders.slack import NAME, Channel, view
from tests.builders.stores import make_table
from tests.builders.timing import Timer


class Turns:
    """Runs the steps of threads one at a time, in a random order with some steps in a row."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.newest = ""
        self.waiting: dict[str, threading.Event] = {}
        self.changed = threading.Condition()

    def step(self) -> None:
        """Wait until it is this thread's turn."""
        turn = threading.Event()
        with self.changed:
            self.waiting[threading.current_thread().name] = turn
            self.changed.notify()
        assert turn.wait(PATIENCE)

    def run(self, works: Sequence[Callable[[], object]]) -> None:
        """Run each of `works` in a thread, until all have ended."""
        threads = [threading.Thread(target=work, name=f"{n:03}") for n, work in enumerate(works)]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            with self.changed:
                if self.changed.wait_for(lambda: len(self.waiting) == len(alive), timeout=0.005):
                    self._next().set()

    def _next(self) -> threading.Event:
        if self.newest not in self.waiting or self.random.random() < 0.2:
            self.newest = self.random.choice(sorted(self.waiting))
        return self.waiting.pop(self.newest)


@pytest.mark.parametrize("seed", range(40))
def test_one_message_shows_the_newest_state_in_any_order_of_steps(seed: int) -> None:
    random = Random(seed)
    events = random.randint(2, 5)
    with mock_aws():
        client, channel = boto3.client("dynamodb"), Channel()
        make_table(client, "ledger")
        kept = Messages(client, "ledger", channel, Timer().clock, lease=60)
        turns = Turns(random)
        truth = 0

        def look() -> View:
            turns.step()
            return view(str(truth), *map(str, range(1, truth + 1)))

        def event() -> None:
            nonlocal truth
            turns.step()
            truth += 1
            turns.step()
            record = kept.read(NAME)
            kept.show(record, look(), look)

        def step(**_: Any) -> None:
            turns.step()

        for operation in ("GetItem", "UpdateItem"):
            client.meta.events.register(f"before-call.dynamodb.{operation}", step)
        channel.always = turns.step
        turns.run([event] * events)
        channel.always = None
        client.meta.events.unregister("before-call.dynamodb.GetItem", step)
        assert channel.shown == {"ts1": str(events)}
        assert sorted(channel.replies) == [str(number) for number in range(1, events + 1)]
        assert kept.read(NAME).holder is None
