"""An environment whose table, documents, ledger and website a test brings apart."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from moto import mock_aws

from phaseline import archive
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.schema import Schema
from phaseline.algorithms.table import AlgorithmsTable
from phaseline.documents.commit import Commits
from phaseline.documents.store import Documents, Stored
from phaseline.drift.lost_versions import Repaired
from phaseline.drift.releases import ReleaseCheck
from phaseline.drift.repair import Repairs
from phaseline.drift.report import Report
from phaseline.errors import RemoteCallError
from phaseline.pipeline.executions import Executions
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.listener import Listener
from phaseline.promotion.request import Request
from phaseline.releases.ledger import Ledger
from phaseline.site import headers, manifests
from phaseline.site.bucket import Site
from phaseline.site.cdn import Cdn
from phaseline.site.live import Lives
from phaseline.site.manifests import ServedFile, ServedManifest
from phaseline.site.verdict import compare
from tests.builders.calls import Answer, Calls
from tests.builders.executions import summary
from tests.builders.site import METADATA, SITE, make_buckets, md5
from tests.builders.stores import make_table, never
from tests.events import stream_record

START = datetime(2026, 11, 25, 10, tzinfo=UTC)
PHASE = Schema().phase


class World:
    """One environment; `edge` is what visitors get by key, with `headers`. `settling` runs between
    two looks."""

    def __init__(self) -> None:
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        make_buckets(s3)
        s3.put_bucket_versioning(Bucket=METADATA, VersioningConfiguration={"Status": "Enabled"})
        make_table(dynamodb, "ledger")
        dynamodb.create_table(
            TableName="algorithms",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("algorithm", "version")
            ],
            KeySchema=[
                {"AttributeName": "algorithm", "KeyType": "HASH"},
                {"AttributeName": "version", "KeyType": "RANGE"},
            ],
        )
        self.s3, self.dynamodb = s3, dynamodb
        self.documents = Documents(s3, METADATA, "metadata/", never)
        self.documents.create_missing()
        self.ledger = Ledger(dynamodb, "ledger")
        self.registry = AlgorithmsTable(dynamodb, "algorithms", Schema())
        self.lives = Lives(dynamodb, "ledger")
        self.site = Site(s3, SITE, METADATA)
        self.edge: dict[str, bytes] = {}
        self.headers = {"content-type": "text/html", "cache-control": "max-age=60"}
        self.executions: list[dict[str, Any]] = []
        self.time = START
        self.promotes_from: str | None = None
        self.github_is_down = self.is_busy = False
        self.settling: Callable[[], None] = lambda: None
        self.looks = 0
        self._records = 0
        self.codepipeline, self.cloudfront = (
            boto3.client("codepipeline"), boto3.client("cloudfront"),
        )  # fmt: skip
        self.pipeline_calls = Calls(
            self.codepipeline,
            ListPipelineExecutions=lambda _: {"pipelineExecutionSummaries": self.executions},
            StartPipelineExecution=self._start,
        )
        self.cdn_calls = Calls(self.cloudfront, CreateInvalidation=self._invalidate)
        self.redeployed: list[dict[str, str]] = []

    @property
    def commits(self) -> Commits:
        return Commits(self.documents, self.ledger)

    # What teams and the stream do.

    def item(
        self, version: str, algorithm: str = "a", phase: str = PHASE, type_: str = "opt"
    ) -> None:
        """Write an item of the table, which the stream does not bring."""
        values = {"algorithm": algorithm, "version": version, "type": type_, "phase": phase}
        self.dynamodb.put_item(
            TableName="algorithms", Item={name: {"S": value} for name, value in values.items()}
        )

    def remove(self, version: str, algorithm: str = "a") -> None:
        """Remove an item of the table."""
        key = {"algorithm": {"S": algorithm}, "version": {"S": version}}
        self.dynamodb.delete_item(TableName="algorithms", Key=key)

    def stream(self, version: str, algorithm: str = "a", **fields: Any) -> None:
        """A version passes its tests, or leaves the phase, and the stream brings it."""
        self._records += 1
        phase = fields.get("phase", PHASE)
        self.item(version, algorithm, phase, fields.get("type_", "opt"))
        record = stream_record(self._records, algorithm=algorithm, version=version, **fields)
        self.intake.process([record], Schema())

    def batch(self, *versions: str) -> None:
        """Versions pass their tests, and the stream brings them together."""
        records = []
        for version in versions:
            self._records += 1
            self.item(version)
            records.append(stream_record(self._records, algorithm="a", version=version))
        self.intake.process(records, Schema())

    def records(self, *moves: tuple[str, str, str]) -> None:
        """The stream brings records together: each a version, its phase, and the one before."""
        records = []
        for version, phase, old_phase in moves:
            self._records += 1
            records.append(
                stream_record(
                    self._records, algorithm="a", version=version, phase=phase, old_phase=old_phase
                )
            )
        self.intake.process(records, Schema())

    @property
    def intake(self) -> Listener:
        def send(payload: Mapping[str, Any]) -> None:
            if self.github_is_down:
                raise RemoteCallError("GitHub", "it does not answer", "Wait.")

        return Listener(self.commits, send, lambda: self.at)

    @property
    def at(self) -> str:
        return f"{self.time:%Y-%m-%dT%H:%M:%SZ}"

    def ask(self, action: str, version: str | None = None, **fields: Any) -> Outcome:
        """A person asks for something."""
        known = {"type": "opt", "algorithms": ("a",), "at": self.at, "id": f"run {action}"}
        return carry_out(
            Request(action, reason="why", who="ana", version=version, **(known | fields)),
            commits=self.commits,
            sources=Sources(self.ledger, self.registry.tested, self.lives),
        )

    # What the pipeline does.

    def publish(self, *, verify: bool = True) -> None:
        """A build of the newest documents is published, and verified."""
        newest = {type_: self.documents.read(type_) for type_ in TYPES}
        files = {"index.html": json.dumps(self.versions(newest)).encode()}
        files[manifests.NAME] = self.manifest(newest)
        for key, data in files.items():
            self.put(key, data)
        self.edge |= files
        self.remember(newest, files)
        if verify:
            self.verify()

    def verify(self) -> None:
        """The open releases are seen by visitors."""
        manifest = self.fetch("")
        for type_ in TYPES:
            verdict = compare(manifest, list(self.ledger.open_releases(type_)))
            for releases, state in verdict.ends:
                for release in releases:
                    self.ledger.stamp(release, state, at=self.at, state=state)

    def put(self, key: str, data: bytes) -> None:
        """Put a file into the website's bucket."""
        self.s3.put_object(Bucket=SITE, Key=key, Body=data, ContentType="text/html")

    def manifest(self, newest: dict[str, Stored], **documents: Any) -> bytes:
        """The phaseline.json of a build of these documents, or of `documents` instead."""
        found = {
            type_: {
                "version_id": stored.version_id,
                "revision": stored.document.revision,
                "versions": self.versions(newest)[type_],
            }
            for type_, stored in newest.items()
        }
        body = {"schema": 1, "commit": "c0ffee", "execution": "e0", "documents": found | documents}
        return json.dumps(body).encode()

    @staticmethod
    def versions(newest: dict[str, Stored]) -> dict[str, dict[str, str]]:
        """The active versions by type and algorithm."""
        return {type_: stored.document.versions() for type_, stored in newest.items()}

    def remember(self, newest: dict[str, Stored], files: dict[str, bytes]) -> None:
        """Store what was published, as the website's bucket has it now."""
        state = {
            "keys": {key: md5(data) for key, data in files.items()},
            "documents": {
                type_: {"revision": stored.document.revision} for type_, stored in newest.items()
            },
            "execution": "e0",
            "publishing": None,
            "headers": {key: headers.served(self.headers).digest for key in files},
            "modified": {key: listed.modified for key, listed in self.site.listing().items()},
            "number": 1,
            "begun": 1,
            "lasting": [],
            "retained": {},
            "uploading": {},
        }
        self.s3.put_object(
            Bucket=METADATA, Key="state/published.json", Body=json.dumps(state).encode()
        )

    def run(self, id_: str, status: str) -> None:
        """An execution that the pipeline tells of."""
        self.executions.insert(0, summary(id_, status))

    def _start(self, _: dict[str, Any]) -> Answer:
        if self.is_busy:
            return "ConcurrentPipelineExecutionsLimitExceededException"
        self.run(f"started-{len(self.executions)}", "InProgress")
        return {"pipelineExecutionId": self.executions[0]["pipelineExecutionId"]}

    def _invalidate(self, asked: dict[str, Any]) -> Answer:
        """The edge forgets everything."""
        objects = self.s3.list_objects_v2(Bucket=SITE).get("Contents", [])
        keys = [item["Key"] for item in objects]
        self.edge = {key: self.s3.get_object(Bucket=SITE, Key=key)["Body"].read() for key in keys}
        invalidation = {
            "Id": "I1",
            "Status": "Completed",
            "CreateTime": self.time,
            "InvalidationBatch": asked["InvalidationBatch"],
        }
        return {"Invalidation": invalidation}

    # What somebody's hands do.

    def edit(self, **versions: str) -> str:
        """Write active versions of `opt` past Phaseline; the object's new version."""
        stored = self.documents.read("opt").document
        algorithms = {
            name: asdict(stored.algorithms[name]) | {"version": version}
            for name, version in versions.items()
        }
        body = asdict(stored)
        body["algorithms"] |= algorithms
        return self.upload(body)

    def put_back(self, version: str) -> None:
        """Copy an earlier version of the document `opt` over the newest."""
        key = "metadata/opt.zip"
        self.s3.copy_object(
            Bucket=METADATA,
            Key=key,
            CopySource={"Bucket": METADATA, "Key": key, "VersionId": version},
        )

    def upload(self, body: dict[str, Any]) -> str:
        """Store the JSON of a document `opt` as a person would; the object's new version."""
        data = archive.pack({"opt.json": json.dumps({"schema": 2} | body).encode()})
        answer = self.s3.put_object(Bucket=METADATA, Key="metadata/opt.zip", Body=data)
        return str(answer["VersionId"])

    # Looking and mending.

    def fetch(self, _: str) -> ServedManifest:
        """The manifest that visitors get."""
        if manifests.NAME not in self.edge:
            raise RemoteCallError("the website", "HTTP Error 404", "Open it in a browser.")
        return manifests.parse(self.edge[manifests.NAME], "the website")

    def fetch_file(self, _: str, key: str) -> ServedFile:
        """A file that visitors get."""
        if key not in self.edge:
            raise RemoteCallError(f"the website /{key}", "HTTP Error 404", "Open it in a browser.")
        return ServedFile(md5(self.edge[key]), self.headers)

    @property
    def check(self) -> ReleaseCheck:
        return ReleaseCheck(
            environment="demo",
            promotes_from=self.promotes_from,
            commits=self.commits,
            registry=self.registry,
            site=self.site,
            site_url="https://example.com",
            executions=Executions(
                self.codepipeline, "demo", lambda: 0.0, lambda _: None, patience=0
            ),
            now=lambda: self.time,
            sleep=self._sleep,
            fetch=self.fetch,
            fetch_file=self.fetch_file,
        )

    def _sleep(self, seconds: float) -> None:
        self.looks += 1
        self.time += timedelta(seconds=seconds)
        self.settling()

    def look(self) -> Report:
        """What two looks find."""
        return self.check.run()

    def found(self) -> dict[str, str]:
        """The kind of what is found, by subject and what."""
        report = self.look()
        assert not report.failures
        return {f"{one.subject}: {one.found}": one.kind for one in report.findings}

    def explained(self) -> dict[str, str]:
        """What explains differences, by subject; nothing is found."""
        report = self.look()
        assert (report.findings, report.failures) == ((), ())
        return {one.subject: one.sentence for one in report.explained}

    def mend(self, report: Report | None = None) -> tuple[Repaired, ...]:
        """Repair what a look finds."""

        def redeploy(target: Any) -> str:
            self.redeployed.append(dict(target))
            return "done"

        cdn = Cdn(self.cloudfront, "EDIST", never, lambda: 0.0)
        return Repairs(self.check, cdn, redeploy).carry_out(report or self.look())


@contextmanager
def new() -> Iterator[World]:
    """Nothing was released or published yet."""
    with mock_aws():
        yield World()


@contextmanager
def world() -> Iterator[World]:
    """Version 1 of opt/a is tested, active, served and verified."""
    with new() as made:
        made.stream("1")
        made.publish()
        yield made
