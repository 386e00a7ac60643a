"""The ledger: one item per release, one stamp per step, in DynamoDB.

Table layout (infra/registry.yaml)::

    pk                          sk                              what it is
    algorithm#<type>#<name>     release#<time>#<sequence>#<id>  a release; `open` = its type until
                                                                it is verified or superseded
    dispatch#<type>             latest                          the outbox (phaseline/outbox.py)
    execution#<id>              slack#<state>                   a claim: who does a thing once

Every write is conditional or idempotent, so that a step that runs twice, or at once with
another, changes nothing the second time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OPEN, VERIFIED, SUPERSEDED = "open", "verified", "superseded"
GIVEN_UP = {"step_withdrawn", "step_bad"}
"""Stamps of a release whose version nothing goes back to."""
CLAIM_LIFETIME = 30 * 24 * 3600
"""Seconds that a claim is kept: far beyond any redelivery (24 hours) of the event it guards."""
WRITERS = 16
"""Concurrent ledger writes of one batch: more than DynamoDB's latency needs, few enough for a
small Lambda's connection pool."""

serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Release:
    """One change of one algorithm's active version, from the request to what is served.

    `sequence` is the stream record's sequence number; `requested_at` is when the item changed
    (ISO 8601, UTC). `who` asked for it, None where the table's stream did. `version` is the
    version that becomes active, or None where a withdrawal leaves none. `document_version` and
    `revision` name the metadata document that carries it.
    """

    release_id: str
    type: str
    algorithm: str
    version: str | None
    action: str
    previous: str | None
    requested_at: str
    sequence: str
    reason: str
    who: str | None = None
    display: Mapping[str, Any] = field(default_factory=dict)
    state: str = OPEN
    document_version: str | None = None
    revision: int | None = None

    @property
    def key(self) -> dict[str, Any]:
        """The release's primary key, as DynamoDB attribute values."""
        return {
            "pk": {"S": f"algorithm#{self.type}#{self.algorithm}"},
            # Stream times are whole seconds; within one, the sequence number is the order.
            "sk": {"S": f"release#{self.requested_at}#{self.sequence:0>40}#{self.release_id}"},
        }


@dataclass(frozen=True)
class Ledger:
    """Reads and writes of the ledger table."""

    client: "DynamoDBClient"
    table: str

    def record(self, releases: Iterable[Release], *, at: str) -> None:
        """Write each of `releases` once, with the time `at` which its document held it.

        One that an earlier delivery wrote stays as it is, stamps and final state included.
        """
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda release: self._record(release, at), releases))

    def _record(self, release: Release, at: str) -> None:
        item = vars(release) | {
            "open": release.type,
            "display": json.dumps(release.display, sort_keys=True),
            "step_document": {"at": at, "link": release.document_version},
        }
        known = {name: serialize(value) for name, value in item.items() if value is not None}
        try:
            self.client.put_item(
                TableName=self.table,
                Item=release.key | known,
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            unless_condition_failed(error)

    def open_releases(self, type_: str) -> Iterator[Release]:
        """The releases of one type that nobody has seen served yet, oldest first."""
        items = self._query(
            IndexName="open",
            KeyConditionExpression="#open = :type",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":type": {"S": type_}},
        )
        return map(_release, items)

    def releases(self, type_: str, algorithm: str) -> Iterator[Release]:
        """The releases of one algorithm, newest first."""
        return map(_release, self._items(type_, algorithm))

    def _items(self, type_: str, algorithm: str) -> Iterator[dict[str, Any]]:
        return self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={
                ":pk": {"S": f"algorithm#{type_}#{algorithm}"},
                ":prefix": {"S": "release#"},
            },
            ScanIndexForward=False,
            ConsistentRead=True,
        )

    def withdraw(
        self, type_: str, algorithm: str, version: str, *, before: int, at: str
    ) -> Release | None:
        """Mark the releases of `version` as withdrawn; the release to fall back to, if any.

        That is the newest verified one of another version that was not withdrawn itself. Releases
        with a sequence number from `before` on are newer than the withdrawal and stay as they are.
        """
        for release in self.releases(type_, algorithm):
            if release.version == version and int(release.sequence) < before:
                self.stamp(release, "withdrawn", at=at)
        for release in self.candidates(type_, algorithm):
            if release.version != version and int(release.sequence) < before:
                return release
        return None

    def candidates(self, type_: str, algorithm: str) -> list[Release]:
        """The releases that a rollback may go back to, newest first: verified and not given up."""
        return [
            release
            for item in self._items(type_, algorithm)
            if not GIVEN_UP & item.keys()
            and (release := _release(item)).state == VERIFIED
            and release.version
        ]

    def mark_bad(self, type_: str, algorithm: str, version: str, *, at: str) -> None:
        """Mark each release of `version` as bad: nothing goes back to it by itself."""
        for release in self.releases(type_, algorithm):
            if release.version == version:
                self.stamp(release, "bad", at=at)

    def _query(self, **query: Any) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("query").paginate(TableName=self.table, **query)
        for page in pages:
            yield from page["Items"]

    def stamp(
        self,
        release: Release,
        step: str,
        *,
        at: str,
        link: str | None = None,
        state: str | None = None,
    ) -> None:
        """Note that `step` of a release was done `at` a time (ISO 8601). The first stamp stays.

        `state` verified or superseded also ends the release: it leaves the index of open ones. One
        that has ended is not ended again, nor stamped so.
        """
        stamp = {"at": at} | ({"link": link} if link else {})
        names = {"#step": f"step_{step}"}
        values = {":stamp": serialize(stamp)}
        expression, condition = "SET #step = :stamp", "attribute_not_exists(#step)"
        if state is not None:
            names |= {"#state": "state", "#open": "open"}
            values[":state"] = {"S": state}
            expression += ", #state = :state REMOVE #open"
            condition += " AND attribute_exists(#open)"
        try:
            self.client.update_item(
                TableName=self.table,
                Key=release.key,
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            unless_condition_failed(error)

    def claim(self, scope: str, name: str, *, now: float, lease: float) -> bool:
        """Whether the caller is the one to do a thing that must happen once.

        False where it is done (`settle`), or where another holds it since less than `lease`
        seconds: a holder that died may be followed, so the thing is done at least once.

            claimed ---- lease ----> may be claimed again
               \\-- settle --> done, for good
        """
        try:
            self.client.put_item(
                TableName=self.table,
                Item={
                    "pk": {"S": scope},
                    "sk": {"S": name},
                    "claimed_until": {"N": str(now + lease)},
                    "expires_at": {"N": str(int(now) + CLAIM_LIFETIME)},
                },
                ConditionExpression=(
                    "attribute_not_exists(pk) OR (attribute_not_exists(settled)"
                    " AND claimed_until <= :now)"
                ),
                ExpressionAttributeValues={":now": {"N": str(now)}},
            )
        except ClientError as error:
            unless_condition_failed(error)
            return False
        return True

    def settle(self, scope: str, name: str, *, detail: str) -> None:
        """Note that the claimed thing is done; `detail` says what came of it."""
        self.client.update_item(
            TableName=self.table,
            Key={"pk": {"S": scope}, "sk": {"S": name}},
            UpdateExpression="SET settled = :detail",
            ExpressionAttributeValues={":detail": {"S": detail}},
        )


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's attribute values as Python's."""
    return {name: _deserialize(value) for name, value in item.items()}


def _release(item: Mapping[str, Any]) -> Release:
    known = plain(item)
    fields: dict[str, Any] = {name: known.get(name) for name in Release.__dataclass_fields__}
    if fields["revision"] is not None:
        fields["revision"] = int(fields["revision"])
    fields["display"] = json.loads(fields["display"] or "{}")
    return Release(**fields)


def unless_condition_failed(error: ClientError) -> None:
    """Raise `error`, unless it only says that a write's condition does not hold."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
