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
from phaseline.documents.commit import Commits
from phaseline.documents.document import Document
from phaseline.documents.store import Documents
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

COMMAND_FAILED = (
    "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message:"
    " Error while executing command: python3 build.py. Reason: exit\nstatus 1"
)
FAILED_AT = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
COMMIT = "c0ffee1"


@dataclass
class World:
    """An environment with stream records, requests of people and executions of its pipeline."""

    documents: Documents
    ledger: Ledger
    lives: Lives
    stage: str = "Build"
    code: str = "JobFailed"
    message: str = COMMAND_FAILED
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
        """Process the record of a change of phase, by default a promotion."""
        self.process(self.record(version, algorithm, **fields))

    def record(self, version: str, algorithm: str, **fields: Any) -> dict[str, Any]:
        """Return the next record of the stream."""
        self.records += 1
        return stream_record(self.records, algorithm=algorithm, version=version, **fields)

    def process(self, *records: dict[str, Any]) -> None:
        """Process a batch of stream records."""
        Listener(
            Commits(self.documents, self.ledger),
            lambda payload: None,
            lambda: "2026-11-24T20:00:00Z",
        ).process(records, Schema())

    def ask(self, action: str, version: str | None = None, **fields: Any) -> Outcome:
        """Carry out a request of Ana."""
        request = {"type": "opt", "algorithms": ("a",), "at": "2026-11-25T09:50:00Z"} | fields
        return carry_out(
            Request(
                action, reason="why", who="ana", id=f"run {action}", version=version, **request
            ),
            commits=Commits(self.documents, self.ledger),
            sources=self.sources,
        )

    def go_live(self, commit: str = COMMIT) -> None:
        """Record that the newest documents are verified and live."""
        documents = {}
        for type_ in TYPES:
            for release in list(self.ledger.open_releases(type_)):
                self.ledger.stamp(release, "verified", at=release.requested_at, state=VERIFIED)
            stored = self.documents.read(type_)
            documents[type_] = LiveDocument(stored.version_id, stored.document.revision)
        at = f"2026-11-24T20:{self.records:02}:00Z"
        self.lives.record(Live(self.records, at, f"live-{self.records}", commit, documents))

    def run(self, id_: str = "e1", status: str = "Failed", commit: str = COMMIT) -> None:
        """Add an execution that carries the newest documents."""
        revisions = {SOURCES[type_]: self.documents.read(type_).version_id for type_ in TYPES}
        self.executions.insert(0, summary(id_, status, Frontend=commit, **revisions))

    def actions(self) -> list[dict[str, Any]]:
        """Return the failed action in the form of CodePipeline."""
        return [
            {
                "stageName": self.stage,
                "actionName": self.stage,
                "status": "Failed",
                "startTime": FAILED_AT,
                "lastUpdateTime": FAILED_AT,
                "output": {
                    "executionResult": {
                        "errorDetails": {"code": self.code, "message": self.message}
                    }
                },
            }
        ]

    def react(self, execution: str = "e1", *, minutes: int = 1) -> tuple[Outcome, ...]:
        """Handle the failure of an execution some minutes later."""
        return AutomaticRollback(
            Executions(self.codepipeline, "phaseline-demo", lambda: 0.0, lambda _: None),
            Commits(self.documents, self.ledger),
            self.sources,
            self.lives,
            lambda: FAILED_AT + timedelta(minutes=minutes),
        ).roll_back(execution, failed_at=FAILED_AT)

    def document(self, type_: str = "opt") -> Document:
        """Return the newest document of a type."""
        return self.documents.read(type_).document


@pytest.fixture
def world() -> Iterator[World]:
    """An environment in which version 1 of the algorithm `a` is live."""
    with mock_aws():
        documents, ledger = make_stores()
        world = World(documents, ledger, Lives(ledger.client, ledger.table))
        world.stream("1")
        world.go_live()
        yield world
