"""The stream and its mapping deliver as AWS documents it, without the product."""

import random
from itertools import pairwise
from typing import Any

from local.aws.stream_mapping import Record, StreamMapping, sequence
from tests.events import stream_record
from tests.simulator.scheduler import Scheduler
from tests.simulator.table import Shard, Table, position


def test_record_that_gets_too_old_goes_to_the_destination() -> None:
    """The pauses between the attempts let the first record become too old, and then the second."""
    records = [stream_record(number) for number in (1, 2)]
    time = [float(records[0]["dynamodb"]["ApproximateCreationDateTime"])]
    records[1]["dynamodb"]["ApproximateCreationDateTime"] += 1000

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        time[0] += 100
        return {"batchItemFailures": [{"itemIdentifier": "1"}] if _first(event) == 1 else []}

    mapping = StreamMapping(handler, retries=100, longest_age=350, now=lambda: time[0])
    mapping.run(records)
    assert [sequence(record) for record in mapping.discarded] == [1]
    assert mapping.deliveries == [1, 2, 1, 2, 1, 2, 1, 2, 2]


def _first(event: dict[str, Any]) -> int:
    return sequence(event["Records"][0])


def test_records_of_a_key_are_in_order_over_splits() -> None:
    """A shard that is read after its parents has the later records of each key."""
    shards: list[Shard] = []
    table = Table(random.Random(3), Scheduler(), 4, shards.append)
    table.begin(2)
    for number in range(200):
        table.write(malformed=False)
        if number % 20 == 0:
            table.split()
    assert len(table.open) == 12
    for key in table.homes:
        places = [
            (shard, sequence(record))
            for shard in shards
            for record in shard.records
            if _key(record) == key
        ]
        assert [place for _, place in places] == sorted(place for _, place in places)
        read = list(dict.fromkeys(shard.name for shard, _ in places))
        for earlier, later in pairwise(read):
            assert earlier in _ancestors(next(each for each in shards if each.name == later))
    positions = [position(record) for shard in shards for record in shard.records]
    assert sorted(positions) == sorted(table.changes)


def _key(record: Record) -> str:
    return str(record["dynamodb"]["Keys"]["algorithm"]["S"])


def _ancestors(shard: Shard) -> set[str]:
    return {parent.name for parent in shard.parents}.union(*map(_ancestors, shard.parents))
