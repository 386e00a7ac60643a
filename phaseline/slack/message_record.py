"""One Slack message for one thing, edited as that moves; and the record of it in the ledger table.

    pk                          sk      what it is about
    message#<type>#<revision>   slack   the releases of one revision of one document
    message#<execution>         slack   an execution of the pipeline that brings no release

Whoever has looked at the truth brings the message up to date, one at a time:

    free --- take: number + 1 ---> taken, until a time --- leave: what is shown now ---> free
      ^                              |  ^                          |
      |                              |  +-- knock: number + 1 -----+ look again, show that
      +------- lapsed, given up -----+

- What is shown was looked at after `number` was read, and only who still finds that number may take
  the record: so an older look never overwrites what a newer one showed.
- Who finds it taken knocks and goes: the holder, seeing another number when it leaves, looks again.
- `digest` is that of the message that Slack is known to show. While a record is taken, or where its
  holder died, it is in doubt, and the next look shows the message again.

A holder that dies after Slack has taken a new message and before this is noted repeats the message.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed
from phaseline.errors import RemoteCallError
from phaseline.slack.rendering import Message

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNFINISHED = "message"
"""Where the ledger's index `open` holds the messages that may still change."""
TRIES = 5
"""Times that a record is looked at anew because somebody else was faster."""
Key = Mapping[str, Any]
"""A primary key, as DynamoDB attribute values."""


@dataclass(frozen=True)
class Posted:
    """A message in Slack: its channel's id, and its timestamp, which is its id there."""

    channel: str
    ts: str


class Channel(Protocol):
    """The Slack channel (phaseline/slack/channel.py), whose client is slow to import."""

    def post(self, message: Message, thread: Posted | None = None) -> Posted:
        """Post a message, or a reply in the thread of another."""
        ...

    def update(self, posted: Posted, message: Message) -> bool:
        """Edit a message; False where it is not there any more."""
        ...


@dataclass(frozen=True)
class View:
    """What should be seen now: the message, the replies in its thread by their names, and whether
    nothing of it will change.

    `keys` are those of the releases that it lists, `count` is the number of all.
    """

    message: Message
    replies: Mapping[str, Message]
    finished: bool
    keys: Sequence[Key] = ()
    count: int = 0


@dataclass(frozen=True)
class Record:
    """What is known of a message: where it is, what it shows, and for which releases it stands.

    `holder` is who works at it; None where the record is free and `digest` holds.
    `ceded` where no such message is wanted, since others tell what it would.
    """

    name: str
    number: int = 0
    posted: Posted | None = None
    digest: str = ""
    replied: frozenset[str] = frozenset()
    keys: Sequence[Key] = ()
    count: int = 0
    holder: str | None = None
    ceded: bool = False

    def shows(self, view: View) -> bool:
        """Whether nothing is left to do for `view`."""
        return (
            self.holder is None
            and self.digest == digest(view.message)
            and self.replied >= view.replies.keys()
        )


def of_revision(type_: str, revision: int) -> str:
    """The name of the message about the releases of a revision."""
    return f"message#{type_}#{revision}"


def of_execution(execution: str) -> str:
    """The name of the message about an execution that brings no release."""
    return f"message#{execution}"


def subject(name: str) -> tuple[str, int] | str:
    """What the message of this name is about: a type and its revision, or an execution."""
    _, first, *rest = name.split("#")
    return (first, int(rest[0])) if rest else first


def read(client: "DynamoDBClient", table: str, name: str) -> Record:
    """The record of this name in a ledger table; an empty one where there is none."""
    answer = client.get_item(TableName=table, Key=_key(name), ConsistentRead=True)
    return _record(name, answer.get("Item", {}))


def digest(message: Message) -> str:
    """What tells two messages apart."""
    shown = json.dumps([message.text, message.blocks], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()


@dataclass(frozen=True)
class Messages:
    """The messages of one environment. `clock` counts seconds since the epoch, `lease` is how many
    of them one caller may need for a message."""

    client: "DynamoDBClient"
    table: str
    channel: Channel
    clock: Callable[[], float]
    lease: float

    def unfinished(self) -> list[str]:
        """The names of the messages that may still change."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName="open",
            KeyConditionExpression="#open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": UNFINISHED}},
        )
        return [item["pk"]["S"] for page in pages for item in page["Items"]]

    def read(self, name: str) -> Record:
        """The record of this name as it is now; an empty one where there is none."""
        return read(self.client, self.table, name)

    def cede(self, record: Record) -> None:
        """Note that no such message is wanted, for good."""
        if not record.ceded:
            self._write(record.name, "SET ceded = :yes", "attribute_not_exists(ts)", yes=True)

    def show(self, record: Record, view: View, look: Callable[[], View]) -> bool:
        """Bring a message up to date; False where it is, or somebody else is at it.

        `view` must have been looked at after `record` was read; `look` looks again. Raises what the
        channel raises, and RemoteCallError where others were faster again and again.
        """
        for _ in range(TRIES):
            if record.shows(view):
                return False
            holder, now = str(uuid.uuid4()), self.clock()
            if (taken := self._take(record, view, holder, now)) is not None:
                self._bring(taken, view, look, holder)
                return True
            if self._knock(record.name, now):
                return False
            record, view = self.read(record.name), look()
        raise RemoteCallError(
            record.name,
            f"others changed the message's record {TRIES} times in a row",
            "The next event looks again.",
        )

    def _take(self, record: Record, view: View, holder: str, now: float) -> Record | None:
        """The record as it was when it was taken, or None."""
        condition = "#number = :number" if record.number else "attribute_not_exists(#number)"
        before = self._write(
            record.name,
            "SET #number = :next, holder = :holder, taken_until = :until, #open = :open,"
            " #keys = :keys, #count = :count",
            f"{condition} AND (attribute_not_exists(taken_until) OR taken_until <= :now)",
            next=record.number + 1,
            holder=holder,
            until=_number(now + self.lease),
            open=UNFINISHED,
            keys=[plain(key) for key in view.keys],
            count=view.count,
            now=_number(now),
            **({"number": record.number} if record.number else {}),
        )
        if before is not None:
            return _record(record.name, before)
        # Where the answer to a write was lost, its repetition finds its own work.
        found = self.read(record.name)
        return replace(found, number=record.number) if found.holder == holder else None

    def _knock(self, name: str, now: float) -> bool:
        """Ask the holder to look again; False where there is none any more."""
        knocked = self._write(
            name, "SET #number = #number + :one", "taken_until > :now", one=1, now=_number(now)
        )
        return knocked is not None

    def _bring(self, record: Record, view: View, look: Callable[[], View], holder: str) -> None:
        """Show what is to be seen, until nobody has knocked meanwhile."""
        number = record.number + 1
        try:
            while True:
                record = self._show(record, view, holder)
                if self._leave(record, view, holder, number):
                    return
                found = self.read(record.name)
                if found.holder != holder:
                    return  # it was left, or the lease ran out and somebody else goes on
                number, view = found.number, look()
        except Exception:
            # Slack may show what was not confirmed: the next look shows the message again.
            self._keep(
                record.name, holder, "SET digest = :none REMOVE holder, taken_until", none=""
            )
            raise

    def _show(self, record: Record, view: View, holder: str) -> Record:
        """Post or edit the message and post the replies that are missing; what is shown then."""
        posted, shown = record.posted, digest(view.message)
        current = record.holder is None and record.digest == shown
        if posted is None or not (current or self.channel.update(posted, view.message)):
            posted = self.channel.post(view.message)
            expression = "SET channel = :channel, ts = :ts"
            self._keep(record.name, holder, expression, channel=posted.channel, ts=posted.ts)
        replied = set(record.replied)
        for name, reply in view.replies.items():
            if name not in replied:
                self.channel.post(reply, posted)
                replied.add(name)
                self._keep(record.name, holder, "ADD replied :names", names={name})
        return replace(record, posted=posted, digest=shown, replied=frozenset(replied), holder=None)

    def _leave(self, record: Record, view: View, holder: str, number: int) -> bool:
        """Note what is shown and free the record; False where somebody has knocked."""
        left = self._write(
            record.name,
            "SET digest = :digest, #keys = :keys, #count = :count REMOVE holder, taken_until"
            + (", #open" if view.finished else ""),
            "holder = :holder AND #number = :number",
            digest=record.digest,
            keys=[plain(key) for key in view.keys],
            count=view.count,
            holder=holder,
            number=number,
        )
        return left is not None

    def _keep(self, name: str, holder: str, expression: str, **values: Any) -> None:
        """Note something, as long as the record is held."""
        self._write(name, expression, "holder = :holder", holder=holder, **values)

    def _write(
        self, name: str, expression: str, condition: str, **values: Any
    ) -> Mapping[str, Any] | None:
        """Change a record; its item before, or None where `condition` does not hold. A value that
        is a mapping is one of DynamoDB's already."""
        words = ("number", "open", "keys", "count")
        change: dict[str, Any] = {
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {
                f":{key}": value if isinstance(value, dict) else serialize(value)
                for key, value in values.items()
            },
        }
        if named := {f"#{word}": word for word in words if f"#{word}" in expression + condition}:
            change["ExpressionAttributeNames"] = named
        try:
            answer = self.client.update_item(
                TableName=self.table, Key=_key(name), ReturnValues="ALL_OLD", **change
            )
        except ClientError as error:
            unless_condition_failed(error)
            return None
        return answer.get("Attributes", {})


def _number(seconds: float) -> dict[str, str]:
    return {"N": f"{seconds:.3f}"}


def _key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "slack"}}


def _record(name: str, item: Mapping[str, Any]) -> Record:
    known = plain(item)
    return Record(
        name=name,
        number=int(known.get("number", 0)),
        posted=Posted(known["channel"], known["ts"]) if "ts" in known else None,
        digest=known.get("digest", ""),
        replied=frozenset(known.get("replied", ())),
        keys=tuple(
            {part: {"S": value} for part, value in key.items()} for key in known.get("keys", ())
        ),
        count=int(known.get("count", 0)),
        holder=known.get("holder"),
        ceded=known.get("ceded", False),
    )
