"""A simulator of what Lambda documents of a DynamoDB stream's event source mapping.

No emulator models partial batch answers, splitting and retry limits, and they decide whether a
record is lost. Modelled, for one shard:

- records are delivered in order, at most `batch_size` at once; the next ones wait
- an answer with item failures commits what is before the lowest of them and retries the rest
- an invocation that fails splits its batch into halves, which costs no retry
- a batch that can't be split is retried `retries` times; then it goes to the destination, whole

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def sequence(record: Record) -> int:
    """A record's place in the shard."""
    return int(record["dynamodb"]["SequenceNumber"])


@dataclass
class StreamMapping:
    """An event source mapping with ReportBatchItemFailures and BisectBatchOnFunctionError."""

    handler: Handler
    batch_size: int = 100
    retries: int = 3
    discarded: list[Record] = field(default_factory=list)
    deliveries: list[int] = field(default_factory=list)

    def run(self, records: Sequence[Record]) -> None:
        """Deliver a shard's records until each is committed or discarded."""
        for start in range(0, len(records), self.batch_size):
            self._deliver(list(records[start : start + self.batch_size]))

    def _deliver(self, batch: list[Record]) -> None:
        attempts = 0
        while batch:
            left = self._invoke(batch)
            if left is None and len(batch) > 1:
                middle = len(batch) // 2
                self._deliver(batch[:middle])
                self._deliver(batch[middle:])
                return
            left = batch if left is None else left
            attempts = 0 if len(left) < len(batch) else attempts + 1
            if attempts > self.retries:
                self.discarded += left
                return
            batch = left

    def _invoke(self, batch: list[Record]) -> list[Record] | None:
        """What is left of a batch after one invocation; None where the invocation failed."""
        self.deliveries += [sequence(record) for record in batch]
        try:
            answer = self.handler({"Records": batch}, None)
        except Exception:  # noqa: BLE001 - Lambda treats every exception alike
            return None
        failed = [int(item["itemIdentifier"]) for item in answer["batchItemFailures"]]
        return [record for record in batch if failed and sequence(record) >= min(failed)]
