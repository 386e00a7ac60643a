"""One simulated environment: the product's code, and everything around it, from one plan."""

import importlib.util
import logging
import os
import random
from collections import Counter
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.stream_mapping import Record, StreamMapping
from phaseline.algorithms.names import TYPES
from phaseline.documents import commit
from phaseline.documents.commit import Commits
from phaseline.documents.store import Documents
from phaseline.errors import PhaselineError
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.listener import Listener
from phaseline.releases import ledger as ledgers
from phaseline.releases.ledger import Ledger
from phaseline.site.live import Lives
from tests.events.samples import SCHEDULE
from tests.simulator.checker import Checker
from tests.simulator.contexts import Edit, Invocation
from tests.simulator.dynamodb import DynamoDB
from tests.simulator.github import GitHub
from tests.simulator.history import judge
from tests.simulator.model import Position
from tests.simulator.people import People
from tests.simulator.pipeline import STAGES, Pipeline
from tests.simulator.plan import Plan
from tests.simulator.remote import Death, Faults, Remote
from tests.simulator.s3 import S3, ObjectVersion
from tests.simulator.scheduler import Scheduler
from tests.simulator.table import Shard, Table, position

ROOT = Path(__file__).parents[2]
RETRIES = 30
"""MaximumRetryAttempts in infra/listener.yaml."""
SETTINGS = {
    "ENVIRONMENT": "test",
    "METADATA_BUCKET": "metadata",
    "METADATA_PREFIX": "",
    "LEDGER_TABLE": "ledger",
    "PHASE": "PACKAGE_TESTS_COMPLETE",
    "ALGORITHM_ATTRIBUTE": "algorithm",
    "VERSION_ATTRIBUTE": "version",
    "TYPE_ATTRIBUTE": "type",
    "PHASE_ATTRIBUTE": "phase",
    "DISPLAY_ATTRIBUTE": "display",
    "WITHDRAWS_ON_LEAVE": "true",
    "GITHUB_REPOSITORY": "acme/releases",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_TOKEN_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:t",
    "DISPATCH_EVENT_TYPE": "version-tested",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class InOrder(Executor):
    """Takes the place of a pool of threads: the calls are made in an order that a seed decides."""

    rng = random.Random(0)

    def __init__(self, workers: int) -> None:
        del workers

    def map(self, act: Any, *items: Any, **_: Any) -> Any:  # type: ignore[override]
        """Make each call, also if an earlier one failed, and raise the first error then."""
        calls = list(zip(*items, strict=True))
        order, results = list(range(len(calls))), [None] * len(calls)
        self.rng.shuffle(order)
        errors: dict[int, Exception] = {}
        for place in order:
            try:
                results[place] = act(*calls[place])
            except Exception as error:  # noqa: BLE001 - raised below
                errors[place] = error
        if errors:
            raise errors[min(errors)]
        return iter(results)


def load_handler() -> ModuleType:
    """Return the stream listener's handler, whose metrics go nowhere."""
    with patch.dict(os.environ, SETTINGS):
        path = ROOT / "lambdas" / "stream_listener" / "handler.py"
        spec = importlib.util.spec_from_file_location("simulated_listener", path)
        assert spec and spec.loader  # noqa: PT018 - for the type checker
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    module.metrics = SimpleNamespace(emit=lambda *_, **__: None)  # type: ignore[attr-defined]
    logging.getLogger("simulated_listener").disabled = True
    return module


HANDLER: list[ModuleType] = []
"""The handler, once it is loaded."""


@dataclass
class World:
    """A history that a plan describes. `run` raises Violation if an invariant does not hold."""

    plan: Plan
    lines: list[str] | None = None
    quiet: bool = False
    over: bool = False
    written: int = 0
    mappings: list[StreamMapping] = field(default_factory=list)
    shards: list[Shard] = field(default_factory=list)
    people_left: int = 0

    def __post_init__(self) -> None:
        rng = self.rng = random.Random(self.plan.seed)
        InOrder.rng = rng
        self.scheduler = Scheduler()
        self.faults = Faults(rng, self.scheduler, 0.0, self.plan.kinds, trace=self.trace)
        self.dynamodb = DynamoDB(lambda key: self.checker.read(key, self.faults.writer))
        self.s3 = S3(self._stored)
        self.table = Table(rng, self.scheduler, self.plan.algorithms, self._opened)
        self.checker = Checker(self.dynamodb, self.table.changes, self.table.malformed, self.trace)
        documents = Documents(
            Remote("s3", self.s3, self.faults),  # type: ignore[arg-type]
            "metadata",
            "",
            lambda longest: self.scheduler.pause(rng.random() * longest),
        )
        client: Any = Remote("dynamodb", self.dynamodb, self.faults)
        ledger = Ledger(client, "ledger")
        self.commits = Commits(documents, ledger)
        self.github = GitHub(self.faults)
        self.listener = Listener(self.commits, self.github.send, self.scheduler.time)
        self.pipeline = Pipeline(rng, self.scheduler, self.faults, self.checker, ledger)
        sources = Sources(
            ledger,
            lambda name, version: self.faults.call(
                "dynamodb", "get_item", lambda: self.table.tested(name, version)
            ),
            Lives(client, "ledger"),
        )
        self.people = People(
            rng, self.scheduler, self.faults, self.table, self.checker, self.commits, sources,
            self.trace,
        )  # fmt: skip
        documents.create_missing()

    def trace(self, line: str) -> None:
        """Keep a line of the history, if somebody wants to read it."""
        if self.lines is not None:
            self.lines.append(f"{self.scheduler.now:9.2f} {line}")

    def run(self) -> "World":
        """Let the history happen, and judge it."""
        if not HANDLER:
            HANDLER.append(load_handler())
        self.faults.rate = self.plan.faults
        self.scheduler.spawn("table", self._history)
        self.scheduler.spawn("schedule", lambda: self._each(60, self._schedule))
        for stage in STAGES:
            self.scheduler.spawn(stage, partial(self._each, 2, partial(self.pipeline.act, stage)))
        self.scheduler.spawn("drift", lambda: self._each(50, self._settle))
        self.people_left = self.plan.people
        for number in range(self.plan.people):
            self.scheduler.spawn(f"person {number + 1}", self._person)
        if self.plan.broken:
            self.scheduler.spawn("editor", lambda: self._each(100, self._edit))
        with (
            patch.object(HANDLER[0], "_LISTENER", self.listener),
            patch.object(commit, "ThreadPoolExecutor", InOrder),
            patch.object(ledgers, "ThreadPoolExecutor", InOrder),
        ):
            self.scheduler.run()
            judge(self)
        return self

    @property
    def discarded(self) -> list[Record]:
        """The records that were given up."""
        return [record for mapping in self.mappings for record in mapping.discarded]

    @property
    def counts(self) -> Counter[str]:
        """What happened, by kind."""
        counts: Counter[str] = Counter(
            records=self.written,
            deliveries=sum(len(mapping.deliveries) for mapping in self.mappings),
            calls=self.faults.calls,
            dispatches=self.github.dispatches,
            documents=sum(len(writes) for writes in self.checker.writes.values()),
            releases=sum(
                len(each.releases) for writes in self.checker.writes.values() for each in writes
            ),
        )
        counts.update({f"fault: {kind}": n for kind, n in self.faults.count.items()})
        counts.update({f"request: {kind}": n for kind, n in self.people.count.items()})
        counts.update({f"pipeline: {kind}": n for kind, n in self.pipeline.count.items()})
        counts.update({f"check: {kind}": n for kind, n in self.checker.count.items()})
        return counts

    # Actors

    def _each(self, seconds: float, act: Any) -> None:
        """Act again and again, until the history is over."""
        while not self.over:
            self.scheduler.pause(self.rng.uniform(0.5, 1.5) * seconds)
            act()

    def _history(self) -> None:
        """Write the table, then let everything come to rest without faults."""
        if self.plan.existing:
            self.table.fill()
        self.table.begin(self.plan.shards)
        restart = self.rng.randrange(self.plan.records) if self.plan.restored else -1
        while self.written < self.plan.records:
            self.scheduler.pause(self.rng.choice((0.01, 0.1, 0.5, 5.0)))
            self.table.write(malformed=self.rng.random() < self.plan.poison)
            self.written += 1
            if self.rng.random() < 0.01:
                self.table.split()
            if self.written == restart:
                self.table.begin(self.plan.shards)
        self.quiet = True
        self.faults.stop()
        self.trace("the faults stop")
        self._rest()
        self.over = True

    def _rest(self) -> None:
        while (
            self.people_left
            or any(not shard.done for shard in self.shards if shard.closed)
            or any(shard.records for shard in self.shards)
        ):
            self.scheduler.pause(5)
        for shard in self.table.open:
            shard.closed = True
        while any(not shard.done for shard in self.shards):
            self.scheduler.pause(5)
        for type_ in TYPES:
            self._restore(type_)
        self.scheduler.pause(1000)  # what has an end, ends
        for _ in range(2):
            self._schedule()
        self.scheduler.pause(100)
        self.pipeline.finish()

    def _person(self) -> None:
        while not self.quiet:
            self.scheduler.pause(self.rng.expovariate(1 / 20))
            self.people.act()
        self.people_left -= 1

    def _schedule(self) -> None:
        try:
            self.invoke(SCHEDULE, ())
        except (Exception, Death):  # noqa: BLE001 - the next one does it, whatever it was
            self.trace(f"{self.scheduler.actor}: failed")

    def _settle(self) -> None:
        """Settle each document, as the repair of a drift check does."""
        for type_ in TYPES:
            with suppress(PhaselineError, BotoCoreError, ClientError, Death):
                self.commits.settle(self.commits.documents.read(type_))

    def _edit(self) -> None:
        """Break a document, and put its good version over it a little later."""
        if self.quiet:
            return
        type_ = self.rng.choice(TYPES)
        self._put(type_, b"broken")
        self.scheduler.pause(self.rng.random() * 60)
        self._restore(type_)

    def _restore(self, type_: str) -> None:
        if not self.checker.readable[type_]:
            versions = self.s3.versions[f"{type_}.zip"]
            good = next(each for each in reversed(versions) if each.body != b"broken")
            self._put(type_, good.body, good.metadata)

    def _put(self, type_: str, body: bytes, metadata: dict[str, str] | None = None) -> None:
        self.trace(f"{self.scheduler.actor}: puts {len(body)} bytes as {type_}.zip")
        self.faults.writer = Edit()
        self.s3.put_object(
            Bucket="metadata", Key=f"{type_}.zip", Body=body, Metadata=metadata or {}
        )

    # The stream

    def _opened(self, shard: Shard) -> None:
        mapping = StreamMapping(
            self._handler,
            batch_size=self.plan.batch_size,
            retries=RETRIES,
            pause=lambda seconds: self.scheduler.pause(seconds * self.rng.random()),
        )
        self.mappings.append(mapping)
        self.shards.append(shard)
        self.scheduler.spawn(shard.name, lambda: self._poll(shard, mapping))

    def _poll(self, shard: Shard, mapping: StreamMapping) -> None:
        """Read a shard from its begin to its end, once its parents were read."""
        while any(not parent.done for parent in shard.parents):
            self.scheduler.pause(2)
        recent: list[Record] = []
        while shard.records or not shard.closed:
            batch = [
                shard.records.popleft()
                for _ in range(min(len(shard.records), self.plan.batch_size))
            ]
            if batch:
                mapping.deliver(batch)
                recent = [*recent, *batch][-2 * self.plan.batch_size :]
                if self.rng.random() < self.plan.repeats:  # the mapping lost its place
                    again = recent[-self.rng.randrange(1, len(recent) + 1) :]
                    self.trace(f"{shard.name}: the last {len(again)} records come again")
                    mapping.run(again)
            else:
                self.scheduler.pause(self.rng.uniform(0.5, 3))
        shard.done = True

    def _handler(self, event: dict[str, Any], context: object) -> dict[str, Any]:
        del context
        try:
            return self.invoke(event, [position(record) for record in event["Records"]])
        except Death as death:
            raise RuntimeError("the process has ended") from death

    def invoke(
        self, event: dict[str, Any], positions: list[Position] | tuple[()]
    ) -> dict[str, Any]:
        """Invoke the listener, and judge its answer."""
        actor, since = self.scheduler.actor, self.checker.marks()
        self.faults.contexts[actor] = Invocation(positions)
        self.trace(f"{actor}: invokes with {[number for _, number in positions]}")
        try:
            answer: dict[str, Any] = HANDLER[0].handler(event, None)
        except Exception as error:
            self.trace(f"{actor}: {error}")
            raise
        finally:
            self.faults.contexts[actor] = None
        failed = [int(each["itemIdentifier"]) for each in answer["batchItemFailures"]]
        done = [each for each in positions if not failed or each[1] < min(failed)]
        self.checker.conclude(done, since, self.scheduler.time())
        return answer

    def _stored(self, version: ObjectVersion) -> None:
        type_ = version.key.removesuffix(".zip")
        writes = self.checker.writes[type_]
        before = len(writes)
        self.checker.stored(type_, version.body, version.version_id, self.faults.writer)
        if len(writes) > before:
            self.pipeline.changed(type_, before)
