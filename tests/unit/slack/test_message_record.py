"""One message for one thing, whoever edits it at once with whom, and whatever dies on the way."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.waiting import PATIENCE
from phaseline.errors import RemoteCallError
from phaseline.slack import message_record
from phaseline.slack.message_record import Messages, Posted, Record, View
from phaseline.slack.rendering import Message
from tests.builders.calls import Calls
from tests.builders.stores import make_table
from tests.builders.timing import Timer

NAME = message_record.of_revision("opt", 7)
KEY = {"pk": {"S": "algorithm#opt#a"}, "sk": {"S": "release#1"}}


@dataclass
class Channel:
    """A Slack channel: the message as it looks now, and what happens during each call."""

    shown: dict[str, str] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    edits: int = 0
    during: list[Callable[[], object]] = field(default_factory=list)

    always: Callable[[], object] | None = None

    def _happen(self) -> None:
        if self.always:
            self.always()
        if self.during:
            self.during.pop(0)()

    def post(self, message: Message, thread: Posted | None = None) -> Posted:
        self._happen()
        if thread:
            self.replies.append(message.text)
            return Posted("C1", "reply")
        ts = f"ts{len(self.shown) + 1}"
        self.shown[ts] = message.text
        return Posted("C1", ts)

    def update(self, posted: Posted, message: Message) -> bool:
        self._happen()
        self.edits += 1
        if posted.ts not in self.shown:
            return False
        self.shown[posted.ts] = message.text
        return True


class Killed(BaseException):
    """The process ends here: nothing of it runs any more."""


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def kept(channel: Channel, timer: Timer) -> Iterator[Messages]:
    with mock_aws():
        client = boto3.client("dynamodb")
        make_table(client, "ledger")
        yield Messages(client, "ledger", channel, timer.clock, lease=60)


def view(text: str, *replies: str, finished: bool = False) -> View:
    """A view with this text, and these replies by their names."""
    return View(
        Message(text, ()), {name: Message(name, ()) for name in replies}, finished, [KEY], 1
    )


def show(kept: Messages, text: str, *replies: str, finished: bool = False) -> bool:
    """One look: the record first, then what is to be seen."""
    seen = view(text, *replies, finished=finished)
    return kept.show(kept.read(NAME), seen, lambda: seen)


def unreachable() -> View:
    """What nobody needs."""
    raise AssertionError("nothing was to be looked at again")


def test_posted_then_edited(kept: Messages, channel: Channel) -> None:
    """The first look posts, the next ones edit; one that shows the same asks nothing of Slack."""
    assert show(kept, "building")
    assert show(kept, "live")
    assert not show(kept, "live")
    assert (channel.shown, channel.edits) == ({"ts1": "live"}, 1)
    record = kept.read(NAME)
    assert (record.posted, record.keys, record.count) == (Posted("C1", "ts1"), (KEY,), 1)


def test_replies_once(kept: Messages, channel: Channel) -> None:
    """Each reply is posted once under its name, in the order given; new ones edit nothing."""
    show(kept, "building", "details")
    show(kept, "building", "details", "failed", "end")
    assert channel.replies == ["details", "failed", "end"]
    assert channel.edits == 0


def test_unfinished(kept: Messages) -> None:
    """A message that may still change is found; one that was finished may be shown again."""
    show(kept, "building")
    assert kept.unfinished() == [NAME]
    show(kept, "live", finished=True)
    assert kept.unfinished() == []
    show(kept, "rolled back", finished=True)
    assert kept.unfinished() == []


def test_an_older_look_overwrites_nothing(kept: Messages, channel: Channel) -> None:
    """Who looked before another has shown something newer looks again first."""
    show(kept, "building")
    record = kept.read(NAME)
    show(kept, "live")
    assert not kept.show(record, view("building"), lambda: view("live"))
    assert channel.shown == {"ts1": "live"}


def test_two_first_looks(kept: Messages, channel: Channel) -> None:
    """Of two that find no message one posts; the other's look is not lost."""
    looks = iter(["live"])
    channel.during = [lambda: show(kept, "live")]
    assert kept.show(kept.read(NAME), view("building"), lambda: view(next(looks)))
    assert (channel.shown, channel.edits) == ({"ts1": "live"}, 1)


def test_a_knock_during_an_edit(kept: Messages, channel: Channel) -> None:
    """Who finds another at work goes, and that one looks again before it leaves."""
    show(kept, "building")
    channel.during = [lambda: show(kept, "live", finished=True)]
    live = view("live", finished=True)
    assert kept.show(kept.read(NAME), view("publishing"), lambda: live)
    assert channel.shown == {"ts1": "live"}
    assert kept.unfinished() == []


def test_a_record_that_was_read_while_another_held_it(kept: Messages, channel: Channel) -> None:
    """Who comes between another's taking and leaving knows no message yet, and edits that one's."""
    records: list[Record] = []
    channel.during = [lambda: records.append(kept.read(NAME))]
    show(kept, "building")
    assert records[0].posted is None
    assert kept.show(records[0], view("live"), lambda: view("live"))
    assert channel.shown == {"ts1": "live"}


def test_slack_fails(kept: Messages, channel: Channel) -> None:
    """What Slack may or may not have taken is shown again, even where the old text is right."""
    show(kept, "building")

    def fail() -> None:
        raise ConnectionError

    channel.during = [fail]
    with pytest.raises(ConnectionError):
        show(kept, "failed")
    channel.shown["ts1"] = "failed"  # Slack had taken it
    assert show(kept, "building")
    assert channel.shown == {"ts1": "building"}


def test_slack_fails_at_first(kept: Messages, channel: Channel) -> None:
    """A message that could not be posted is found by the next look."""

    def fail() -> None:
        raise ConnectionError

    channel.during = [fail]
    with pytest.raises(ConnectionError):
        show(kept, "building")
    assert kept.unfinished() == [NAME]
    show(kept, "live")
    assert channel.shown == {"ts1": "live"}


@pytest.mark.parametrize("calls", [0, 1])
def test_killed(kept: Messages, channel: Channel, timer: Timer, calls: int) -> None:
    """A holder that dies is followed once its lease has run out; what it had posted stays."""
    if calls:
        show(kept, "waiting")

    def kill() -> None:
        raise Killed

    channel.during = [kill]
    with pytest.raises(Killed):
        show(kept, "building")
    assert not show(kept, "building")
    timer.now += 61
    assert show(kept, "building")
    assert channel.shown == {"ts1": "building"}


def test_a_lease_that_ran_out(kept: Messages, channel: Channel, timer: Timer) -> None:
    """A holder that wakes up after another has taken over leaves the record to that one."""
    show(kept, "waiting")

    def sleep() -> None:
        timer.now += 61
        show(kept, "live")

    channel.during = [sleep]
    kept.show(kept.read(NAME), view("building"), unreachable)
    assert kept.read(NAME).digest == message_record.digest(Message("live", ()))


def test_a_message_that_somebody_deleted(kept: Messages, channel: Channel) -> None:
    """Another takes its place, and is edited from then on."""
    show(kept, "building", "details")
    channel.shown.clear()
    channel.shown["another"] = "of somebody else"
    show(kept, "publishing", "details")
    show(kept, "live", "details")
    assert channel.shown == {"another": "of somebody else", "ts2": "live"}
    assert channel.replies == ["details"]


def lose_answers(kept: Messages, number: int) -> None:
    """Let each write take effect, and its answer be lost where it is the one of this number."""
    written = 0

    def lose(**_: Any) -> None:
        nonlocal written
        written += 1
        if written == number:
            raise ConnectionError("the answer is lost")

    kept.client.meta.events.register("after-call.dynamodb.UpdateItem", lose)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_lost_answer(kept: Messages, channel: Channel, timer: Timer, number: int) -> None:
    """Whichever write of a look has its answer lost, the next look leaves one message, right."""
    lose_answers(kept, number)
    with pytest.raises(ConnectionError):
        show(kept, "building", "details")
    timer.now += 61
    show(kept, "live", "details")
    assert list(channel.shown.values()) == ["live"]
    assert channel.replies[:1] == ["details"]


def test_a_repeated_take(kept: Messages, channel: Channel) -> None:
    """A take whose answer was lost finds, when the client repeats it, that it was its own."""
    repeated: list[dict[str, Any]] = []

    def take_twice(params: dict[str, Any]) -> None:
        if "holder = :holder, taken_until" in params["UpdateExpression"] and not repeated:
            repeated.append(params)
            kept.client.update_item(**params)

    Calls(kept.client, UpdateItem=take_twice)
    assert show(kept, "building")
    assert channel.shown == {"ts1": "building"}


def test_others_are_always_faster(kept: Messages) -> None:
    """After some tries it is given up, to be told by the next event."""
    show(kept, "0")
    record = kept.read(NAME)
    texts = iter(range(1, 100))

    def look() -> View:
        show(kept, f"by another {next(texts)}")
        return view("mine")

    look()
    with pytest.raises(RemoteCallError, match="5 times in a row"):
        kept.show(record, view("mine"), look)


def test_ceded(kept: Messages) -> None:
    """A message that is not wanted is noted as such, once, and never where there is one."""
    kept.cede(kept.read(NAME))
    record = kept.read(NAME)
    assert record.ceded
    calls = Calls(kept.client, UpdateItem=lambda _: None)
    kept.cede(record)
    assert calls.asked == []
    other = message_record.of_execution("e1")
    kept.show(kept.read(other), view("building"), unreachable)
    kept.cede(kept.read(other))
    assert not kept.read(other).ceded


@pytest.mark.parametrize(
    ("name", "about"), [(NAME, ("opt", 7)), (message_record.of_execution("e1"), "e1")]
)
def test_what_a_name_is_about(name: str, about: object) -> None:
    """A name tells its type and revision, or its execution."""
    assert message_record.subject(name) == about


class Turns:
    """Lets threads take their steps one at a time, some in a row, in an order that chance makes."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.newest = ""
        self.waiting: dict[str, threading.Event] = {}
        self.changed = threading.Condition()

    def step(self) -> None:
        """Wait for this thread's turn."""
        turn = threading.Event()
        with self.changed:
            self.waiting[threading.current_thread().name] = turn
            self.changed.notify()
        assert turn.wait(PATIENCE)

    def run(self, works: Sequence[Callable[[], object]]) -> None:
        """Run `works`, each in a thread, until all have ended."""
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
def test_the_last_look_wins(seed: int) -> None:
    """However the steps of looks fall between one another, one message shows the truth at last."""
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
