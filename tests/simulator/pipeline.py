"""The pipeline: S3 events start executions, which supersede each other, publish and close releases.

A stage processes one execution at a time, and of those that wait for a stage only the newest goes
on, as in CodePipeline's mode SUPERSEDED.
https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
"""

import random
from collections import Counter
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

STAGES = ("Source", "Build", "Publish", "Verify")
ATTEMPTS = 3
"""Lambda invokes a function again twice if an asynchronous invocation fails."""


@dataclass
class Execution:
    """An execution of the pipeline. A person may have pinned it to a version of a document."""

    pinned: Mapping[str, Write] = field(default_factory=dict)
    documents: dict[str, Write] = field(default_factory=dict)
    manifest: ServedManifest | None = None


@dataclass
class Pipeline:
    """The executions that wait for a stage, and the manifest that visitors are served.

    `number` is that of the newest publication, and `active` the number of executions that have not
    ended.
    """

    rng: random.Random
    scheduler: Scheduler
    faults: Faults
    checker: Checker
    ledger: Ledger
    waiting: dict[str, Execution] = field(default_factory=dict)
    active: int = 0
    served: ServedManifest | None = None
    number: int = 0
    count: Counter[str] = field(default_factory=Counter)

    def changed(self, type_: str, number: int) -> None:
        """Deliver the S3 event of the write with this number, late and perhaps twice.

        Now and then, a person starts an execution with the version before it.
        """
        for _ in range(2 if self.rng.random() < 0.05 else 1):
            self._later(Execution())
        if number and self.rng.random() < 0.02:
            self._later(Execution({type_: self.checker.writes[type_][number - 1]}))

    def act(self, stage: str) -> None:
        """Take the execution that waits for a stage through it, if there is one."""
        execution = self.waiting.pop(stage, None)
        if execution is None:
            return
        self.scheduler.pause(self.rng.random() * 10)
        result = self._pass(stage, execution)
        self.count[result or stage] += 1
        if result:
            self.active -= 1
        else:
            self._arrive(STAGES[STAGES.index(stage) + 1], execution)

    def finish(self) -> None:
        """Build the newest documents, as a drift check does for releases that stay open."""
        self._start(Execution())
        while self.active:
            self.scheduler.pause(5)

    def _later(self, execution: Execution) -> None:
        self.scheduler.later(self.rng.random() * 60, lambda: self._start(execution))

    def _start(self, execution: Execution) -> None:
        self.active += 1
        self._arrive(STAGES[0], execution)

    def _arrive(self, stage: str, execution: Execution) -> None:
        """Let an execution wait for a stage. It supersedes the one that waits there."""
        if stage in self.waiting:
            self.active -= 1
            self.count["superseded"] += 1
        self.waiting[stage] = execution

    def _pass(self, stage: str, execution: Execution) -> str | None:
        """Return the execution's result, or None if it goes on to the next stage."""
        match stage:
            case "Source":
                self._source(execution)
            case "Build":
                self._build(execution)
            case "Publish":
                return self._publish(execution)
            case "Verify":
                return self._verify(execution)
        return None

    def _source(self, execution: Execution) -> None:
        for type_ in TYPES:
            self.scheduler.pause(self.rng.random())
            newest = self.checker.writes[type_][-1]
            execution.documents[type_] = execution.pinned.get(type_, newest)

    def _build(self, execution: Execution) -> None:
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
            for type_, write in execution.documents.items()
        }
        name = f"execution-{self.count['Build'] + 1}"
        execution.manifest = ServedManifest("c0ffee", name, documents, "")

    def _publish(self, execution: Execution) -> str | None:
        built = execution.manifest
        assert built
        if self.served and is_older(built.revisions, self.served.revisions):
            return "older than the website"
        self.number += 1
        self.served = built
        return None

    def _verify(self, execution: Execution) -> str:
        for _ in range(ATTEMPTS):
            manifest, number = self.served, self.number
            if manifest is None or manifest is not execution.manifest:
                return "overtaken"
            try:
                self._close(manifest, number)
            except (BotoCoreError, ClientError, Death):
                self.scheduler.pause(self.rng.random() * 5)
            else:
                return "verified"
        return "failed"

    def _close(self, manifest: ServedManifest, number: int) -> None:
        at = self.scheduler.time()
        for type_ in TYPES:
            releases = list(self.ledger.open_releases(type_))
            proof.close(self.ledger, manifest, releases, at=at, link="https://example.com")
        lives = live.Lives(self.ledger.client, self.ledger.table)
        lives.record(live.of(manifest, number, at))
