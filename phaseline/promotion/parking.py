"""Keeps the changes of a document that cannot be read, until it can: one item per change.

A document that somebody has broken must not hold up the records of the other documents, which
share a shard of the stream. The outbox item of each type says whether changes are parked, so a
batch queries them only if there are some.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from phaseline.algorithms.changes import Change
from phaseline.aws.dynamodb import plain, serialize
from phaseline.github.outbox import Outbox
from phaseline.releases.ledger import each


@dataclass(frozen=True)
class Parking:
    """Parks changes in the ledger table, to which `outbox` belongs."""

    outbox: Outbox

    def park(self, type_: str, changes: Sequence[Change]) -> None:
        """Store changes of a document. A change that is parked already stays."""

        def store(change: Change) -> None:
            fields = {name: getattr(change, name) for name in Change.__dataclass_fields__}
            body = json.dumps(fields, ensure_ascii=False)
            self.outbox.client.put_item(
                TableName=self.outbox.table,
                Item={**_key(type_, change), "change": serialize(body)},
            )

        each(store, changes)
        # The mark comes last and is new, so no reader removes it before it has read the changes.
        self.outbox.mark_parked(type_, str(uuid.uuid4()))

    def read(self, type_: str) -> tuple[Change, ...]:
        """Return the parked changes of a document, in order."""
        pages = self.outbox.client.get_paginator("query").paginate(
            TableName=self.outbox.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"parked#{type_}"}},
            ConsistentRead=True,
        )
        items = (plain(item) for page in pages for item in page["Items"])
        return tuple(Change(**json.loads(item["change"])) for item in items)

    def empty(self, type_: str, changes: Iterable[Change], mark: str) -> None:
        """Remove changes that the document takes into account now.

        `mark` was set when they were read. It stays if more changes were parked since.
        """

        def remove(change: Change) -> None:
            self.outbox.client.delete_item(TableName=self.outbox.table, Key=_key(type_, change))

        each(remove, changes)
        self.outbox.remove_parked(type_, mark)


def _key(type_: str, change: Change) -> dict[str, Any]:
    label, sequence = change.position
    sort = f"{label}#{sequence:040}#{change.action}#{change.release_id}"
    return {"pk": {"S": f"parked#{type_}"}, "sk": {"S": sort}}
