"""The pipeline: S3 events start executions, which are queued, publish and close releases."""

import random
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.names import TYPES
from phaseline.releases.ledger import Ledger
from phaseline.site import live, proof
from phaseline.site.manifests import ServedDocument, ServedManifest
from phaseline.site.publication import is_older
from tests.simulator.checker import Checker
from tests.simulator.model import Write
from tests.simulator.remote import Death, Faults
from tests.simulator.scheduler import Scheduler

QUEUE = 10
"""Executions that wait; the pipeline accepts no more. CodePipeline allows 50."""
ATTEMPTS = 3
"""Lambda invokes a function again twice if an asynchronous invocation fails."""


@dataclass
class Pipeline:
    """Executions in their order, and the manifest that visitors are served."""

    rng: random.Random
    scheduler: Scheduler
    faults: Faults
    checker: Checker
    ledger: Ledger
    events: deque[tuple[str, int]] = field(default_factory=deque)
    served: ServedManifest | None = None
    count: Counter[str] = field(default_factory=Counter)

    def changed(self, type_: str, number: int) -> None:
        """Deliver the S3 event of the write with this number, late and perhaps twice."""
        for _ in range(2 if self.rng.random() < 0.05 else 1):
            self.scheduler.later(self.rng.random() * 60, lambda: self._start(type_, number))

    def _start(self, type_: str, number: int) -> None:
        if len(self.events) < QUEUE:
            self.events.append((type_, number))
        else:
            self.count["refused"] += 1

    def act(self) -> None:
        """Run the next execution, if one waits."""
        if self.events:
            type_, number = self.events.popleft()
            self.execute({**self._newest(), type_: self.checker.writes[type_][number]})

    def finish(self) -> None:
        """Build the newest documents, as a drift check does for releases that stay open."""
        self.execute(self._newest())

    def _newest(self) -> dict[str, Write]:
        return {type_: self.checker.writes[type_][-1] for type_ in TYPES}

    def execute(self, pinned: Mapping[str, Write]) -> None:
        """Build, publish and verify a website from these versions of the documents."""
        self.count["executions"] += 1
        self.scheduler.pause(self.rng.random() * 10)
        built = self._build(pinned)
        if self.served and is_older(built.revisions, self.served.revisions):
            self.count["superseded"] += 1
            return
        self.served = built
        self.scheduler.pause(self.rng.random() * 5)
        for _ in range(ATTEMPTS):
            try:
                self._verify(built)
            except (BotoCoreError, ClientError, Death):
                self.scheduler.pause(self.rng.random() * 5)
            else:
                self.count["verified"] += 1
                return
        self.count["failed"] += 1

    def _build(self, pinned: Mapping[str, Write]) -> ServedManifest:
        documents = {
            type_: ServedDocument(
                write.version_id,
                write.state.revision,
                {
                    name: entry.version
                    for name, entry in write.state.entries.items()
                    if entry.version is not None
                },
            )
            for type_, write in pinned.items()
        }
        return ServedManifest("c0ffee", f"execution-{self.count['executions']}", documents, "")

    def _verify(self, manifest: ServedManifest) -> None:
        at = self.scheduler.time()
        for type_ in TYPES:
            releases = list(self.ledger.open_releases(type_))
            proof.close(self.ledger, manifest, releases, at=at, link="https://example.com")
        live.Lives(self.ledger.client, self.ledger.table).record(
            live.of(manifest, self.count["executions"], at)
        )
