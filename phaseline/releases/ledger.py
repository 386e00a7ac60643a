"""The ledger: one item per release, one stamp per step, in DynamoDB.

Table layout (infra/registry.yaml)::

    pk                          sk                              what it is
    algorithm#<type>#<name>     release#<time>#<sequence>#<id>  a release; `open` = its type until
                                                                it is verified or superseded,
                                                                waiting#<type> behind a hold
    dispatch#<type>             latest                          the outbox (github/outbox.py)
    live                        <time>#<execution>              what was live (site/live.py)
    executions                  <started>#<id>                  a pipeline execution that ended
                                                                (pipeline/recorder.py)
    message#<type>#<revision>   slack                           a message (slack/message_record.py)
    any of them                 slack#<what>                    a claim: who does a thing once

Indexes: `time` (type, sk), in which only releases have their place, and `open` (open, sk), in which
there are also the messages that may still change.

Every write is conditional or idempotent, so that a step that runs twice, or at once with
another, changes nothing the second time.
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
"""Seconds that a claim is kept: far beyond any redelivery (24 hours) of the event it guards."""
NEWEST_PAGE = 50
"""Releases that are read at once where the newest are asked for, which are few."""
WRITERS = 16
"""Concurrent ledger writes of one batch: more than DynamoDB's latency needs, few enough for a
small Lambda's connection pool."""


@dataclass(frozen=True)
class Ledger:
    """Reads and writes of the ledger table."""

    client: "DynamoDBClient"
    table: str

    def record(self, releases: Iterable[Release], *, at: str) -> None:
        """Write each of `releases` once, with the time `at` which its document held it.

        One that an earlier delivery wrote stays as it is, stamps and final state included; only
        one that waited goes on from there.
        """
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda release: self._record(release, at), releases))

    def _record(self, release: Release, at: str) -> None:
        known = {name: value for name, value in vars(release).items() if value is not None}
        del known["steps"]
        known["display"] = json.dumps(release.display, sort_keys=True)
        stamp = {"at": at}
        if release.document_version:
            stamp["link"] = release.document_version
        if release.state in {OPEN, WAITING}:
            known["open"] = _index_key(release.type, release.state)
        step = "step_document" if release.state == OPEN else f"step_{release.state}"
        sets = [f"#{name} = :{name}" for name in known]
        sets.append(f"#{step} = if_not_exists(#{step}, :{step})")
        item = known | {step: stamp}
        self._update(
            release,
            f"SET {', '.join(sets)}" + ("" if "open" in known else " REMOVE #open"),
            "attribute_not_exists(pk) OR #state = :waiting",
            {f"#{name}": name for name in item} | {"#open": "open"},
            {f":{name}": serialize(value) for name, value in item.items()}
            | {":waiting": {"S": WAITING}},
        )

    def open_releases(self, type_: str) -> Iterator[Release]:
        """The releases of one type that nobody has seen served yet, oldest first."""
        return self._unfinished(type_, OPEN)

    def waiting(self, type_: str) -> Iterator[Release]:
        """The releases of one type that wait behind a hold, oldest first."""
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
        """The releases of one algorithm, newest first."""
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
        """The releases with these primary keys that there are, in their order, as they are now."""
        with ThreadPoolExecutor(WRITERS) as pool:
            items = list(pool.map(self._get, keys))
        return [_release(item) for item in items if item]

    def _get(self, key: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return answer.get("Item", {})

    def between(self, type_: str, since: str, until: str) -> Iterator[Release]:
        """The releases of one type that were asked for from `since` to `until`, oldest first."""
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
        """The releases of one type, newest first."""
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
        """The release of this id, or None.

        An id is type, algorithm, version and digest with hyphens between, and names have hyphens
        too: each way to split it is asked for, which are as many as it has hyphens.
        """
        type_, *words = release_id.split("-")
        for end in range(1, len(words)):
            for release in self.releases(type_, "-".join(words[:end])):
                if release.release_id == release_id:
                    return release
        return None

    def withdraw(self, type_: str, algorithm: str, version: str, *, before: int, at: str) -> None:
        """Mark the releases of `version` as withdrawn: nothing goes back to them.

        Releases with a sequence number from `before` on are newer than the withdrawal and stay as
        they are.
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
        """Note that `step` of a release was done `at` a time (ISO 8601). The first stamp stays.

        `state` verified or superseded also ends the release: it leaves the index of open ones. One
        that has ended is not ended again, nor stamped so.
        """
        stamp = {"at": at, "started": started, "link": link}
        names = {"#step": f"step_{step}"}
        values = {":stamp": serialize({k: v for k, v in stamp.items() if v is not None})}
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
        """Change a release's item where `condition` holds, or nothing."""
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


def _index_key(type_: str, state: str) -> str:
    """Where the index `open` holds a release."""
    return type_ if state == OPEN else f"{state}#{type_}"


def _release(item: Mapping[str, Any]) -> Release:
    known = plain(item)
    fields: dict[str, Any] = {
        name: known[name] for name in Release.__dataclass_fields__ if name in known
    }
    fields |= {name: None for name in ("version", "previous") if name not in known}
    fields["display"] = json.loads(known.get("display", "{}"))
    fields["steps"] = {
        name.removeprefix("step_"): Step(**stamp)
        for name, stamp in known.items()
        if name.startswith("step_")
    }
    if "revision" in known:
        fields["revision"] = int(known["revision"])
    return Release(**fields)
