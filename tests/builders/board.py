"""An environment with a month of history, for the board, as the system would have written it."""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_httpserver import HTTPServer

from phaseline import times
from phaseline.algorithms.changes import Change
from phaseline.algorithms.names import TYPES
from phaseline.aws.dynamodb import serialize
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from phaseline.pipeline import actions
from phaseline.pipeline.recorder import Carried, RecordedExecution
from phaseline.releases.release import OPEN, VERIFIED, WAITING, Release, Step
from phaseline.site.live import Live, LiveDocument
from scripts.board.reader import Reader
from scripts.services import Services
from tests.builders.calls import Calls
from tests.builders.environments import DEMO
from tests.builders.pipeline import BEGIN, Pipeline, detail, source
from tests.builders.services import empty
from tests.builders.stores import rewrite

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
ANA = "arn:aws:sts::111122223333:assumed-role/release/ana"
RUN = "https://github.com/acme/automation/actions/runs/11223344"
ALGORITHMS = (
    "in/lane-camera", "in/radar-fusion", "in/sign-reader", "opt/brake-assist", "opt/lane-change",
    "opt/route-planner", "opt/speed-profile", "out/cockpit-voice", "out/driver-report",
)  # fmt: skip
TABLE, MEASURED = "its phase was set to PACKAGE_TESTS_COMPLETE", "Measured again on wet roads"
RUNNING = "99999999-0000-4000-8000-000000000000"


def ago(**distance: float) -> str:
    """A time so long before NOW (ISO 8601, UTC, whole seconds)."""
    return times.second(NOW - timedelta(**distance))


class Story:
    """Writes what happened to an environment. Each release has an execution and a publication."""

    def __init__(self, services: Services) -> None:
        self.services, self.number = services, 0
        self.stored = {type_: services.documents.read(type_) for type_ in TYPES}

    def release(
        self,
        subject: str,
        version: str | None,
        at: datetime,
        *,
        action: str = "promote",
        who: str | None = None,
        reason: str = TABLE,
        build: float = 40,
        waited: float = 0,
        fails: bool = False,
        state: str = VERIFIED,
    ) -> Release:
        """Make a version active at a time, build it, and publish it unless the build fails.

        `build` is its duration in seconds, and `waited` those between request and document.
        """
        self.number += 1
        type_, _, name = subject.partition("/")
        made = Release(
            release_id=f"{type_}-{name}-{version or 'none'}-{self.number:08x}",
            type=type_,
            algorithm=name,
            version=version,
            action=action,
            previous=self.stored[type_].document.version(name),
            requested_at=times.second(at),
            sequence=str(self.number),
            reason=reason,
            who=who,
            display={"summary": f"{name} {version}"},
            run_url=RUN if who else None,
        )
        stored_at = at + timedelta(seconds=2 + waited)
        recorded = self._write(made, times.second(stored_at), waited=waited > 0)
        begun = stored_at + timedelta(seconds=4)
        if state == OPEN:
            return recorded
        if fails:
            begun = self._execute(begun, build / 2, failed=True) + timedelta(minutes=9)
        verified = self._execute(begun, build)
        end = times.second(verified)
        ledger = self.services.ledger
        ledger.stamp(recorded, state, at=end, link=DEMO.site_url, state=state)
        return recorded

    def _write(self, made: Release, at: str, *, waited: bool) -> Release:
        entry = Entry(
            made.version, made.display, made.release_id, "", made.sequence, made.requested_at,
            made.who, made.previous,
        )  # fmt: skip
        part = "algorithms" if made.version else "withdrawn"

        def change(document: Document) -> Document:
            left = {k: v for k, v in document.algorithms.items() if k != made.algorithm}
            parts: dict[str, Any] = {"algorithms": left}
            return document.revise(
                **parts | {part: {**parts.get(part, document.withdrawn), made.algorithm: entry}}
            )

        before = self.stored[made.type]
        stored = self.services.documents.write(change(before.document), over=before)
        assert stored
        self.stored[made.type] = stored
        recorded = replace(
            made,
            document_version=stored.version_id,
            revision=stored.document.revision,
            steps={WAITING: Step(at)} if waited else {},
        )
        self.services.ledger.record([recorded], at=at)
        return recorded

    def _execute(self, begun: datetime, build: float, *, failed: bool = False) -> datetime:
        """Record an execution of the present documents, and their publication unless it fails."""
        self.number += 1
        execution = executed(begun, build, self._carried(), self.number, failed=failed)
        item = {name: serialize(value) for name, value in asdict(execution).items()}
        key = {"pk": {"S": "executions"}, "sk": {"S": execution.key}}
        ledger = self.services.ledger
        ledger.client.put_item(TableName=ledger.table, Item={**key, **item})
        documents = {
            type_: LiveDocument(carried.version_id, carried.revision or 0)
            for type_, carried in self._carried().items()
        }
        if not failed:
            at = execution.updated
            self.services.lives.record(Live(self.number, at, execution.id, "c0ffee0", documents))
        return times.parse(execution.updated, "an execution")

    def _carried(self) -> Mapping[str, Carried]:
        return {
            type_: Carried(stored.version_id, stored.document.revision)
            for type_, stored in self.stored.items()
        }


def executed(
    begun: datetime,
    build: float,
    documents: Mapping[str, Carried],
    number: int,
    *,
    failed: bool = False,
) -> RecordedExecution:
    """An execution whose build took so many seconds, or failed after them."""
    start = (begun - BEGIN).total_seconds()
    end = start + 3 + build
    error = {"errorDetails": {"message": "npm ERR! Cannot find module './route-planner.json'"}}
    link = "https://us-east-1.console.aws.amazon.com/codesuite/codebuild/demo"
    ran = [
        source("Frontend", start),
        source("Opt", start),
        detail("Build", "Build", start + 3, end, "Failed" if failed else "Succeeded",
               externalExecutionUrl=link, **(error if failed else {})),
    ]  # fmt: skip
    if not failed:
        ran += [
            detail("Publish", "Publish", end + 1, end + 6),
            detail("Announce", "Notify", end + 6, end + 7),
            detail("Announce", "Invalidate", end + 6, end + 21),
            detail("Verify", "Verify", end + 22, end + 29),
        ]
    told: Any = ran[::-1]
    made = actions.ran(told)
    return RecordedExecution(
        id=f"{number:08x}-1111-4222-8333-444455556666",
        state="Failed" if failed else "Succeeded",
        started=made[0].started,
        updated=made[-1].updated,
        commit="c0ffee0c0ffee0c0ffee0c0ffee0c0ffee0c0ffe",
        documents=documents,
        actions=made,
    )


def tell(services: Services) -> None:
    """Write a month: about two releases a day, some of which fail, wait or are rolled back."""
    story, chance = Story(services), random.Random(7)
    versions = dict.fromkeys(ALGORITHMS, 0)
    for day in range(27, 0, -1):
        for _ in range(chance.choice((0, 1, 1, 2, 2, 3))):
            subject = chance.choice(ALGORITHMS)
            versions[subject] += 1
            at = NOW - timedelta(days=day, minutes=chance.randrange(360))
            who = chance.choice((None, None, None, "ben", ANA))
            story.release(
                subject,
                f"1.{versions[subject]}.0",
                at,
                who=who,
                reason=MEASURED if who else TABLE,
                build=chance.choice((35, 38, 41, 60, 95)),
                waited=chance.choice((0, 0, 0, 0, 5400, 40_000)),
                fails=chance.random() < 0.12,
            )
    story.release("opt/brake-assist", "2.0.0", NOW - timedelta(hours=5))
    story.release(
        "opt/brake-assist", "1.9.0", NOW - timedelta(hours=4), action="rollback", who=ANA,
        reason="Braking is late on wet roads, see the incident of this morning",
    )  # fmt: skip
    story.release("in/lane-camera", "3.0.0", NOW - timedelta(minutes=50))
    story.release("opt/route-planner", "3.1.0", NOW - timedelta(seconds=40), state=OPEN)
    hold(services, "opt", "brake-assist", "Until the incident is understood", ANA)
    mark(services, "opt", "brake-assist", "2.0.0", ANA)
    wait_behind(services, "opt", "brake-assist", "2.0.1")


def hold(services: Services, type_: str, name: str, reason: str, who: str) -> None:
    """Put an algorithm on hold."""
    held = Hold(reason, who, ago(hours=4))
    rewrite(services.documents, type_, lambda document: document.revise(
        holds={**document.holds, name: held}
    ))  # fmt: skip


def mark(services: Services, type_: str, name: str, version: str, who: str) -> None:
    """Mark a version as bad."""
    bad = Mark("Braking is late on wet roads", who, ago(hours=4))
    rewrite(services.documents, type_, lambda document: document.revise(
        bad={**document.bad, name: {**document.bad.get(name, {}), version: bad}}
    ))  # fmt: skip


def wait_behind(services: Services, type_: str, name: str, version: str) -> None:
    """Let a version wait behind the hold of its algorithm."""
    change = Change("promote", type_, name, version, {}, "t/2026", "9", ago(hours=1))

    def add(document: Document) -> Document:
        held = document.holds[name]
        longer = replace(held, waiting=(*held.waiting, change))
        return document.revise(holds={**document.holds, name: longer})

    rewrite(services.documents, type_, add)


def serve(services: Services, server: HTTPServer) -> None:
    """Let the website serve the manifest of the newest publication."""
    live = services.lives.newest()
    assert live
    documents = {
        type_: {
            "version_id": document.version_id,
            "revision": document.revision,
            "versions": services.documents.read_version(type_, document.version_id)
            .document.versions(),
        }
        for type_, document in live.documents.items()
    }  # fmt: skip
    body = {"schema": 1, "commit": live.commit, "execution": live.execution, "documents": documents}
    server.expect_request("/phaseline.json").respond_with_data(json.dumps(body))


@contextmanager
def environment(server: HTTPServer) -> Iterator[Services]:
    """An environment without releases, whose website `server` is."""
    site_url = server.url_for("").rstrip("/")
    with empty(replace(DEMO, name="production", site_url=site_url)) as services:
        pipeline = Pipeline("Succeeded", [])
        vars(services)["codepipeline"] = pipeline.client
        summary = {"pipelineExecutionId": RUNNING, "status": "InProgress", "startTime": NOW}
        answer = {"pipelineExecutionSummaries": [summary]}
        Calls(pipeline.client, ListPipelineExecutions=lambda _: answer)
        yield services


def reader_of(services: Services) -> Reader:
    """A reader whose time is NOW."""
    return Reader(services, now=lambda: times.second(NOW))
