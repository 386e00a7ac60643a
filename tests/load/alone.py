"""The listener alone: its handler takes the records of a stream, while AWS is in memory.

The simulated services answer at once and without a fault. So the figures are what the function
itself needs.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from local.aws.stream_mapping import Record, StreamMapping
from phaseline.algorithms.names import TYPES
from phaseline.documents.commit import Commits
from phaseline.documents.store import Documents
from phaseline.promotion.listener import Listener
from phaseline.releases.ledger import Ledger
from tests.events import stream_record
from tests.simulator.dynamodb import DynamoDB
from tests.simulator.github import GitHub
from tests.simulator.remote import Faults, Remote
from tests.simulator.s3 import S3
from tests.simulator.scheduler import Scheduler
from tests.simulator.world import RETRIES, load_handler

BATCH = 1000
"""BatchSize in infra/listener.yaml."""
ALGORITHMS = 1000


@dataclass
class Calls(Faults):
    """Counts calls by service and operation, of which none fails."""

    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: Any = field(default_factory=threading.Lock)

    def call(self, service: str, operation: str, act: Callable[[], Any]) -> Any:
        """Make a call. The simulated services take one at a time."""
        with self.lock:
            self.made[service, operation] += 1
            return act()


@dataclass(frozen=True)
class Taken:
    """The records that the listener took, the seconds of CPU that it needed, and its calls."""

    records: int
    seconds: float
    calls: Counter[tuple[str, str]]


def take(records: int) -> Taken:
    """Let the listener take this number of records, which all enter the phase, in batches.

    Each is the next version of one of ALGORITHMS algorithms. Raises AssertionError if it does not
    take one.
    """
    calls = Calls(random.Random(0), Scheduler(), 0.0)
    s3: Any = Remote("s3", S3(), calls)
    dynamodb: Any = Remote("dynamodb", DynamoDB(), calls)
    documents = Documents(s3, "metadata", "", lambda _: None)
    documents.create_missing()
    calls.made.clear()
    commits = Commits(documents, Ledger(dynamodb, "ledger"))
    handler, seconds = load_handler(), 0.0
    mapping = StreamMapping(handler.handler, batch_size=BATCH, retries=RETRIES)
    with patch.object(handler, "_LISTENER", Listener(commits, GitHub(calls).send, _now)):
        for start in range(0, records, BATCH):
            batch = [_record(number) for number in range(start, min(start + BATCH, records))]
            began = time.process_time()
            mapping.deliver(batch)
            seconds += time.process_time() - began
    made = Counter(calls.made)
    assert not mapping.discarded
    active = sum(len(documents.read(type_).document.versions()) for type_ in TYPES)
    assert active == min(records, ALGORITHMS)
    return Taken(records, seconds, made)


def _record(number: int) -> Record:
    algorithm, version = number % ALGORITHMS, number // ALGORITHMS + 1
    return stream_record(
        number + 1,
        algorithm=f"algorithm-{algorithm}",
        version=f"{version}.0.0",
        type_=TYPES[algorithm % len(TYPES)],
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
