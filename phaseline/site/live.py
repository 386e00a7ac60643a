"""What visitors were served when: one item for each verified publication, in the ledger's table.

    pk               sk                    what it is
    live             <at>#<execution>      what visitors get from then on, until the next one
    execution#<id>   live                  when that execution was first seen live

The second fixes the key of the first, so that a verification that runs twice, or at once with
itself, writes one item.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.aws.dynamodb import plain, serialize
from phaseline.site.manifests import ServedManifest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

START, END = "0", "~"
"""They sort before every time, and behind every time and whatever follows one in a key."""


@dataclass(frozen=True)
class LiveDocument:
    """The version of a metadata document that the website was built from."""

    version_id: str
    revision: int


@dataclass(frozen=True)
class Live:
    """What visitors are served since `at` (ISO 8601, UTC, in milliseconds), when it was verified.

    `execution` published it, from the frontend's `commit` and a document of each type.
    """

    at: str
    execution: str
    commit: str
    documents: Mapping[str, LiveDocument]


def of(manifest: ServedManifest, at: str) -> Live:
    """What visitors are served, by the manifest that they were seen to get at a time."""
    documents = {
        type_: LiveDocument(document.version_id, document.revision)
        for type_, document in manifest.documents.items()
    }
    return Live(at, manifest.execution, manifest.commit, documents)


@dataclass(frozen=True)
class Lives:
    """What was live, by time. Times are ISO 8601, UTC, as in 2026-11-25T10:00:00Z."""

    client: "DynamoDBClient"
    table: str

    def record(self, live: Live) -> None:
        """Note that `live` was seen by visitors; what is noted of its execution already stays."""
        at = self._first_seen(live)
        item = {
            "at": at,
            "execution": live.execution,
            "commit": live.commit,
            "documents": {type_: vars(one) for type_, one in live.documents.items()},
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
        """What is live now; None before the first verified publication."""
        return next(self._query(START, END, newest_first=True), None)

    def at(self, time: str) -> Live | None:
        """What was live at a `time`; None before the first verified publication."""
        return next(self._query(START, time, newest_first=True), None)

    def between(self, since: str, until: str) -> Iterator[Live]:
        """What became live from `since` to `until`, both included, oldest first."""
        return self._query(since, until)

    def _query(self, first: str, last: str, *, newest_first: bool = False) -> Iterator[Live]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": "live"},
                # A time in whole seconds stands around the milliseconds of that second so.
                ":first": {"S": first.removesuffix("Z")},
                ":last": {"S": last.removesuffix("Z") + END},
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
            type_: LiveDocument(one["version_id"], int(one["revision"]))
            for type_, one in item["documents"].items()
        },
    )
