"""The pipeline's executions: ensure that one carries a document's version, and follow it.

EventBridge starts an execution for each version of a document. So one is looked for first, for as
long as that event may take, and only then started: with the version pinned, and with a token that
is the same for everybody who finds the same situation, so that two at once start one.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from typing import TYPE_CHECKING
from urllib.parse import quote

from phaseline.documents.revision import in_summary
from phaseline.errors import DeploymentError, RemoteCallError, TimedOutError
from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import (
        PipelineExecutionTypeDef,
        SourceRevisionOverrideTypeDef,
    )

CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://console.amazonaws.cn",
    "aws-us-gov": "https://console.amazonaws-us-gov.com",
}
SOURCES: Mapping[str, str] = {"in": "In", "opt": "Opt", "out": "Out"}
"""The source action of each type's document."""
LOOKED_AT = 100
"""Newest executions that are looked at: 50 may be under way at a time.
https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
"""
EVENT_PATIENCE = 30.0
"""Seconds that EventBridge is given to start an execution, and that to show what it carries."""
APPEARANCE = 15.0
"""Seconds within which an execution that was just started can be asked for."""
RUNNING = "InProgress"
SUCCEEDED = "Succeeded"
ENDED = {SUCCEEDED, "Failed", "Stopped", "Superseded", "Cancelled"}
BUSY = ("ConflictException", "ConcurrentPipelineExecutionsLimitExceededException")


@dataclass(frozen=True)
class Execution:
    """One execution; `revisions` names what each source action took, once it has, and `documents`
    has the revision of each document that says it to CodePipeline."""

    id: str
    status: str
    revisions: Mapping[str, str]
    started: datetime | None
    documents: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Adopted:
    """An execution that does what is wanted; `done` where nothing is left to follow."""

    execution: str
    done: bool


@dataclass(frozen=True)
class Missing:
    """No execution does what is wanted. `token` starts one, `expected` is set where the event
    that starts one may be on its way."""

    token: str
    expected: bool


@dataclass(frozen=True)
class Ensured:
    """The execution that carries a version; `started` here, or `done` before."""

    execution: str
    started: bool
    done: bool


def decide(
    action: str, version: str, executions: Sequence[Execution], covered_by: str | None
) -> Adopted | Missing:
    """Which of `executions` (newest first) carries `version` of the source `action`.

    `covered_by` is the execution whose verified publication shows this version or a later one.
    One that failed or was stopped is no help; another is started, once for each such end.
    """
    carrying = [found for found in executions if found.revisions.get(action) == version]
    succeeded = [found for found in carrying if found.status == SUCCEEDED]
    running = [found for found in carrying if found.status == RUNNING]
    if succeeded:
        return Adopted(succeeded[0].id, done=True)
    if covered_by is not None:
        return Adopted(covered_by, done=True)
    if running:
        return Adopted(running[-1].id, done=False)
    ends = sorted(found.id for found in carrying)
    digest = hashlib.sha256(" ".join([action, version, *ends]).encode()).hexdigest()
    return Missing(f"phaseline-{digest[:32]}", expected=not carrying)


@dataclass(frozen=True)
class Executions:
    """The executions of one pipeline. `clock` counts seconds, `sleep` waits for some; `polls` are
    the pauses between two looks, the last one for good."""

    client: "CodePipelineClient"
    pipeline: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    polls: Sequence[float] = (0.5, 1.0, 2.0, 3.0)
    patience: float = EVENT_PATIENCE

    def newest(self) -> list[Execution]:
        """The newest executions, newest first."""
        pages = self.client.get_paginator("list_pipeline_executions").paginate(
            pipelineName=self.pipeline, PaginationConfig={"MaxItems": LOOKED_AT}
        )
        return [
            Execution(
                id=found["pipelineExecutionId"],
                status=found["status"],
                revisions={
                    one["actionName"]: one["revisionId"]
                    for one in found.get("sourceRevisions", [])
                    if "revisionId" in one
                },
                started=found.get("startTime"),
                documents={
                    one["actionName"]: revision
                    for one in found.get("sourceRevisions", [])
                    if (revision := in_summary(one.get("revisionSummary", ""))) is not None
                },
            )
            for page in pages
            for found in page["pipelineExecutionSummaries"]
        ]

    def look(
        self, type_: str, version: str, covered_by: Callable[[], str | None]
    ) -> Adopted | Missing:
        """What there is now for `version` of a type's document, or what would start it."""
        return decide(SOURCES[type_], version, self.newest(), covered_by())

    def ensure(self, type_: str, version: str, covered_by: Callable[[], str | None]) -> Ensured:
        """The execution that takes `version` of a type's document to the website.

        Raises RemoteCallError where the pipeline takes no execution now.
        """
        until, pauses = self.clock() + self.patience, self._pauses()
        while isinstance(found := self.look(type_, version, covered_by), Missing):
            pause = next(pauses)
            if not found.expected or self.clock() + pause > until:
                break
            self.sleep(pause)
        if isinstance(found, Adopted):
            return Ensured(found.execution, started=False, done=found.done)
        pinned: SourceRevisionOverrideTypeDef = {
            "actionName": SOURCES[type_],
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": version,
        }
        return Ensured(self.start(found.token, [pinned]), started=True, done=False)

    def start(self, token: str, revisions: "Sequence[SourceRevisionOverrideTypeDef]" = ()) -> str:
        """Start an execution, or return the one that `token` started; its id.

        Sources without one of `revisions` take their newest. Raises RemoteCallError while the
        pipeline is busy.
        """
        try:
            answer = self.client.start_pipeline_execution(
                name=self.pipeline, clientRequestToken=token, sourceRevisions=list(revisions)
            )
        except self.client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in BUSY:
                raise
            raise RemoteCallError(
                f"pipeline {self.pipeline}",
                f"it is busy and takes no execution now ({code})",
                "Run this again in some minutes: it is safe.",
            ) from error
        return answer["pipelineExecutionId"]

    def follow(self, execution: str, *, limit: float) -> Iterator[Action]:
        """Each action of `execution` as it starts and ends, until the execution has succeeded.

        Raises DeploymentError, with stage, action, reason and log, where it ended otherwise, and
        TimedOutError after `limit` seconds.
        """
        started = self.clock()
        seen: dict[str, str] = {}
        for pause in self._pauses():
            found = self._find(execution, patient=self.clock() - started < APPEARANCE)
            details = actions.details(self.client, self.pipeline, execution) if found else []
            for detail in reversed(details):
                if seen.get(detail["actionExecutionId"]) != detail["status"]:
                    seen[detail["actionExecutionId"]] = detail["status"]
                    yield actions.read(detail)
            if found and found["status"] in ENDED:
                self._judge(found, actions.newest_failure(details))
                return
            if self.clock() + pause - started > limit:
                newest = details[0]["actionName"] if details else "none"
                raise TimedOutError(
                    f"pipeline {self.pipeline}, execution {execution}",
                    f"its end was not seen within {limit:.0f} seconds; its newest action is"
                    f" {newest}",
                    "It goes on by itself. Run this again: it goes on following it.",
                )
            self.sleep(pause)

    def url(self, execution: str) -> str:
        """The console's page of an execution."""
        meta = self.client.meta
        return execution_url(
            partition=meta.partition,
            region=meta.region_name,
            pipeline=self.pipeline,
            execution=execution,
        )

    def _pauses(self) -> Iterator[float]:
        return chain(self.polls, repeat(self.polls[-1]))

    def _find(self, execution: str, *, patient: bool) -> "PipelineExecutionTypeDef | None":
        """The execution; None while it may be too new to be found."""
        try:
            answer = self.client.get_pipeline_execution(
                pipelineName=self.pipeline, pipelineExecutionId=execution
            )
        except self.client.exceptions.PipelineExecutionNotFoundException:
            if patient:
                return None
            raise
        return answer["pipelineExecution"]

    def _judge(self, found: "PipelineExecutionTypeDef", failure: Action | None) -> None:
        """Raise DeploymentError unless the execution ended well."""
        status = found["status"]
        if status == SUCCEEDED:
            return
        where = f"pipeline {self.pipeline}, execution {found['pipelineExecutionId']}"
        if status == "Failed" and failure:
            log = f"Its log is {failure.link}. " if failure.link else ""
            raise DeploymentError(
                where,
                f"{failure.stage} / {failure.action} failed: {str(failure.reason).rstrip('.')}",
                f"{log}Correct the cause, then run this again.",
            )
        summary = found.get("statusSummary", "").rstrip(".")
        raise DeploymentError(
            where,
            f"it ended as {status}: {summary or 'no reason was given'}",
            "Run this again: it goes on with a newer execution, or starts one.",
        )


def execution_url(*, partition: str, region: str, pipeline: str, execution: str) -> str:
    """The console's page of an execution, in the partition's own console."""
    console = CONSOLES.get(partition, CONSOLES["aws"]).format(region=region)
    return (
        f"{console}/codesuite/codepipeline/pipelines/{quote(pipeline)}"
        f"/executions/{quote(execution)}/timeline?region={region}"
    )
