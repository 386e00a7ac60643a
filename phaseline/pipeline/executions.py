"""The executions of the pipeline: the newest ones, the start of one, and its page.

`phaseline.pipeline.ensure` finds or starts the one that carries a document, and
`phaseline.pipeline.follow` follows one to its end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from phaseline.documents.revision import in_summary
from phaseline.errors import RemoteCallError

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import (
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
class Executions:
    """The executions of one pipeline. `clock` counts seconds and `sleep` waits; `polls` are the
    pauses between two looks in seconds, the last one for good. `patience` is how many seconds
    EventBridge is given to start an execution, and that execution to show what it carries."""

    client: "CodePipelineClient"
    pipeline: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    polls: Sequence[float] = (0.5, 1.0, 2.0, 3.0)
    patience: float = 30.0

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

    def url(self, execution: str) -> str:
        """The console's page of an execution."""
        meta = self.client.meta
        return execution_url(
            partition=meta.partition,
            region=meta.region_name,
            pipeline=self.pipeline,
            execution=execution,
        )


def execution_url(*, partition: str, region: str, pipeline: str, execution: str) -> str:
    """The console's page of an execution, in the partition's own console."""
    console = CONSOLES.get(partition, CONSOLES["aws"]).format(region=region)
    return (
        f"{console}/codesuite/codepipeline/pipelines/{quote(pipeline)}"
        f"/executions/{quote(execution)}/timeline?region={region}"
    )
