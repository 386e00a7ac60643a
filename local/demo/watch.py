"""Follows one release from the changed item to the website.

Reads only sources that people have: the ledger, the pipeline, CloudFront, the website and Slack.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from local.system import System, control, website
from local.waiting import until
from phaseline.documents.revision import in_summary
from phaseline.pipeline.executions import SOURCES
from phaseline.releases.release import OPEN, Release

ENDED = {"Succeeded", "Failed", "Stopped"}
"""The ends of an execution. After SUPERSEDED, a newer execution carries the release on."""
SUPERSEDED = "Superseded"


@dataclass(frozen=True)
class Step:
    """A step of a release, and the seconds since the item was changed."""

    name: str
    detail: str
    seconds: float
    failed: bool = False


@dataclass
class Watch:
    """The release of a version whose item was changed now. `seen` contains its steps by name."""

    system: System
    type: str
    algorithm: str
    version: str

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self.seen: dict[str, Step] = {}
        self._release: Release | None = None
        self._execution: dict[str, Any] = {}
        self._invalidations = self._invalidation_ids()
        self._messages = len(control.slack_messages(self.system))

    def steps(self) -> Iterator[Step]:
        """Yield each step when it happens.

        Ends when the release is served and announced, waits behind a hold, or has failed. Raises
        TimedOutError.
        """
        return (step for _, step in together([self]))

    def news(self) -> list[Step]:
        """Return the steps since the last call."""
        new = []
        for name, detail, failed in self._look():
            if name not in self.seen:
                seconds = time.monotonic() - self._started
                self.seen[name] = Step(name, detail, seconds, failed)
                new.append(self.seen[name])
        return new

    @property
    def release_id(self) -> str:
        """The ID of the release; empty before it is known."""
        return self._release.release_id if self._release else ""

    @property
    def is_over(self) -> bool:
        """True if no further step follows."""
        if self._execution.get("status") in {"Failed", "Stopped"}:
            return "slack" in self.seen
        return "hold" in self.seen or {"edge", "slack", "verified", "pipeline"} <= set(self.seen)

    def __str__(self) -> str:
        *_, last = ("nothing yet", *self.seen)
        return f"{self.algorithm} {self.version}: {last}"

    def _look(self) -> Iterator[tuple[str, str, bool]]:
        yield "item", f"{self.algorithm} {self.version}: its phase changed", False
        yield from self._look_at_ledger()
        if self._release is None:
            return
        yield from self._look_at_dispatches(self._release)
        yield from self._look_at_pipeline(self._release)
        for id_ in self._invalidation_ids() - self._invalidations:
            yield "invalidation", id_, False
        if website.versions(self.system, self.type).get(self.algorithm) == self.version:
            yield "edge", f"serves {self.version}", False
        yield from self._look_at_slack(self._release)

    def _look_at_ledger(self) -> Iterator[tuple[str, str, bool]]:
        document = self.system.document(self.type)
        for change in document.waiting():
            if (change.algorithm, change.version) == (self.algorithm, self.version):
                yield "listener", f"release {change.release_id}", False
                yield "hold", "it waits until the hold ends, or somebody resumes it", True
        newest = next(self.system.ledger.releases(self.type, self.algorithm), None)
        if newest is None or newest.version != self.version:
            return
        self._release = newest
        yield "listener", f"release {newest.release_id}", False
        yield "document", f"{self.type} revision {newest.revision}", False
        if newest.state != OPEN:
            yield newest.state, "the served manifest names it", False

    def _look_at_dispatches(self, release: Release) -> Iterator[tuple[str, str, bool]]:
        for dispatch in control.dispatches(self.system):
            if release.release_id in json.dumps(dispatch):
                yield "dispatch", "repository_dispatch received by GitHub", False

    def _look_at_slack(self, release: Release) -> Iterator[tuple[str, str, bool]]:
        """Return the step of the message whose last edit shows the result."""
        for message in control.slack_messages(self.system)[self._messages :]:
            ended = re.search(r"is live|failed|was superseded", message["text"])
            if ended and "thread_ts" not in message and release.release_id in json.dumps(message):
                yield "slack", message["text"], False

    def _look_at_pipeline(self, release: Release) -> Iterator[tuple[str, str, bool]]:
        pipeline = self.system.client("codepipeline")
        if not self._execution:
            listed = pipeline.list_pipeline_executions(pipelineName=self.system.pipeline)
            for execution in listed["pipelineExecutionSummaries"]:
                if execution["status"] != SUPERSEDED and _carries(execution, release):
                    self._execution = dict(execution)
        if not self._execution:
            return
        id_ = self._execution["pipelineExecutionId"]
        yield "execution", id_, False
        # Read before the actions, so that all actions of an ended execution have ended.
        found = pipeline.get_pipeline_execution(
            pipelineName=self.system.pipeline, pipelineExecutionId=id_
        )["pipelineExecution"]
        actions = pipeline.list_action_executions(
            pipelineName=self.system.pipeline, filter={"pipelineExecutionId": id_}
        )["actionExecutionDetails"]
        for action in reversed(actions):
            if action["status"] == "InProgress":
                continue
            duration = (action["lastUpdateTime"] - action["startTime"]).total_seconds()
            name = f"{action['stageName']}.{action['actionName']}"
            failed = action["status"] != "Succeeded"
            yield name, f"{action['status']} after {duration:.1f} s", failed
        self._execution = dict(found) if found["status"] != SUPERSEDED else {}
        if found["status"] in ENDED:
            yield "pipeline", found["status"], found["status"] != "Succeeded"

    def _invalidation_ids(self) -> set[str]:
        listed = self.system.client("cloudfront").list_invalidations(
            DistributionId=self.system.outputs["site"]["DistributionId"]
        )
        return {item["Id"] for item in listed["InvalidationList"].get("Items", [])}


def _carries(execution: Mapping[str, Any], release: Release) -> bool:
    """Return whether an execution took the release's document, or a later one."""
    return any(
        source["actionName"] == SOURCES[release.type]
        and (
            source["revisionId"] == release.document_version
            or (in_summary(source.get("revisionSummary", "")) or 0) >= (release.revision or 0)
        )
        for source in execution.get("sourceRevisions", [])
    )


def together(watches: Sequence[Watch]) -> Iterator[tuple[Watch, Step]]:
    """Yield the steps of several releases when they happen, until all are over.

    Raises TimedOutError.
    """
    going = list(watches)
    while going:
        yield from until(partial(_news, going), what=f"the next step of {len(going)} release(s)")
        going = [watch for watch in going if not watch.is_over]


def _news(watches: Sequence[Watch]) -> list[tuple[Watch, Step]]:
    return [(watch, step) for watch in watches for step in watch.news()]
