"""Stores each pipeline execution that has ended as one item of the ledger's table.

    pk            sk                    content
    executions    <started>#<id>        the sources, and the actions with their times and results

CodePipeline deletes its history after a year, and lists actions only for one execution at a time.
An item for each execution costs the same for any number of releases
(docs/decisions/0010-steps-of-an-execution.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline import times
from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed
from phaseline.documents.revision import in_summary
from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from phaseline.pipeline.executions import ENDED, RUNNING, SOURCES
from phaseline.releases.release import Release

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_dynamodb import DynamoDBClient

FRONTEND = "Frontend"
"""The source action of the frontend's repository."""
NEWEST_PAGE = 25
"""The page size of a query whose callers need the newest executions, which have about 4 KB each."""


@dataclass(frozen=True)
class Carried:
    """The version of a document in an execution. `revision` is None if CodePipeline lacks it."""

    version_id: str
    revision: int | None


@dataclass(frozen=True)
class RecordedExecution:
    """One execution that has ended. Times are ISO 8601, UTC, in milliseconds.

    `state` is the status in CodePipeline. `actions` are in the order of their start, and `updated`
    is the time of their last change. `commit` is that of the frontend, and `documents` are by type.
    A source that did not run is missing.
    """

    id: str
    state: str
    started: str
    updated: str
    commit: str | None
    documents: Mapping[str, Carried]
    actions: tuple[Action, ...]

    @property
    def key(self) -> str:
        """The sort key in the ledger's table, which orders executions by their start."""
        return f"{self.started}#{self.id}"

    @property
    def has_ended(self) -> bool:
        """Whether it has ended. A retry of a stage continues it."""
        return self.state in ENDED

    def carries(self, release: Release) -> bool:
        """Return whether it has the document of `release`, or a later one."""
        document = self.documents.get(release.type)
        if document is None or release.document_version is None:
            return False
        if document.revision is None or release.revision is None:
            return document.version_id == release.document_version
        return document.revision >= release.revision


@dataclass(frozen=True)
class Recorder:
    """Reads the executions of one pipeline, and stores them in the ledger's table."""

    codepipeline: "CodePipelineClient"
    pipeline: str
    dynamodb: "DynamoDBClient"
    table: str

    def record(self, execution: str) -> RecordedExecution | None:
        """Store the current state of an execution, and return it. Return None if no action ran.

        An older state never replaces a newer one, because a stage may be retried meanwhile, and
        events arrive in any order.
        """
        state = self.read(execution)
        if state is not None:
            self._write(state)
        return state

    def read(self, execution: str) -> RecordedExecution | None:
        """Return the current state of an execution from CodePipeline, or None if no action ran."""
        detail = self.codepipeline.get_pipeline_execution(
            pipelineName=self.pipeline, pipelineExecutionId=execution
        )["pipelineExecution"]
        details = actions.details(self.codepipeline, self.pipeline, execution)
        ran, taken = actions.ran(details), actions.taken(details)
        if not ran:
            return None
        summaries = {
            source["revisionId"]: source.get("revisionSummary", "")
            for source in detail.get("artifactRevisions", [])
            if "revisionId" in source
        }
        return RecordedExecution(
            id=execution,
            state=detail["status"],
            started=ran[0].started,
            updated=max(run.updated for run in ran),
            commit=taken.get(FRONTEND),
            documents={
                type_: Carried(version, in_summary(summaries.get(version, "")))
                for type_, action in SOURCES.items()
                if (version := taken.get(action))
            },
            actions=ran,
        )

    def _write(self, execution: RecordedExecution) -> None:
        item = asdict(execution)
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item={
                    "pk": {"S": "executions"},
                    "sk": {"S": execution.key},
                    **{name: serialize(value) for name, value in item.items() if value is not None},
                },
                # If no action changed since, only the end of the execution is newer.
                ConditionExpression=(
                    "attribute_not_exists(pk) OR #updated < :updated"
                    " OR (#updated = :updated AND #state = :running)"
                ),
                ExpressionAttributeNames={"#updated": "updated", "#state": "state"},
                ExpressionAttributeValues={
                    ":updated": {"S": execution.updated},
                    ":running": {"S": RUNNING},
                },
            )
        except ClientError as error:
            unless_condition_failed(error)

    def newest(self, *, before: str | None = None) -> Iterator[RecordedExecution]:
        """Return the stored executions, newest first; only those whose `key` is before `before`."""
        last = {":before": {"S": before}} if before else {}
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk < :before" if before else "pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "executions"}, **last},
            ScanIndexForward=False,
            ConsistentRead=True,
            PaginationConfig={"PageSize": NEWEST_PAGE},
        )
        return (_execution(plain(item)) for page in pages for item in page["Items"])

    def between(self, since: str, until: str) -> Iterator[RecordedExecution]:
        """Return the stored executions that started from `since` to `until`, oldest first."""
        first, last = times.bounds(since, until)
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :until",
            ExpressionAttributeValues={
                ":pk": {"S": "executions"},
                ":since": {"S": first},
                ":until": {"S": last},
            },
            ConsistentRead=True,
        )
        return (_execution(plain(item)) for page in pages for item in page["Items"])


def _execution(item: Mapping[str, Any]) -> RecordedExecution:
    return RecordedExecution(
        id=item["id"],
        state=item["state"],
        started=item["started"],
        updated=item["updated"],
        commit=item.get("commit"),
        documents={
            type_: Carried(
                document["version_id"],
                None if document["revision"] is None else int(document["revision"]),
            )
            for type_, document in item["documents"].items()
        },
        actions=tuple(Action(**action) for action in item["actions"]),
    )
