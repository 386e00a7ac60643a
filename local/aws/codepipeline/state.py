"""The state of the emulated CodePipeline: pipelines, executions and runs of actions."""

import datetime
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from local.aws.ministack.scope import ACCOUNT, REGION


def now() -> datetime.datetime:
    """Return the present time in UTC."""
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Artifact:
    """The location of an artifact, and the source revision from which it comes, if any."""

    name: str
    bucket: str
    key: str

    def location(self) -> dict[str, Any]:
        """The artifact in the form of jobs and action executions."""
        return {"bucket": self.bucket, "key": self.key}


@dataclass
class ActionRun:
    """One run of an action. A retry is another run."""

    stage: str
    action: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    started: datetime.datetime = field(default_factory=now)
    updated: datetime.datetime = field(default_factory=now)
    configuration: dict[str, str] = field(default_factory=dict)
    inputs: list[Artifact] = field(default_factory=list)
    outputs: list[Artifact] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    external_id: str | None = None
    external_url: str | None = None
    summary: str | None = None
    error: tuple[str, str] | None = None
    revision: dict[str, Any] | None = None

    def finish(self, status: str) -> None:
        """Record the end of the run."""
        self.status = status
        self.updated = now()


@dataclass
class Execution:
    """One execution, with the declaration of the pipeline at its start."""

    pipeline: str
    declaration: dict[str, Any]
    trigger: dict[str, str]
    overrides: list[dict[str, str]]
    variables: dict[str, str]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    status_summary: str | None = None
    started: datetime.datetime = field(default_factory=now)
    updated: datetime.datetime = field(default_factory=now)
    attempt: int = 1
    stop_reason: str | None = None
    abandoned: bool = False
    stages: dict[str, str] = field(default_factory=dict)
    runs: list[ActionRun] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def mode(self) -> str:
        """QUEUED, SUPERSEDED or PARALLEL."""
        return str(self.declaration.get("executionMode", "SUPERSEDED"))

    def latest_run(self, stage: str, action: str) -> ActionRun | None:
        """Return the newest run of an action, or None."""
        for run in reversed(self.runs):
            if run.stage == stage and run.action["name"] == action:
                return run
        return None

    def finish(self, status: str) -> None:
        """Record the end of the execution."""
        self.status = status
        self.updated = now()


@dataclass
class Gate:
    """The entry of a stage: the execution inside, those that wait in the order of their arrival,
    the last one inside, and the state of the transition."""

    holder: str | None = None
    waiting: list[str] = field(default_factory=list)
    latest: str | None = None
    transition: dict[str, Any] = field(default_factory=lambda: {"enabled": True})


@dataclass
class Pipeline:
    """A declared pipeline with its executions."""

    declaration: dict[str, Any]
    created: datetime.datetime = field(default_factory=now)
    updated: datetime.datetime = field(default_factory=now)
    versions: dict[int, dict[str, Any]] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.declaration["name"])

    @property
    def arn(self) -> str:
        return f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{self.name}"

    def gate(self, stage: str) -> Gate:
        """Return the gate of a stage. It is created when it is first used."""
        return self.gates.setdefault(stage, Gate())


@dataclass
class Store:
    """All pipelines. `changed` guards every entry, and notifies threads that wait for a change."""

    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=lambda: threading.Condition())
