"""The record of a Slack message: an item of the ledger's table.

    pk                                        sk      subject of the message
    message#<type>#<revision>                 slack   the releases of a document's revision
    message#<execution>                       slack   an execution that brings no release
    message#hold#<type>#<algorithm>#<since>   slack   the changes that wait behind a hold

phaseline/slack/posting.py explains how callers take a record in turn.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.aws.dynamodb import plain
from phaseline.releases.waiting import Waiting
from phaseline.slack.rendering import Message

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Key = Mapping[str, Any]
"""A primary key, as DynamoDB attribute values."""


@dataclass(frozen=True)
class Posted:
    """A message in Slack: the ID of its channel, and its timestamp, which identifies it there."""

    channel: str
    ts: str


@dataclass(frozen=True)
class HoldSubject:
    """The hold of an algorithm, or of a whole type if it is empty, since a time (ISO 8601, UTC)."""

    type: str
    algorithm: str
    since: str


@dataclass(frozen=True)
class View:
    """The content that Slack should show now: the message, and the replies in its thread by name.

    `finished` means that the content will not change any more. `keys` are the primary keys of the
    releases that the message lists. `count` is the number of all releases.
    """

    message: Message
    replies: Mapping[str, Message]
    finished: bool
    keys: Sequence[Key] = ()
    count: int = 0


@dataclass(frozen=True)
class Record:
    """The stored facts about a message: its place in Slack, its content and its releases.

    `number` grows each time that a caller takes the record or asks its holder to look again.
    `digest` is that of the message that Slack shows, and `replied` are the names of the posted
    replies. `holder` is the caller that works on the message; while it is None, `digest` is
    reliable. `ceded` means that this message is not wanted, because others have its content.
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
        """Return whether Slack shows `view` already."""
        return (
            self.holder is None
            and self.digest == digest(view.message)
            and self.replied >= view.replies.keys()
        )


def of_revision(type_: str, revision: int) -> str:
    """Return the name of the message about the releases of a document revision.

    >>> of_revision("opt", 7)
    'message#opt#7'
    """
    return f"message#{type_}#{revision}"


def of_execution(execution: str) -> str:
    """Return the name of the message about an execution that brings no release."""
    return f"message#{execution}"


def of_hold(waiting: Waiting) -> str:
    """Return the name of the message about the changes that wait behind a hold."""
    return f"message#hold#{waiting.type}#{waiting.algorithm or ''}#{waiting.since}"


def subject(name: str) -> tuple[str, int] | HoldSubject | str:
    """Return the subject of the message with this name: type and revision, a hold, or the ID of an
    execution.

    >>> subject("message#opt#7")
    ('opt', 7)
    """
    _, first, *rest = name.split("#", 4)
    if first == "hold":
        return HoldSubject(*rest)
    return (first, int(rest[0])) if rest else first


def read(client: "DynamoDBClient", table: str, name: str) -> Record:
    """Return the record of this name from a ledger's table, or an empty record."""
    answer = client.get_item(TableName=table, Key=key_of(name), ConsistentRead=True)
    return parse(name, answer.get("Item", {}))


def digest(message: Message) -> str:
    """Return the SHA-256 of a message's content, in hex."""
    content = json.dumps([message.text, message.blocks], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def key_of(name: str) -> dict[str, Any]:
    """Return the primary key of the record with this name."""
    return {"pk": {"S": name}, "sk": {"S": "slack"}}


def parse(name: str, item: Mapping[str, Any]) -> Record:
    """Return the record in a DynamoDB item."""
    fields = plain(item)
    return Record(
        name=name,
        number=int(fields.get("number", 0)),
        posted=Posted(fields["channel"], fields["ts"]) if "ts" in fields else None,
        digest=fields.get("digest", ""),
        replied=frozenset(fields.get("replied", ())),
        keys=tuple(
            {part: {"S": value} for part, value in key.items()} for key in fields.get("keys", ())
        ),
        count=int(fields.get("count", 0)),
        holder=fields.get("holder"),
        ceded=fields.get("ceded", False),
    )
