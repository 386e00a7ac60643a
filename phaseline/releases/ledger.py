"""The ledger records each release as one item of a DynamoDB table, with one stamp per step.

Table layout (infra/registry.yaml)::

    pk                          sk                              item
    algorithm#<type>#<name>     release#<revision>#<id>         a release; `open` is <type> until it
                                                                is verified or superseded
    algorithm#<type>#<name>     withdrawn#<version>             a version that was withdrawn
    request#<type>#<key>        request                         a request that was carried out
    document#<type>             settled                         the outbox (github/outbox.py)
    live                        <time>#<execution>              a publication (site/live.py)
    executions                  <started>#<id>                  a pipeline execution that ended
                                                                (pipeline/recorder.py)
    message#<type>#<revision>   slack                           a message (slack/message_record.py)
    any of these                slack#<action>                  a claim on an action

Index `time` (type, at) contains releases, by the time at which their document was stored. Requests
are under a type of their own, `request#<type>`.
Index `open` (open, sk) contains unfinished releases and the Slack messages that may still change.

The ledger is a projection of the documents (documents/commit.py). Every write is conditional or
idempotent, so a step that runs twice, or concurrently with itself, changes nothing the second time.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from phaseline import times
from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed
from phaseline.releases.release import (
    DOCUMENT,
    OPEN,
    WITHDRAWN,
    Position,
    Release,
    RequestRecord,
    Step,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CLAIM_LIFETIME = 30 * 24 * 3600
"""Seconds until DynamoDB deletes a claim. AWS delivers an event again for 24 hours at most."""
NEWEST_PAGE = 50
"""The page size of queries whose callers often need only the newest releases."""
WRITERS = 16
"""Concurrent requests to the ledger, which fit into the connection pool of a small function."""
NEW = "attribute_not_exists(pk)"
"""The condition that the item does not exist."""


T = TypeVar("T")


def each(act: Callable[[T], object], items: Iterable[T]) -> None:
    """Call `act` for each item, WRITERS at a time. Raises the first error after all calls."""
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(act, items))


@dataclass(frozen=True)
class Ledger:
    """Reads and writes the ledger table."""

    client: "DynamoDBClient"
    table: str

    def record(self, releases: Iterable[Release], *, at: str) -> None:
        """Write each of `releases` once.

        `at` (ISO 8601, UTC) is the time at which their document was stored. A release that the
        ledger has already stays unchanged.
        """
        each(lambda release: self._record(release, at), releases)

    def _record(self, release: Release, at: str) -> None:
        fields = {name: value for name, value in vars(release).items() if value is not None}
        steps = {
            name: {"at": step.at, "link": step.link} for name, step in fields.pop("steps").items()
        }
        is_open = release.state == OPEN
        steps[DOCUMENT if is_open else release.state] = {"at": at, "link": release.document_version}
        fields["display"] = json.dumps(release.display, sort_keys=True, ensure_ascii=False)
        fields["at"] = at
        if is_open:
            fields["open"] = release.type
        fields |= {
            f"step_{name}": {key: value for key, value in step.items() if value is not None}
            for name, step in steps.items()
        }
        self._put({**release.key, **_serialized(fields)}, NEW)

    def _put(
        self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any] | None = None
    ) -> bool:
        """Write an item if `condition` is true, and return whether it is. It names `values`."""
        operands: Any = {"ExpressionAttributeValues": values} if values else {}
        try:
            self.client.put_item(
                TableName=self.table, Item=item, ConditionExpression=condition, **operands
            )
        except ClientError as error:
            unless_condition_failed(error)
            return False
        return True

    def record_request(self, type_: str, request: RequestRecord, *, revision: int) -> None:
        """Write a request that was carried out, once. `revision` is that of its document then."""
        fields = {**vars(request), "algorithms": list(request.algorithms), "revision": revision}
        fields["type"] = _requests_of(type_)
        self._put({**_request_key(type_, request.key), **_serialized(fields)}, NEW)

    def request(self, type_: str, key: str) -> RequestRecord | None:
        """Return the request with this key if it was carried out, otherwise None."""
        item = plain(self._get(_request_key(type_, key)))
        return _request(item) if item else None

    def requests(self, type_: str, since: str = "", until: str = "~") -> Iterator[RequestRecord]:
        """Return the requests of a type that were carried out, the newest first.

        `since` and `until` (ISO 8601, UTC) are both included.
        """
        first, last = times.bounds(since, until)
        items = self._query(
            IndexName="time",
            KeyConditionExpression="#type = :type AND #at BETWEEN :since AND :until",
            ExpressionAttributeNames={"#type": "type", "#at": "at"},
            ExpressionAttributeValues={
                ":type": {"S": _requests_of(type_)},
                ":since": {"S": first or "0"},
                ":until": {"S": last},
            },
            ScanIndexForward=False,
            PaginationConfig={"PageSize": NEWEST_PAGE},
        )
        return (_request(plain(item)) for item in items)

    def open_releases(self, type_: str) -> Iterator[Release]:
        """Return the releases of a type that are not verified yet, oldest first."""
        items = self._query(
            IndexName="open",
            KeyConditionExpression="#open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": type_}},
        )
        return map(_release, items)

    def releases(
        self, type_: str, algorithm: str, *, after: Position | None = None
    ) -> Iterator[Release]:
        """Return the releases of an algorithm, newest first; only those that follow `after`.

        A release whose version was withdrawn later has the step WITHDRAWN.
        """
        items = self._of_algorithm(type_, algorithm, "release#")
        if after:  # the withdrawn versions precede the releases
            withdrawals = self._of_algorithm(type_, algorithm, "withdrawn#")
            older = self._of_algorithm(type_, algorithm, "release#", ExclusiveStartKey=after.key)
            items = chain(withdrawals, older)
        withdrawn: dict[str, tuple[int, Step]] = {}
        for item in items:
            if item["sk"]["S"].startswith("withdrawn#"):
                mark = plain(item)
                withdrawn[mark["version"]] = int(mark["revision"]), Step(mark["at"])
            elif item["sk"]["S"].startswith("release#"):
                yield _with_withdrawal(_release(item), withdrawn)

    def _of_algorithm(
        self, type_: str, algorithm: str, since: str, **more: Any
    ) -> Iterator[dict[str, Any]]:
        """Return the items of an algorithm whose sort keys follow `since`, in reverse order."""
        return self._query(
            KeyConditionExpression="pk = :pk AND sk > :since",
            ExpressionAttributeValues={
                ":pk": {"S": f"algorithm#{type_}#{algorithm}"},
                ":since": {"S": since},
            },
            ScanIndexForward=False,
            ConsistentRead=True,
            PaginationConfig={"PageSize": NEWEST_PAGE},
            **more,
        )

    def read(self, keys: Iterable[Mapping[str, Any]]) -> list[Release]:
        """Read the releases with these primary keys (`Release.key`), in the order of the keys.

        The reads are strongly consistent. A key without an item is left out.
        """
        with ThreadPoolExecutor(WRITERS) as pool:
            items = list(pool.map(self._get, keys))
        return [_release(item) for item in items if item]

    def _get(self, key: Mapping[str, Any]) -> Mapping[str, Any]:
        response = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return response.get("Item", {})

    def between(self, type_: str, since: str, until: str) -> Iterator[Release]:
        """Return the releases of a type whose documents were stored in a period, oldest first.

        `since` and `until` (ISO 8601, UTC) are both included.
        """
        first, last = times.bounds(since, until)
        items = self._query(
            IndexName="time",
            KeyConditionExpression="#type = :type AND #at BETWEEN :since AND :until",
            ExpressionAttributeNames={"#type": "type", "#at": "at"},
            ExpressionAttributeValues={
                ":type": {"S": type_},
                ":since": {"S": first},
                ":until": {"S": last},
            },
        )
        return map(_release, items)

    def newest(self, type_: str, *, after: Position | None = None) -> Iterator[Release]:
        """Return the releases of a type, those of the newest documents first.

        Returns only those that follow the position `after`.
        """
        index = {"type": {"S": type_}, "at": {"S": after.at}} if after else {}
        start = {"ExclusiveStartKey": after.key | index} if after else {}
        items = self._query(
            IndexName="time",
            KeyConditionExpression="#type = :type",
            ExpressionAttributeNames={"#type": "type"},
            ExpressionAttributeValues={":type": {"S": type_}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": NEWEST_PAGE},
            **start,
        )
        return map(_release, items)

    def find(self, release_id: str) -> Release | None:
        """Return the release with this id, or None.

        Hyphens join the parts of an id and may also be part of names, so this method queries each
        algorithm whose name may be in the id.
        """
        type_, *parts = release_id.split("-")
        for end in range(1, len(parts)):
            for release in self.releases(type_, "-".join(parts[:end])):
                if release.release_id == release_id:
                    return release
        return None

    def withdraw(self, type_: str, algorithm: str, version: str, *, revision: int, at: str) -> None:
        """Record that `version` was withdrawn, so that no rollback returns to its releases.

        This applies to the releases with a lower `revision`: the others are newer than the
        withdrawal. `at` is the time of the withdrawal (ISO 8601, UTC).
        """
        key = {"pk": f"algorithm#{type_}#{algorithm}", "sk": f"withdrawn#{version}"}
        fields = {"version": version, "revision": revision, "at": at}
        self._put(
            _serialized(key | fields),
            f"{NEW} OR revision < :revision",
            {":revision": serialize(revision)},
        )

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
        started: str | None = None,
        link: str | None = None,
        state: str | None = None,
    ) -> None:
        """Record that `step` of a release ended `at` a time (ISO 8601, UTC).

        The first stamp of a step stays. A `state` of VERIFIED or SUPERSEDED also ends the release
        and removes it from the index `open`; a release that has ended already stays unchanged.
        """
        stamp = {"at": at, "started": started, "link": link}
        names = {"#step": f"step_{step}"}
        values = {
            ":stamp": serialize({name: value for name, value in stamp.items() if value is not None})
        }
        expression = "SET #step = :stamp"
        condition = "attribute_exists(pk) AND attribute_not_exists(#step)"
        if state is not None:
            names |= {"#state": "state", "#open": "open"}
            values[":state"] = {"S": state}
            expression += ", #state = :state REMOVE #open"
            condition += " AND attribute_exists(#open)"
        self._update(release, expression, condition, names, values)

    def _update(
        self,
        release: Release,
        expression: str,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any],
    ) -> None:
        """Update the item of a release if `condition` is true; otherwise change nothing."""
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
        """Claim the right to perform an action, and return whether the caller has the right.

        The claim fails if the action is settled, or if another caller claimed it less than `lease`
        seconds before `now` (seconds since the epoch). After the lease, another caller can replace
        a caller that died, so the action happens at least once.

            claimed ---- lease ----> may be claimed again
               \\-- settle --> done, forever

        `scope` is the partition key of the claim, and `name` its sort key.
        """
        item = {
            "pk": {"S": scope},
            "sk": {"S": name},
            "claimed_until": {"N": str(now + lease)},
            "expires_at": {"N": str(int(now) + CLAIM_LIFETIME)},
        }
        condition = f"{NEW} OR (attribute_not_exists(settled) AND claimed_until <= :now)"
        return self._put(item, condition, {":now": {"N": str(now)}})

    def settle(self, scope: str, name: str, *, detail: str) -> None:
        """Record that a claimed action is done. `detail` describes its result."""
        self.client.update_item(
            TableName=self.table,
            Key={"pk": {"S": scope}, "sk": {"S": name}},
            UpdateExpression="SET settled = :detail",
            ExpressionAttributeValues={":detail": {"S": detail}},
        )


def _serialized(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: serialize(value) for name, value in fields.items()}


def _requests_of(type_: str) -> str:
    return f"request#{type_}"


def _request(item: Mapping[str, Any]) -> RequestRecord:
    fields = {name: item[name] for name in RequestRecord.__dataclass_fields__}
    return RequestRecord(**fields | {"algorithms": tuple(item["algorithms"])})


def _request_key(type_: str, key: str) -> dict[str, Any]:
    return {"pk": {"S": f"request#{type_}#{key}"}, "sk": {"S": "request"}}


def _with_withdrawal(release: Release, withdrawn: Mapping[str, tuple[int, Step]]) -> Release:
    revision, step = withdrawn.get(release.version or "", (0, None))
    if step is None or (release.revision or 0) >= revision:
        return release
    return replace(release, steps={**release.steps, WITHDRAWN: step})


def _release(item: Mapping[str, Any]) -> Release:
    attributes = plain(item)
    fields: dict[str, Any] = {
        name: attributes[name] for name in Release.__dataclass_fields__ if name in attributes
    }
    fields |= {name: None for name in ("version", "previous") if name not in attributes}
    fields["display"] = json.loads(attributes.get("display", "{}"))
    fields["steps"] = {
        name.removeprefix("step_"): Step(**stamp)
        for name, stamp in attributes.items()
        if name.startswith("step_")
    }
    if "revision" in attributes:
        fields["revision"] = int(attributes["revision"])
    return Release(**fields)
