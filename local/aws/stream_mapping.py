"""Pure: delivers the records of a shard as Lambda's event source mapping of a stream does.

- Records are delivered in order, at most `batch_size` at once; the next ones wait.
- An answer with item failures commits what is before the lowest of them and retries the rest.
- An invocation that fails splits its batch into halves, which costs no retry.
- A batch that cannot be split is retried `retries` times; then it is discarded as a whole.
- A record that is older than `longest_age` seconds is discarded before the next attempt.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
Handler = Callable[[dict[str, Any], object], dict[str, Any]]
LONGEST_PAUSE = 60.0


def sequence(record: Record) -> int:
    """Return a record's place in the shard."""
    return int(record["dynamodb"]["SequenceNumber"])


@dataclass
class StreamMapping:
    """An event source mapping with ReportBatchItemFailures and BisectBatchOnFunctionError.

    `now` returns the present time in Unix seconds, and `pause` waits between two attempts.
    """

    handler: Handler
    batch_size: int = 100
    retries: int = 3
    longest_age: float | None = None
    now: Callable[[], float] = lambda: 0.0
    pause: Callable[[float], None] = lambda _: None
    discarded: list[Record] = field(default_factory=list)
    deliveries: list[int] = field(default_factory=list)

    def run(self, records: Sequence[Record]) -> None:
        """Deliver a shard's records until each is committed or discarded."""
        for start in range(0, len(records), self.batch_size):
            self.deliver(list(records[start : start + self.batch_size]))

    def deliver(self, batch: list[Record]) -> None:
        """Deliver a batch until each record is committed or discarded."""
        attempts = 0
        while batch := self._young(batch):
            left = self._invoke(batch)
            if left is None and len(batch) > 1:
                middle = len(batch) // 2
                self.deliver(batch[:middle])
                self.deliver(batch[middle:])
                return
            left = batch if left is None else left
            attempts = 0 if len(left) < len(batch) else attempts + 1
            if attempts > self.retries:
                self.discarded += left
                return
            if attempts:
                self.pause(min(LONGEST_PAUSE, 2.0 ** min(attempts, 10)))
            batch = left

    def _young(self, batch: list[Record]) -> list[Record]:
        """Return the records that are not too old, and discard the others."""
        if self.longest_age is None:
            return batch
        since = self.now() - self.longest_age
        old = [each for each in batch if each["dynamodb"]["ApproximateCreationDateTime"] < since]
        self.discarded += old
        return [each for each in batch if each not in old]

    def _invoke(self, batch: list[Record]) -> list[Record] | None:
        """Return what is left of a batch after one invocation, or None if the invocation failed."""
        self.deliveries += [sequence(record) for record in batch]
        try:
            answer = self.handler({"Records": batch}, None)
        except Exception:  # noqa: BLE001 - Lambda treats every end of an invocation alike
            return None
        failed = [int(item["itemIdentifier"]) for item in answer["batchItemFailures"]]
        return [record for record in batch if failed and sequence(record) >= min(failed)]
