"""Stores which publication was live at which time, as items of the ledger's table.

    pk               sk                    content
    live             <at>#<execution>      the publication that is live from this time on
    execution#<id>   live                  the time at which this execution was first seen live

The second item fixes the key of the first. So a verification that runs twice, or at the same time
as another one, writes one item.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline import times
from phaseline.aws.dynamodb import plain, serialize
from phaseline.site.manifests import ServedManifest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

START, END = "0", "~"
"""START sorts before every time, and END after every time."""


@dataclass(frozen=True)
class LiveDocument:
    """The version of a document from which the website was built."""

    version_id: str
    revision: int


@dataclass(frozen=True)
class Live:
    """A publication that was live from `at` on, when it was verified (ISO 8601, UTC, milliseconds).

    `execution` published it, from the frontend's `commit` and a document of each type.
    """

    at: str
    execution: str
    commit: str
    documents: Mapping[str, LiveDocument]


def of(manifest: ServedManifest, at: str) -> Live:
    """Return the live publication, from the manifest that was served at the time `at`."""
    documents = {
        type_: LiveDocument(document.version_id, document.revision)
        for type_, document in manifest.documents.items()
    }
    return Live(at, manifest.execution, manifest.commit, documents)


@dataclass(frozen=True)
class Lives:
    """The live publications by time. Times are ISO 8601, UTC, such as 2026-11-25T10:00:00Z."""

    client: "DynamoDBClient"
    table: str

    def record(self, live: Live) -> None:
        """Store that a publication is live. The first time of an execution is never changed."""
        at = self._first_seen(live)
        item = {
            "at": at,
            "execution": live.execution,
            "commit": live.commit,
            "documents": {type_: vars(document) for type_, document in live.documents.items()},
        }
        self.client.update_item(
            TableName=self.table,
            Key={"pk": {"S": "live"}, "sk": {"S": f"{at}#{live.execution}"}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in item),
            ExpressionAttributeNames={f"#{name}": name for name in item},
            ExpressionAttributeValues={f":{name}": serialize(item[name]) for name in item},
        )

    def _first_seen(self, live: Live) -> str:
        answer = self.client.update_item(
            TableName=self.table,
            Key={"pk": {"S": f"execution#{live.execution}"}, "sk": {"S": "live"}},
            UpdateExpression="SET first_seen = if_not_exists(first_seen, :at)",
            ExpressionAttributeValues={":at": {"S": live.at}},
            ReturnValues="ALL_NEW",
        )
        return answer["Attributes"]["first_seen"]["S"]

    def newest(self) -> Live | None:
        """Return the live publication, or None before the first verified one."""
        return next(self._query(START, END, newest_first=True), None)

    def at(self, time: str) -> Live | None:
        """Return the publication that was live at `time`, or None before the first verified one."""
        return next(self._query(START, time, newest_first=True), None)

    def between(self, since: str, until: str) -> Iterator[Live]:
        """Return what became live from `since` to `until` inclusive, oldest first."""
        return self._query(since, until)

    def _query(self, since: str, until: str, *, newest_first: bool = False) -> Iterator[Live]:
        first, last = times.bounds(since, until)
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": "live"},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
            PaginationConfig={"PageSize": 1} if newest_first else {},
        )
        return (_live(plain(item)) for page in pages for item in page["Items"])


def _live(item: Mapping[str, Any]) -> Live:
    return Live(
        at=item["at"],
        execution=item["execution"],
        commit=item["commit"],
        documents={
            type_: LiveDocument(document["version_id"], int(document["revision"]))
            for type_, document in item["documents"].items()
        },
    )
