"""Stores which publications were live, as items of the ledger's table.

    pk      sk                        content
    live    <number>#<execution>      the publication, and when it was first seen live

The number of a publication is the order (phaseline/site/bucket.py); its time is for people. So a
verification that comes late, or whose clock is wrong, changes nothing about what is live now. One
that runs twice, or at the same time as another one, writes the same item.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline import times
from phaseline.aws.dynamodb import plain, serialize
from phaseline.site.manifests import ServedManifest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DIGITS = 12
"""Digits of a number in a key. Keys of the same length sort like their numbers."""
PARTITION: dict[str, Any] = {":pk": {"S": "live"}}


@dataclass(frozen=True)
class LiveDocument:
    """The version of a document from which the website was built."""

    version_id: str
    revision: int


@dataclass(frozen=True)
class Live:
    """A publication that was live from `at` on, when it was verified (ISO 8601, UTC, milliseconds).

    `number` is higher than those of all earlier publications. `execution` published it, from the
    frontend's `commit` and a document of each type.
    """

    number: int
    at: str
    execution: str
    commit: str
    documents: Mapping[str, LiveDocument]


def of(manifest: ServedManifest, number: int, at: str) -> Live:
    """Return the live publication, from the manifest that was served at the time `at`."""
    documents = {
        type_: LiveDocument(document.version_id, document.revision)
        for type_, document in manifest.documents.items()
    }
    return Live(number, at, manifest.execution, manifest.commit, documents)


@dataclass(frozen=True)
class Lives:
    """The live publications by number. Times are ISO 8601, UTC, such as 2026-11-25T10:00:00Z."""

    client: "DynamoDBClient"
    table: str

    def record(self, live: Live) -> None:
        """Store that a publication is live. Its first time is never changed."""
        item = {
            "number": live.number,
            "execution": live.execution,
            "commit": live.commit,
            "documents": {type_: vars(document) for type_, document in live.documents.items()},
        }
        key = f"{live.number:0{DIGITS}}#{live.execution}"
        self.client.update_item(
            TableName=self.table,
            Key={"pk": {"S": "live"}, "sk": {"S": key}},
            UpdateExpression="SET #at = if_not_exists(#at, :at), "
            + ", ".join(f"#{name} = :{name}" for name in item),
            ExpressionAttributeNames={f"#{name}": name for name in ("at", *item)},
            ExpressionAttributeValues={":at": {"S": live.at}}
            | {f":{name}": serialize(item[name]) for name in item},
        )

    def newest(self) -> Live | None:
        """Return the live publication, or None before the first verified one."""
        return next(self._query(ScanIndexForward=False, PaginationConfig={"PageSize": 1}), None)

    def numbered(self, number: int) -> Live | None:
        """Return the publication with this number, or None if it was never verified."""
        return next(
            self._query(
                KeyConditionExpression="pk = :pk AND begins_with(sk, :number)",
                ExpressionAttributeValues=PARTITION | {":number": {"S": f"{number:0{DIGITS}}#"}},
            ),
            None,
        )

    def at(self, time: str) -> Live | None:
        """Return the publication that was live at `time`, or None before the first verified one.

        It is the newest of those that were verified by then. The time that this takes grows with
        the number of publications since.
        """
        _, last = times.bounds(time, time)
        return next(
            self._query(
                FilterExpression="#at <= :last",
                ExpressionAttributeNames={"#at": "at"},
                ExpressionAttributeValues=PARTITION | {":last": {"S": last}},
                ScanIndexForward=False,
            ),
            None,
        )

    def between(self, since: str, until: str) -> Iterator[Live]:
        """Return what became live from `since` to `until` inclusive, in the order of numbers."""
        first, last = times.bounds(since, until)
        return self._query(
            FilterExpression="#at BETWEEN :first AND :last",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues=PARTITION | {":first": {"S": first}, ":last": {"S": last}},
        )

    def _query(self, **more: Any) -> Iterator[Live]:
        request: Any = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": PARTITION,
            "ConsistentRead": True,
        }
        pages = self.client.get_paginator("query").paginate(**(request | more))
        return (_live(plain(item)) for page in pages for item in page["Items"])


def _live(item: Mapping[str, Any]) -> Live:
    return Live(
        number=int(item["number"]),
        at=item["at"],
        execution=item["execution"],
        commit=item["commit"],
        documents={
            type_: LiveDocument(document["version_id"], int(document["revision"]))
            for type_, document in item["documents"].items()
        },
    )
