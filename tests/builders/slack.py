"""A Slack channel in memory, and views of a message."""

from collections.abc import Callable
from dataclasses import dataclass, field

from phaseline.slack import message_record
from phaseline.slack.message_record import Posted, View
from phaseline.slack.rendering import Message

NAME = message_record.of_revision("opt", 7)
KEY = {"pk": {"S": "algorithm#opt#a"}, "sk": {"S": "release#1"}}


@dataclass
class Channel:
    """A Slack channel: its messages by timestamp, and the functions to run during its calls.

    `during` has one function for each of the next calls, `always` is run during every call.
    """

    shown: dict[str, str] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    edits: int = 0
    during: list[Callable[[], object]] = field(default_factory=list)
    always: Callable[[], object] | None = None

    def _run(self) -> None:
        if self.always:
            self.always()
        if self.during:
            self.during.pop(0)()

    def post(self, message: Message, thread: Posted | None = None) -> Posted:
        self._run()
        if thread:
            self.replies.append(message.text)
            return Posted("C1", "reply")
        ts = f"ts{len(self.shown) + 1}"
        self.shown[ts] = message.text
        return Posted("C1", ts)

    def update(self, posted: Posted, message: Message) -> bool:
        self._run()
        self.edits += 1
        if posted.ts not in self.shown:
            return False
        self.shown[posted.ts] = message.text
        return True


def view(text: str, *replies: str, finished: bool = False) -> View:
    """Return a view with this text, and with replies whose text is their name."""
    return View(
        Message(text, ()), {name: Message(name, ()) for name in replies}, finished, [KEY], 1
    )
