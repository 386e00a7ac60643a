"""An environment whose pipeline executions fail."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.algorithms.names import TYPES
from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.documents.document import Document
from phaseline.documents.store import Documents
from phaseline.github.outbox import Outbox
from phaseline.pipeline.executions import SOURCES, Executions
from phaseline.promotion.automatic_rollback import AutomaticRollback
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.listener import Listener
from phaseline.promotion.request import Request
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED
from phaseline.site.live import Live, LiveDocument, Lives
from tests.builders.calls import Calls
from tests.builders.executions import summary
from tests.builders.stores import make_stores
from tests.events import stream_record

FAILED_AT = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
COMMIT = "c0ffee1"


@dataclass
class World:
    """An environment with its stream, its people and a pipeline whose executions a test makes."""

    documents: Documents
    ledger: Ledger
    lives: Lives
    stage: str = "Build"
    executions: list[dict[str, Any]] = field(default_factory=list)
    records: int = 0

    def __post_init__(self) -> None:
        self.codepipeline = boto3.client("codepipeline")
        Calls(
            self.codepipeline,
            ListPipelineExecutions=lambda _: {"pipelineExecutionSummaries": self.executions},
            ListActionExecutions=lambda _: {"actionExecutionDetails": self.actions()},
        )

    @property
    def sources(self) -> Sources:
        return Sources(
            self.ledger,
            lambda name, version: AlgorithmVersion("opt", name, version, {}),
            self.lives,
        )

    def stream(self, version: str, algorithm: str = "a", **fields: Any) -> None:
        """An item's phase changes: by default a promotion."""
        self.take(self.record(version, algorithm, **fields))

    def record(self, version: str, algorithm: str, **fields: Any) -> dict[str, Any]:
        """The stream's next record."""
        self.records += 1
        return stream_record(self.records, algorithm=algorithm, version=version, **fields)

    def take(self, *records: dict[str, Any]) -> None:
        """Have the stream's listener take a batch of records."""
        Listener(
            self.documents,
            self.ledger,
            Outbox(self.ledger.client, self.ledger.table),
            lambda payload: None,
            lambda: "2026-11-24T20:00:00Z",
        ).process(records, Schema())

    def ask(self, action: str, version: str | None = None, **fields: Any) -> Outcome:
        """A person asks for something."""
        request = {"type": "opt", "algorithms": ("a",), "at": "2026-11-25T09:50:00Z"} | fields
        return carry_out(
            Request(
                action, reason="why", who="ana", id=f"run {action}", version=version, **request
            ),
            documents=self.documents,
            sources=self.sources,
        )

    def go_live(self, commit: str = COMMIT) -> None:
        """What the documents hold is seen by visitors."""
        found = {type_: self.documents.read(type_) for type_ in TYPES}
        for type_ in TYPES:
            for each in list(self.ledger.open_releases(type_)):
                self.ledger.stamp(each, "verified", at=each.requested_at, state=VERIFIED)
        at = f"2026-11-24T20:{self.records:02}:00Z"
        documents = {
            type_: LiveDocument(one.version_id, one.document.revision)
            for type_, one in found.items()
        }
        self.lives.record(Live(at, f"live-{self.records}", commit, documents))

    def run(self, id_: str = "e1", status: str = "Failed", commit: str = COMMIT) -> None:
        """An execution of the newest documents."""
        revisions = {SOURCES[type_]: self.documents.read(type_).version_id for type_ in TYPES}
        self.executions.insert(0, summary(id_, status, Frontend=commit, **revisions))

    def actions(self) -> list[dict[str, Any]]:
        """What failed, as CodePipeline tells it."""
        return [
            {
                "stageName": self.stage,
                "actionName": self.stage,
                "status": "Failed",
                "startTime": FAILED_AT,
                "lastUpdateTime": FAILED_AT,
                "output": {"executionResult": {"errorDetails": {"message": "exit\nstatus 1"}}},
            }
        ]

    def react(self, execution: str = "e1", *, minutes: int = 1) -> tuple[Outcome, ...]:
        """What is made of a failure, some minutes later."""
        return AutomaticRollback(
            Executions(self.codepipeline, "phaseline-demo", lambda: 0.0, lambda _: None),
            self.documents,
            self.sources,
            self.lives,
            lambda: FAILED_AT + timedelta(minutes=minutes),
        ).roll_back(execution, failed_at=FAILED_AT)

    def document(self, type_: str = "opt") -> Document:
        """The newest document of a type."""
        return self.documents.read(type_).document


@pytest.fixture
def world() -> Iterator[World]:
    """Version 1 of the algorithm `a` is live."""
    with mock_aws():
        documents, ledger = make_stores()
        made = World(documents, ledger, Lives(ledger.client, ledger.table))
        made.stream("1")
        made.go_live()
        yield made
