"""The algorithms table and its stream: shards that are split, and streams that replace others."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from local.aws.stream_mapping import Record, sequence
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.schema import AlgorithmVersion
from tests.events import stream_record
from tests.simulator.model import Change, Position
from tests.simulator.scheduler import START, Scheduler

COMPLETE, OTHERS = "PACKAGE_TESTS_COMPLETE", ("PACKAGE_TESTS_RUNNING", "REJECTED")
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/algorithms/stream/{}"
VERSIONS = 6
"""Versions of an algorithm, few enough that they come back."""


@dataclass
class Shard:
    """A shard, whose records are read after those of its parents."""

    name: str
    parents: tuple["Shard", ...] = ()
    children: list["Shard"] = field(default_factory=list)
    records: deque[dict[str, Any]] = field(default_factory=deque)
    closed: bool = False
    done: bool = False


@dataclass
class Item:
    """An item of the table: one version of an algorithm."""

    type: str
    phase: str | None = None
    display: int = 0


@dataclass
class Table:
    """The items, and the open shards of the stream. `opened` is called with each new shard.

    `changes` are the changes that each record requests, as the glossary defines them; `malformed`
    are the records that no delivery can help.
    """

    rng: random.Random
    scheduler: Scheduler
    algorithms: int
    opened: Callable[[Shard], None]
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    open: list[Shard] = field(default_factory=list)
    changes: dict[tuple[str, int], tuple[Change, ...]] = field(default_factory=dict)
    malformed: set[tuple[str, int]] = field(default_factory=set)
    homes: dict[str, Shard] = field(default_factory=dict)
    shards: int = 0
    label: str = ""
    sequence: int = 0

    def fill(self) -> None:
        """Complete some versions before there is a stream."""
        for _ in range(self.algorithms):
            name = self.name()
            self.items[name, "1.0"] = Item(name.partition("-")[0], COMPLETE)

    def begin(self, shards: int) -> None:
        """Enable a stream in place of the former one, with lower sequence numbers."""
        parents = tuple(self.open)
        for parent in parents:
            parent.closed = True
        self.label = self.scheduler.moment().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self.sequence = 0
        self.open = [self._shard(parents) for _ in range(shards)]

    def split(self) -> None:
        """Replace one shard by two, whose records come after its own."""
        place = self.rng.randrange(len(self.open))
        parent = self.open[place]
        parent.closed = True
        self.open[place : place + 1] = [self._shard((parent,)), self._shard((parent,))]

    def _shard(self, parents: tuple[Shard, ...]) -> Shard:
        self.shards += 1
        shard = Shard(f"shard {self.shards}", parents)
        for parent in parents:
            parent.children.append(shard)
        self.opened(shard)
        return shard

    def tested(self, name: str, version: str) -> AlgorithmVersion | None:
        """Return a version whose tests are complete."""
        item = self.items.get((name, version))
        if item is None or item.phase != COMPLETE:
            return None
        return AlgorithmVersion(item.type, name, version, {"n": item.display})

    def name(self) -> str:
        """Return one of the names of algorithms."""
        return f"{self.rng.choice(TYPES)}-{self.rng.randrange(self.algorithms)}"

    def write(self, *, malformed: bool) -> None:
        """Change the phase of an item, so that the stream has a record that the filter passes."""
        name, version = self.name(), f"{self.rng.randrange(1, VERSIONS)}.0"
        item = self.items.setdefault((name, version), Item(name.partition("-")[0]))
        before, display = item.phase, item.display
        malformed = malformed and before != COMPLETE
        requested: tuple[Change, ...] = ()
        if before == COMPLETE and self.rng.random() < 0.7:
            item.phase = self.rng.choice(OTHERS)
            requested = (Change("withdraw", item.type, name, version),)
        else:
            item.phase, item.display = COMPLETE, self.rng.randrange(3)
            if before != COMPLETE and not malformed:
                requested = (Change("promote", item.type, name, version, item.display),)
        self.sequence += self.rng.randrange(1, 5)
        position = self.label, self.sequence
        self.changes[position] = tuple(replace(each, position=position) for each in requested)
        if malformed:
            self.malformed.add(position)
        self._shard_of(name).records.append(self._record(name, version, item, before, display))

    def _record(
        self, name: str, version: str, item: Item, phase: str | None, display: int
    ) -> dict[str, Any]:
        """Return the record of an item that had another phase and display before."""
        malformed = (self.label, self.sequence) in self.malformed
        record = stream_record(
            self.sequence,
            algorithm=name,
            version=version,
            type_="unknown" if malformed else item.type,
            phase=item.phase,
            old_phase=phase,
        )
        stream = record["dynamodb"]
        stream["ApproximateCreationDateTime"] = int(START.timestamp() + self.scheduler.now)
        for image, number in (("NewImage", item.display), ("OldImage", display)):
            if image in stream:
                stream[image]["display"] = {"M": {"n": {"N": str(number)}}}
        record["eventSourceARN"] = ARN.format(self.label)
        return record

    def _shard_of(self, name: str) -> Shard:
        """Return the open shard of a partition key."""
        shard = self.homes.get(name) or self.rng.choice(self.open)
        while shard.closed:
            shard = self.rng.choice(shard.children)
        self.homes[name] = shard
        return shard


def position(record: Record) -> Position:
    """Return the place of a record: the label of its stream, and its number."""
    return record["eventSourceARN"].partition("/stream/")[2], sequence(record)
