"""Lists and starts executions of the pipeline, and links to their pages in the console.

`phaseline.pipeline.carrier` finds or starts the execution that carries a document, and
`phaseline.pipeline.follow` follows an execution to its end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from phaseline.documents.revision import in_summary
from phaseline.errors import RefusedError, RemoteCallError

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient

CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://console.amazonaws.cn",
    "aws-us-gov": "https://console.amazonaws-us-gov.com",
}
SOURCES: Mapping[str, str] = {"in": "In", "opt": "Opt", "out": "Out"}
"""The source action of each type's document."""
LOOKED_AT = 300
"""The most executions that are read, the newest first, 100 with each call. Two may be in progress
for each stage: one in it, and one that waits for it. The others have ended; of a burst of changes,
most were superseded while one build ran."""
RUNNING = "InProgress"
SUCCEEDED = "Succeeded"
SUPERSEDED = "Superseded"
"""The status of an execution that waited for a stage, and that a newer execution overtook."""
ENDED = {SUCCEEDED, SUPERSEDED, "Failed", "Stopped", "Cancelled"}
BUSY = ("ConflictException", "ConcurrentPipelineExecutionsLimitExceededException")

STOPPED = {
    "DuplicatedStopRequestException": "it stops already",
    "PipelineExecutionNotStoppableException": "it has ended",
}
"""Why CodePipeline refuses to stop an execution.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StopPipelineExecution.html
"""
STOP_REASON_LIMIT = 200
"""Characters of the reason of a stop, which CodePipeline limits."""


@dataclass(frozen=True)
class Execution:
    """One execution of the pipeline.

    `revisions` has the commit or S3 version ID of each source action that has ended. `documents`
    has the revision number of a document, if its object's metadata told it to CodePipeline.
    """

    id: str
    status: str
    revisions: Mapping[str, str]
    started: datetime | None
    documents: Mapping[str, int] = field(default_factory=dict)

    def carries(self, action: str, version: str | None, revision: int) -> bool:
        """Return whether the source `action` took this version of its document, or a later one.

        `revision` is that of the version.
        """
        if self.documents.get(action, -1) >= revision:
            return True
        return version is not None and self.revisions.get(action) == version


@dataclass(frozen=True)
class Executions:
    """The executions of one pipeline.

    `polls` are the pauses between two calls in seconds. The last one is repeated. `patience` is the
    time in seconds in which EventBridge starts an execution, and its sources list their revisions.
    """

    client: "CodePipelineClient"
    pipeline: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    polls: Sequence[float] = (0.5, 1.0, 2.0, 3.0)
    patience: float = 30.0

    def newest(self) -> list[Execution]:
        """Return the newest executions, newest first."""
        pages = self.client.get_paginator("list_pipeline_executions").paginate(
            pipelineName=self.pipeline, PaginationConfig={"MaxItems": LOOKED_AT}
        )
        return [
            Execution(
                id=summary["pipelineExecutionId"],
                status=summary["status"],
                revisions={
                    source["actionName"]: source["revisionId"]
                    for source in summary.get("sourceRevisions", [])
                    if "revisionId" in source
                },
                started=summary.get("startTime"),
                documents={
                    source["actionName"]: revision
                    for source in summary.get("sourceRevisions", [])
                    if (revision := in_summary(source.get("revisionSummary", ""))) is not None
                },
            )
            for page in pages
            for summary in page["pipelineExecutionSummaries"]
        ]

    def start(self, token: str) -> str:
        """Start an execution of the newest commit and documents, and return its ID.

        The same `token` starts no second execution. Raises RemoteCallError while the pipeline is
        busy.
        """
        try:
            answer = self.client.start_pipeline_execution(
                name=self.pipeline, clientRequestToken=token
            )
        except self.client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in BUSY:
                raise
            raise RemoteCallError(
                f"pipeline {self.pipeline}",
                f"it is busy and accepts no execution now ({code})",
                "Run this again in some minutes. That is safe.",
            ) from error
        return answer["pipelineExecutionId"]

    def stop(self, execution: str, *, abandon: bool, reason: str) -> None:
        """Stop an execution: at once, if it is to `abandon` actions that run, else after them.

        Raises RefusedError if it has ended or is about to stop in this way.
        """
        try:
            self.client.stop_pipeline_execution(
                pipelineName=self.pipeline,
                pipelineExecutionId=execution,
                abandon=abandon,
                reason=reason[:STOP_REASON_LIMIT],
            )
        except self.client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in STOPPED:
                raise
            raise RefusedError(
                f"pipeline {self.pipeline}, execution {execution}",
                f"it can't be stopped: {STOPPED[code]}",
                "Nothing was changed. phaseline status shows its state.",
            ) from error

    def url(self, execution: str) -> str:
        """Return the address of an execution's page in the console."""
        meta = self.client.meta
        return execution_url(
            partition=meta.partition,
            region=meta.region_name,
            pipeline=self.pipeline,
            execution=execution,
        )


def execution_url(*, partition: str, region: str, pipeline: str, execution: str) -> str:
    """Return the address of an execution's page in the console of its partition."""
    console = CONSOLES.get(partition, CONSOLES["aws"]).format(region=region)
    return (
        f"{console}/codesuite/codepipeline/pipelines/{quote(pipeline)}"
        f"/executions/{quote(execution)}/timeline?region={region}"
    )
