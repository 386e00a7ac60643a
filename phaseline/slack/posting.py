"""Posts and edits Slack messages, one caller at a time for each message.

A caller reads the record of a message, then the state of the releases, and then takes the record:

    free --- take: number + 1 ---> taken, for a lease --- return: digest of the message ---> free
      ^                              |  ^                          |
      |                              |  +-- notify: number + 1 ----+ look again, show the result
      +--- lease over, or failed ----+

- A caller can take the record only with the `number` that it read before it looked. So an older
  look never overwrites the result of a newer one.
- A caller that finds the record taken increases `number` and stops. The holder sees the other
  number when it returns the record, and looks again.
- `digest` is that of the message that Slack shows. It is not reliable while the record is taken, or
  if the holder crashed. The next caller then shows the message again.

If the holder crashes after Slack accepted a new message, and before the record says so, the message
is posted twice (docs/decisions/0013-one-message-that-moves.md).
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed
from phaseline.errors import RemoteCallError
from phaseline.slack import message_record
from phaseline.slack.message_record import Key, Posted, Record, View, digest
from phaseline.slack.rendering import Message

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNFINISHED = "message"
"""The partition of the ledger's index `open` that has the messages which may still change."""
TRIES = 5
"""Attempts to take a record before a caller gives up because others were faster."""


class Channel(Protocol):
    """A Slack channel. phaseline/slack/channel.py implements it, and is slow to import."""

    def post(self, message: Message, thread: Posted | None = None) -> Posted:
        """Post a message, or a reply in the thread of another message."""
        ...

    def update(self, posted: Posted, message: Message) -> bool:
        """Edit a message. Return False if it no longer exists."""
        ...


@dataclass(frozen=True)
class Messages:
    """The Slack messages of one environment.

    `clock` returns seconds since the epoch. `lease` is the number of seconds for which a caller may
    hold a record.
    """

    client: "DynamoDBClient"
    table: str
    channel: Channel
    clock: Callable[[], float]
    lease: float

    def unfinished(self) -> list[str]:
        """Return the names of the messages that may still change."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName="open",
            KeyConditionExpression="#open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": UNFINISHED}},
        )
        return [item["pk"]["S"] for page in pages for item in page["Items"]]

    def read(self, name: str) -> Record:
        """Return the record of this name, or an empty record."""
        return message_record.read(self.client, self.table, name)

    def want(self, name: str, keys: Sequence[Key], count: int) -> None:
        """Store that this message is wanted, unless it has a record already.

        `keys` are the primary keys of its releases, and `count` is the number of all.
        """
        self._write(
            name,
            "SET #open = :open, #keys = :keys, #count = :count",
            "attribute_not_exists(pk)",
            open=UNFINISHED,
            keys=[plain(key) for key in keys],
            count=count,
        )

    def cede(self, record: Record) -> None:
        """Store that this message is never wanted, unless it was posted already."""
        if not record.ceded:
            self._write(record.name, "SET ceded = :yes", "attribute_not_exists(ts)", yes=True)

    def show(self, record: Record, view: View, look: Callable[[], View]) -> bool:
        """Post or edit a message so that it shows `view`.

        Return False if it shows `view` already, or if another caller holds the record. `view` must
        have been read after `record`. `look` reads it again. Raises the errors of the channel, and
        RemoteCallError if other callers were faster TRIES times.
        """
        for _ in range(TRIES):
            if record.shows(view):
                return False
            holder, now = str(uuid.uuid4()), self.clock()
            if (taken := self._take(record, view, holder, now)) is not None:
                self._show_until_current(taken, view, look, holder)
                return True
            if self._notify_holder(record.name, now):
                return False
            record, view = self.read(record.name), look()
        raise RemoteCallError(
            record.name,
            f"other callers changed the record of this message {TRIES} times in a row",
            "The next event of the pipeline tries again.",
        )

    def _take(self, record: Record, view: View, holder: str, now: float) -> Record | None:
        """Take the record. Return it as it was before, or None if another caller was faster."""
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
            return message_record.parse(record.name, before)
        # If the answer to the write was lost, botocore repeats it, and its condition fails.
        current = self.read(record.name)
        return replace(current, number=record.number) if current.holder == holder else None

    def _notify_holder(self, name: str, now: float) -> bool:
        """Ask the holder to look again. Return False if nobody holds the record any more."""
        before = self._write(
            name, "SET #number = #number + :one", "taken_until > :now", one=1, now=_number(now)
        )
        return before is not None

    def _show_until_current(
        self, record: Record, view: View, look: Callable[[], View], holder: str
    ) -> None:
        """Show `view`, and look again as often as another caller asks for it meanwhile."""
        number = record.number + 1
        try:
            while True:
                record = self._show_once(record, view, holder)
                if self._return(record, view, holder, number):
                    return
                current = self.read(record.name)
                if current.holder != holder:
                    return  # the answer was lost, or the lease ended and another caller continues
                number, view = current.number, look()
        except Exception:
            # Slack may have accepted the message, so the next caller must show it again.
            self._write_as_holder(
                record.name, holder, "SET digest = :none REMOVE holder, taken_until", none=""
            )
            raise

    def _show_once(self, record: Record, view: View, holder: str) -> Record:
        """Post or edit the message, and post the missing replies. Return the new record."""
        posted, digest_ = record.posted, digest(view.message)
        is_current = record.holder is None and record.digest == digest_
        if posted is None or not (is_current or self.channel.update(posted, view.message)):
            posted = self.channel.post(view.message)
            expression = "SET channel = :channel, ts = :ts"
            self._write_as_holder(
                record.name, holder, expression, channel=posted.channel, ts=posted.ts
            )
        replied = set(record.replied)
        for name, reply in view.replies.items():
            if name not in replied:
                self.channel.post(reply, posted)
                replied.add(name)
                self._write_as_holder(record.name, holder, "ADD replied :names", names={name})
        return replace(
            record, posted=posted, digest=digest_, replied=frozenset(replied), holder=None
        )

    def _return(self, record: Record, view: View, holder: str, number: int) -> bool:
        """Store the shown content and free the record. Return False if `number` has changed."""
        before = self._write(
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
        return before is not None

    def _write_as_holder(self, name: str, holder: str, expression: str, **values: Any) -> None:
        """Change the record, if `holder` still holds it."""
        self._write(name, expression, "holder = :holder", holder=holder, **values)

    def _write(
        self, name: str, expression: str, condition: str, **values: Any
    ) -> Mapping[str, Any] | None:
        """Change a record. Return its item as it was before, or None if `condition` is not met.

        A value that is a dict is an attribute value of DynamoDB already.
        """
        reserved = ("number", "open", "keys", "count")
        change: dict[str, Any] = {
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {
                f":{key}": value if isinstance(value, dict) else serialize(value)
                for key, value in values.items()
            },
        }
        text = expression + condition
        if names := {f"#{word}": word for word in reserved if f"#{word}" in text}:
            change["ExpressionAttributeNames"] = names
        try:
            answer = self.client.update_item(
                TableName=self.table,
                Key=message_record.key_of(name),
                ReturnValues="ALL_OLD",
                **change,
            )
        except ClientError as error:
            unless_condition_failed(error)
            return None
        return answer.get("Attributes", {})


def _number(seconds: float) -> dict[str, str]:
    return {"N": f"{seconds:.3f}"}
