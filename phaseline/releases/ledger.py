"""The ledger records each release as one item of a DynamoDB table, with one stamp per step.

Table layout (infra/registry.yaml)::

    pk                          sk                              item
    algorithm#<type>#<name>     release#<time>#<sequence>#<id>  a release; `open` is <type> until it
                                                                is verified or superseded, and
                                                                waiting#<type> behind a hold
    dispatch#<type>             latest                          the outbox (github/outbox.py)
    live                        <time>#<execution>              a publication (site/live.py)
    executions                  <started>#<id>                  a pipeline execution that ended
                                                                (pipeline/recorder.py)
    message#<type>#<revision>   slack                           a message (slack/message_record.py)
    any of these                slack#<action>                  a claim on an action

Index `time` (type, sk) contains only releases. Index `open` (open, sk) contains unfinished releases
and the Slack messages that may still change.

Every write is conditional or idempotent, so a step that runs twice, or concurrently with itself,
changes nothing the second time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed
from phaseline.releases.release import OPEN, WAITING, Release, Step

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CLAIM_LIFETIME = 30 * 24 * 3600
"""Seconds until DynamoDB deletes a claim. AWS delivers an event again for 24 hours at most."""
NEWEST_PAGE = 50
"""The page size of `newest`, whose callers need few releases."""
WRITERS = 16
"""Concurrent requests to the ledger, which fit into the connection pool of a small function."""


@dataclass(frozen=True)
class Ledger:
    """Reads and writes the ledger table."""

    client: "DynamoDBClient"
    table: str

    def record(self, releases: Iterable[Release], *, at: str) -> None:
        """Write each of `releases` once.

        `at` (ISO 8601, UTC) is the time at which their document was stored. A release that the
        ledger has already stays unchanged, except for a waiting one, which takes its new state.
        """
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda release: self._record(release, at), releases))

    def _record(self, release: Release, at: str) -> None:
        fields = {name: value for name, value in vars(release).items() if value is not None}
        del fields["steps"]
        fields["display"] = json.dumps(release.display, sort_keys=True)
        stamp = {"at": at}
        if release.document_version:
            stamp["link"] = release.document_version
        if release.state in {OPEN, WAITING}:
            fields["open"] = _index_key(release.type, release.state)
        step = "step_document" if release.state == OPEN else f"step_{release.state}"
        assignments = [f"#{name} = :{name}" for name in fields]
        assignments.append(f"#{step} = if_not_exists(#{step}, :{step})")
        item = fields | {step: stamp}
        self._update(
            release,
            f"SET {', '.join(assignments)}" + ("" if "open" in fields else " REMOVE #open"),
            "attribute_not_exists(pk) OR #state = :waiting",
            {f"#{name}": name for name in item} | {"#open": "open"},
            {f":{name}": serialize(value) for name, value in item.items()}
            | {":waiting": {"S": WAITING}},
        )

    def open_releases(self, type_: str) -> Iterator[Release]:
        """Return the releases of a type that are not verified yet, oldest first."""
        return self._unfinished(type_, OPEN)

    def waiting(self, type_: str) -> Iterator[Release]:
        """Return the releases of a type that wait behind a hold, oldest first."""
        return self._unfinished(type_, WAITING)

    def _unfinished(self, type_: str, state: str) -> Iterator[Release]:
        items = self._query(
            IndexName="open",
            KeyConditionExpression="#open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": _index_key(type_, state)}},
        )
        return map(_release, items)

    def releases(self, type_: str, algorithm: str) -> Iterator[Release]:
        """Return the releases of an algorithm, newest first."""
        items = self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={
                ":pk": {"S": f"algorithm#{type_}#{algorithm}"},
                ":prefix": {"S": "release#"},
            },
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return map(_release, items)

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
        """Return the releases of a type that were requested in a period, oldest first.

        `since` and `until` (ISO 8601, UTC) are both included.
        """
        items = self._query(
            IndexName="time",
            KeyConditionExpression="#type = :type AND sk BETWEEN :since AND :until",
            ExpressionAttributeNames={"#type": "type"},
            ExpressionAttributeValues={
                ":type": {"S": type_},
                ":since": {"S": f"release#{since}"},
                ":until": {"S": f"release#{until}$"},  # "$" is the character after "#"
            },
        )
        return map(_release, items)

    def newest(self, type_: str) -> Iterator[Release]:
        """Return the releases of a type, newest first."""
        items = self._query(
            IndexName="time",
            KeyConditionExpression="#type = :type",
            ExpressionAttributeNames={"#type": "type"},
            ExpressionAttributeValues={":type": {"S": type_}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": NEWEST_PAGE},
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

    def withdraw(self, type_: str, algorithm: str, version: str, *, before: int, at: str) -> None:
        """Mark the releases of `version` as withdrawn, so that no rollback returns to them.

        Only releases with a sequence number lower than `before` are marked: the others are newer
        than the withdrawal. `at` is the time of the withdrawal (ISO 8601, UTC).
        """
        for release in self.releases(type_, algorithm):
            if release.version == version and int(release.sequence) < before:
                self.stamp(release, "withdrawn", at=at)

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
        expression, condition = "SET #step = :stamp", "attribute_not_exists(#step)"
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
        """Record that a claimed action is done. `detail` describes its result."""
        self.client.update_item(
            TableName=self.table,
            Key={"pk": {"S": scope}, "sk": {"S": name}},
            UpdateExpression="SET settled = :detail",
            ExpressionAttributeValues={":detail": {"S": detail}},
        )


def _index_key(type_: str, state: str) -> str:
    """Return the partition key of an unfinished release in the index `open`."""
    return type_ if state == OPEN else f"{state}#{type_}"


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
