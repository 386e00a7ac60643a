"""Messages are posted once and edited, whichever caller crashes, is slow or meets another."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.errors import RemoteCallError
from phaseline.slack import message_record
from phaseline.slack.message_record import Posted, Record, View
from phaseline.slack.posting import Messages
from phaseline.slack.rendering import Message
from tests.builders.calls import Calls
from tests.builders.slack import KEY, NAME, Channel, view
from tests.builders.stores import make_table
from tests.builders.timing import Timer


class Killed(BaseException):
    """The process is killed, so no `except Exception` runs."""


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


def show(kept: Messages, text: str, *replies: str, finished: bool = False) -> bool:
    """Read the record, and show this view."""
    wanted = view(text, *replies, finished=finished)
    return kept.show(kept.read(NAME), wanted, lambda: wanted)


def unreachable() -> View:
    """Fail, because no second look is expected."""
    raise AssertionError("an unexpected second look")


def test_message_is_posted_once_and_then_edited(kept: Messages, channel: Channel) -> None:
    """An unchanged view causes no call of Slack."""
    assert show(kept, "building")
    assert show(kept, "live")
    assert not show(kept, "live")
    assert (channel.shown, channel.edits) == ({"ts1": "live"}, 1)
    record = kept.read(NAME)
    assert (record.posted, record.keys, record.count) == (Posted("C1", "ts1"), (KEY,), 1)


def test_each_reply_is_posted_once_and_in_order(kept: Messages, channel: Channel) -> None:
    """New replies do not edit the message."""
    show(kept, "building", "details")
    show(kept, "building", "details", "failed", "end")
    assert channel.replies == ["details", "failed", "end"]
    assert channel.edits == 0


def test_finished_message_is_no_longer_listed(kept: Messages) -> None:
    """Even if it is edited again after its end."""
    show(kept, "building")
    assert kept.unfinished() == [NAME]
    show(kept, "live", finished=True)
    assert kept.unfinished() == []
    show(kept, "rolled back", finished=True)
    assert kept.unfinished() == []


def test_older_look_overwrites_no_newer_one(kept: Messages, channel: Channel) -> None:
    """A caller looks again if another one has shown its view since."""
    show(kept, "building")
    record = kept.read(NAME)
    show(kept, "live")
    assert not kept.show(record, view("building"), lambda: view("live"))
    assert channel.shown == {"ts1": "live"}


def test_two_first_callers_post_one_message(kept: Messages, channel: Channel) -> None:
    """It shows the later look."""
    looks = iter(["live"])
    channel.during = [lambda: show(kept, "live")]
    assert kept.show(kept.read(NAME), view("building"), lambda: view(next(looks)))
    assert (channel.shown, channel.edits) == ({"ts1": "live"}, 1)


def test_notified_holder_looks_again_before_it_returns_the_record(
    kept: Messages, channel: Channel
) -> None:
    show(kept, "building")
    channel.during = [lambda: show(kept, "live", finished=True)]
    live = view("live", finished=True)
    assert kept.show(kept.read(NAME), view("publishing"), lambda: live)
    assert channel.shown == {"ts1": "live"}
    assert kept.unfinished() == []


def test_record_that_was_read_before_the_first_post_leads_to_an_edit(
    kept: Messages, channel: Channel
) -> None:
    records: list[Record] = []
    channel.during = [lambda: records.append(kept.read(NAME))]
    show(kept, "building")
    assert records[0].posted is None
    assert kept.show(records[0], view("live"), lambda: view("live"))
    assert channel.shown == {"ts1": "live"}


def test_failed_edit_is_repeated(kept: Messages, channel: Channel) -> None:
    """Slack may have accepted it, so the old text is shown again even if it is the wanted one."""
    show(kept, "building")

    def fail() -> None:
        raise ConnectionError

    channel.during = [fail]
    with pytest.raises(ConnectionError):
        show(kept, "failed")
    channel.shown["ts1"] = "failed"  # Slack had accepted it
    assert show(kept, "building")
    assert channel.shown == {"ts1": "building"}


def test_message_that_was_not_posted_stays_unfinished(kept: Messages, channel: Channel) -> None:
    """The next caller posts it."""

    def fail() -> None:
        raise ConnectionError

    channel.during = [fail]
    with pytest.raises(ConnectionError):
        show(kept, "building")
    assert kept.unfinished() == [NAME]
    show(kept, "live")
    assert channel.shown == {"ts1": "live"}


@pytest.mark.parametrize("calls", [0, 1])
def test_record_of_a_killed_holder_is_free_after_its_lease(
    kept: Messages, channel: Channel, timer: Timer, calls: int
) -> None:
    """The message that was posted before stays."""
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


def test_holder_whose_lease_ended_does_not_change_the_record(
    kept: Messages, channel: Channel, timer: Timer
) -> None:
    show(kept, "waiting")

    def sleep() -> None:
        timer.now += 61
        show(kept, "live")

    channel.during = [sleep]
    kept.show(kept.read(NAME), view("building"), unreachable)
    assert kept.read(NAME).digest == message_record.digest(Message("live", ()))


def test_deleted_message_is_posted_again(kept: Messages, channel: Channel) -> None:
    """The new message is edited from then on, and its replies are not repeated."""
    show(kept, "building", "details")
    channel.shown.clear()
    channel.shown["another"] = "of somebody else"
    show(kept, "publishing", "details")
    show(kept, "live", "details")
    assert channel.shown == {"another": "of somebody else", "ts2": "live"}
    assert channel.replies == ["details"]


def lose_answers(kept: Messages, number: int) -> None:
    """Lose the answer to the write with this number (1 is the first), which takes effect."""
    written = 0

    def lose(**_: Any) -> None:
        nonlocal written
        written += 1
        if written == number:
            raise ConnectionError("the answer is lost")

    kept.client.meta.events.register("after-call.dynamodb.UpdateItem", lose)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_one_correct_message_remains_after_a_lost_answer(
    kept: Messages, channel: Channel, timer: Timer, number: int
) -> None:
    lose_answers(kept, number)
    with pytest.raises(ConnectionError):
        show(kept, "building", "details")
    timer.now += 61
    show(kept, "live", "details")
    assert list(channel.shown.values()) == ["live"]
    assert channel.replies[:1] == ["details"]


def test_repeated_take_recognises_its_own_first_attempt(kept: Messages, channel: Channel) -> None:
    """botocore repeats a call whose answer was lost."""
    repeated: list[dict[str, Any]] = []

    def take_twice(params: dict[str, Any]) -> None:
        if "holder = :holder, taken_until" in params["UpdateExpression"] and not repeated:
            repeated.append(params)
            kept.client.update_item(**params)

    Calls(kept.client, UpdateItem=take_twice)
    assert show(kept, "building")
    assert channel.shown == {"ts1": "building"}


def test_show_gives_up_if_others_are_always_faster(kept: Messages) -> None:
    show(kept, "0")
    record = kept.read(NAME)
    texts = iter(range(1, 100))

    def look() -> View:
        show(kept, f"by another {next(texts)}")
        return view("mine")

    look()
    with pytest.raises(RemoteCallError, match="5 times in a row"):
        kept.show(record, view("mine"), look)


def test_only_a_message_that_was_never_posted_is_ceded(kept: Messages) -> None:
    """It is stored once."""
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
