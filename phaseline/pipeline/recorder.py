"""Keeps what a pipeline execution did, once it has ended: one item each, in the ledger's table.

    pk            sk                    what it is
    executions    <started>#<id>        its sources and its actions with their times and results

CodePipeline forgets after a year, and tells all this only execution by execution. Written once for
an execution, it costs the same however many releases that carried
(docs/decisions/0010-steps-of-an-execution.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

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
END = "~"
"""Sorts behind whatever follows a time in a key."""


@dataclass(frozen=True)
class Carried:
    """The version of a document that an execution took; `revision` where S3 told CodePipeline."""

    version_id: str
    revision: int | None


@dataclass(frozen=True)
class Execution:
    """What one execution did. Times are ISO 8601, UTC, in milliseconds.

    `state` is CodePipeline's word; `updated` is when the newest of its `actions`, which are in the
    order of their start, changed its own. `commit` is the frontend's, `documents` are by type; they
    lack what the execution ended before.
    """

    id: str
    state: str
    started: str
    updated: str
    commit: str | None
    documents: Mapping[str, Carried]
    actions: tuple[Action, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens in it, unless somebody retries a stage."""
        return self.state in ENDED

    def carries(self, release: Release) -> bool:
        """Whether it took the document that holds `release`, or a later one."""
        taken = self.documents.get(release.type)
        if taken is None or release.document_version is None:
            return False
        if taken.revision is None or release.revision is None:
            return taken.version_id == release.document_version
        return taken.revision >= release.revision


@dataclass(frozen=True)
class Recorder:
    """Reads executions of one pipeline from CodePipeline, and keeps them in the ledger's table."""

    codepipeline: "CodePipelineClient"
    pipeline: str
    dynamodb: "DynamoDBClient"
    table: str

    def record(self, execution: str) -> Execution | None:
        """Keep what CodePipeline tells of an execution now; what it tells, None where that is
        nothing.

        An older state never replaces a newer one: a stage may be retried meanwhile, and events
        arrive in any order.
        """
        found = self.read(execution)
        if found is not None:
            self._write(found)
        return found

    def read(self, execution: str) -> Execution | None:
        """What CodePipeline tells of an execution now; None where none of its actions ever ran."""
        detail = self.codepipeline.get_pipeline_execution(
            pipelineName=self.pipeline, pipelineExecutionId=execution
        )["pipelineExecution"]
        details = actions.details(self.codepipeline, self.pipeline, execution)
        ran, taken = actions.ran(details), actions.taken(details)
        if not ran:
            return None
        summaries = {
            one["revisionId"]: one.get("revisionSummary", "")
            for one in detail.get("artifactRevisions", [])
            if "revisionId" in one
        }
        return Execution(
            id=execution,
            state=detail["status"],
            started=ran[0].started,
            updated=max(each.updated for each in ran),
            commit=taken.get(FRONTEND),
            documents={
                type_: Carried(version, in_summary(summaries.get(version, "")))
                for type_, action in SOURCES.items()
                if (version := taken.get(action))
            },
            actions=ran,
        )

    def _write(self, found: Execution) -> None:
        item = asdict(found)
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item={
                    "pk": {"S": "executions"},
                    "sk": {"S": f"{found.started}#{found.id}"},
                    **{name: serialize(value) for name, value in item.items() if value is not None},
                },
                # At the same time of the last action only an end may follow.
                ConditionExpression=(
                    "attribute_not_exists(pk) OR #updated < :updated"
                    " OR (#updated = :updated AND #state = :running)"
                ),
                ExpressionAttributeNames={"#updated": "updated", "#state": "state"},
                ExpressionAttributeValues={
                    ":updated": {"S": found.updated},
                    ":running": {"S": RUNNING},
                },
            )
        except ClientError as error:
            unless_condition_failed(error)

    def between(self, since: str, until: str) -> Iterator[Execution]:
        """The executions that are kept and started from `since` to `until`, oldest first."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :until",
            ExpressionAttributeValues={
                ":pk": {"S": "executions"},
                # A time in whole seconds stands before the milliseconds of that second so.
                ":since": {"S": since.removesuffix("Z")},
                ":until": {"S": until.removesuffix("Z") + END},
            },
            ConsistentRead=True,
        )
        return (_execution(plain(item)) for page in pages for item in page["Items"])


def _execution(item: Mapping[str, Any]) -> Execution:
    return Execution(
        id=item["id"],
        state=item["state"],
        started=item["started"],
        updated=item["updated"],
        commit=item.get("commit"),
        documents={
            type_: Carried(
                one["version_id"], None if one["revision"] is None else int(one["revision"])
            )
            for type_, one in item["documents"].items()
        },
        actions=tuple(Action(**each) for each in item["actions"]),
    )
