"""The ledger's table in memory: the calls that the product makes, with their errors."""

import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.simulator.expressions import Item, comparable, condition, update
from tests.simulator.remote import client_error

Parameters = dict[str, Any]
INDEXES = {None: ("pk", "sk"), "open": ("open", "sk"), "time": ("type", "at")}
"""The partition key and the sort key of the table and of each index (infra/registry.yaml)."""
PARTITION = re.compile(r"\s*(\S+)\s*=\s*(\S+)(?:\s+AND\s+(.+))?\s*")


class DynamoDB:
    """One table with its indexes, which are consistent at once.

    `queried` is called with the partition key of each query.
    """

    def __init__(self, queried: Callable[[str], None] = lambda _: None) -> None:
        self._queried = queried
        self.items: dict[tuple[str, str], Item] = {}
        self._indexes: dict[str | None, defaultdict[str, list[tuple[bytes, str, str]]]] = {
            name: defaultdict(list) for name in INDEXES
        }

    def partition(self, key: str) -> list[tuple[tuple[str, str], Item]]:
        """Return the items with a partition key, in order."""
        places = self._indexes[None].get(key, [])
        return [((pk, sk), self.items[pk, sk]) for _, pk, sk in places]

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> Parameters:  # noqa: N803
        del TableName, ConsistentRead
        item = self.items.get(_id(Key))
        return {"Item": dict(item)} if item is not None else {}

    def put_item(self, *, TableName: str, Item: Item, **conditions: Any) -> Parameters:  # noqa: N803
        del TableName
        self._check("PutItem", _id(Item), conditions)
        self._store(_id(Item), dict(Item))
        return {}

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ReturnValues: str = "NONE",  # noqa: N803
        **conditions: Any,
    ) -> Parameters:
        del TableName
        id_ = _id(Key)
        self._check("UpdateItem", id_, conditions)
        item = dict(self.items.get(id_, Key))
        names = conditions.get("ExpressionAttributeNames", {})
        update(UpdateExpression)(item, names, conditions.get("ExpressionAttributeValues", {}))
        self._store(id_, item)
        return {"Attributes": dict(item)} if ReturnValues == "ALL_NEW" else {}

    def delete_item(self, *, TableName: str, Key: Item, **conditions: Any) -> Parameters:  # noqa: N803
        del TableName
        self._check("DeleteItem", _id(Key), conditions)
        self._remove(_id(Key))
        return {}

    def query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: Item,  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        IndexName: str | None = None,  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: N803
        ConsistentRead: bool = False,  # noqa: N803
        Limit: int | None = None,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
    ) -> Parameters:
        del TableName, ConsistentRead
        match = PARTITION.fullmatch(KeyConditionExpression)
        if match is None:
            raise NotImplementedError(KeyConditionExpression)
        key = ExpressionAttributeValues[match[2]]["S"]
        self._queried(key)
        partition = self._indexes[IndexName].get(key, [])
        keys = partition if ScanIndexForward else partition[::-1]
        if ExclusiveStartKey:
            ids = [(pk, sk) for _, pk, sk in keys]
            keys = keys[ids.index(_id(ExclusiveStartKey)) + 1 :]
        wanted = condition(match[3]) if match[3] else None
        names, found = ExpressionAttributeNames or {}, []
        for place in keys:
            item = self.items[place[1], place[2]]
            if wanted is None or wanted(item, names, ExpressionAttributeValues):
                found.append(dict(item))
                if len(found) == Limit:
                    last = {name: item[name] for name in ("pk", "sk")}
                    return {"Items": found, "LastEvaluatedKey": last}
        return {"Items": found}

    def _check(self, operation: str, id_: tuple[str, str], conditions: Parameters) -> None:
        text = conditions.get("ConditionExpression")
        names = conditions.get("ExpressionAttributeNames", {})
        values = conditions.get("ExpressionAttributeValues", {})
        if text and not condition(text)(self.items.get(id_, {}), names, values):
            raise client_error("ConditionalCheckFailedException", operation)

    def _store(self, id_: tuple[str, str], item: Item) -> None:
        self._remove(id_)
        self.items[id_] = item
        for index in INDEXES:
            if place := self._place(index, item):
                insort(self._indexes[index][item[INDEXES[index][0]]["S"]], place)

    def _remove(self, id_: tuple[str, str]) -> None:
        item = self.items.pop(id_, None)
        for index in INDEXES if item else ():
            if place := self._place(index, item or {}):
                partition = self._indexes[index][(item or {})[INDEXES[index][0]]["S"]]
                del partition[bisect_left(partition, place)]

    def _place(self, index: str | None, item: Item) -> tuple[bytes, str, str] | None:
        partition, sort = INDEXES[index]
        if "S" not in item.get(partition, {}) or "S" not in item.get(sort, {}):
            return None
        return comparable(item[sort])[1], item["pk"]["S"], item["sk"]["S"]


def _id(key: Item) -> tuple[str, str]:
    return key["pk"]["S"], key["sk"]["S"]
