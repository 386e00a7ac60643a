"""Queries of the history, with a ledger and documents that the tests write."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from phaseline.algorithms.names import TYPES
from phaseline.documents.document import Document
from phaseline.documents.entry import Entry
from phaseline.documents.merge import Merged
from phaseline.releases.release import VERIFIED, Release, RequestRecord
from phaseline.site.live import Live, LiveDocument
from phaseline.slack import message_record
from scripts.cli.text import render
from scripts.history.changes import changes
from scripts.history.live import live_at
from scripts.history.newest import newest
from scripts.history.release_steps import release_steps
from scripts.services import Services
from tests.builders.calls import Calls
from tests.builders.executions import E1
from tests.builders.pipeline import BEGIN, Pipeline, at, detail, source
from tests.builders.services import empty
from tests.builders.stores import rewrite


@pytest.fixture
def pipeline() -> Pipeline:
    """A pipeline without executions."""
    return Pipeline("Succeeded", [])


@pytest.fixture
def services(pipeline: Pipeline) -> Iterator[Services]:
    """An environment whose first documents, which are empty, are live."""
    with empty() as found:
        vars(found)["codepipeline"] = pipeline.client
        go_live(found, 0, "c0")
        yield found


def activate(
    services: Services, second: int, versions: dict[str, str], *, asked: int | None = None
) -> tuple[Release, ...]:
    """Make versions of `opt` active in one write at a second, and verify them 60 seconds later."""

    def merge(document: Document) -> Merged:
        begun = at(second if asked is None else asked)
        releases = tuple(
            Release(
                release_id=f"opt-{name}-{version}-0123abcd",
                type="opt",
                algorithm=name,
                version=version,
                action="promote",
                previous=document.version(name),
                requested_at=begun,
                sequence=str(second),
                reason="measured again",
                who="ada",
            )
            for name, version in versions.items()
        )
        entries = {
            one.algorithm: Entry(str(one.version), {}, one.release_id, "", one.sequence, begun)
            for one in releases
        }
        revised = document.revise(algorithms={**document.algorithms, **entries})
        return Merged(revised, releases)

    attempt = next(services.commits.attempts("opt"))
    made = merge(attempt.document)
    committed = services.commits.write(made, over=attempt, at=at(second + 1))
    assert committed
    for release in committed.releases:
        services.ledger.stamp(
            release, VERIFIED, at=at(second + 60), link="https://x", state=VERIFIED
        )
    return committed.releases


def go_live(services: Services, second: int, frontend: str) -> None:
    """Record that the present documents are live."""
    stored = {type_: services.documents.read(type_) for type_ in TYPES}
    documents = {
        type_: LiveDocument(one.version_id, one.document.revision) for type_, one in stored.items()
    }
    services.lives.record(Live(second, at(second), f"execution-{second}", frontend, documents))


def summaries(pipeline: Pipeline, *told: tuple[str, str]) -> None:
    """Let CodePipeline list executions, newest first, by id and status."""
    begun = BEGIN + timedelta(seconds=6)
    listed = [
        {"pipelineExecutionId": id_, "status": status, "startTime": begun} for id_, status in told
    ]
    answer = {"pipelineExecutionSummaries": listed}
    Calls(pipeline.client, ListPipelineExecutions=lambda _: answer)


# ---- What was live ------------------------------------------------------------------------


def test_live_versions_are_those_of_the_publication(services: Services) -> None:
    """Not those that were active at the time."""
    activate(services, 100, {"a": "1.0.0"})
    value, lines = live_at(services, TYPES, None, at(150))
    assert value["live"]["documents"]["opt"]["versions"] == {}
    go_live(services, 160, "c1")
    activate(services, 200, {"a": "2.0.0"})
    value, lines = live_at(services, TYPES, None, at(210))
    assert value["live"]["commit"] == "c1"
    assert {k: one["versions"] for k, one in value["live"]["documents"].items()} == {
        "in": {},
        "opt": {"a": "1.0.0"},
        "out": {},
    }
    text = list(lines)
    assert text[0] == f"{at(210)}: commit c1, live since {at(160)}"
    assert "  a 1.0.0" in text


def test_time_before_the_first_publication_has_nothing_live(services: Services) -> None:
    value, lines = live_at(services, TYPES, None, at(-1))
    assert value["live"] is None
    assert list(lines) == [f"{at(-1)}: nothing was live yet"]


def test_number_of_reads_is_independent_of_algorithms(services: Services) -> None:
    """One query, and one read of each document."""
    many = {f"a{n}": Entry("1.0.0", {}, f"r{n}", "", "1", at(100)) for n in range(1000)}
    rewrite(services.documents, "opt", lambda document: document.revise(algorithms=many))
    go_live(services, 200, "c1")
    queries = Calls(services.ledger.client, Query=lambda _: None, GetItem=lambda _: None)
    reads = Calls(services.s3, GetObject=lambda _: None)
    value, _ = live_at(services, TYPES, "a7", at(300))
    assert value["live"]["documents"]["opt"]["versions"] == {"a7": "1.0.0"}
    assert (len(queries.asked), len(reads.asked)) == (1, 3)


# ---- What changed -------------------------------------------------------------------------


def test_changes_are_net_differences_with_their_releases(services: Services) -> None:
    activate(services, 100, {"a": "1.0.0", "b": "1.0.0"})
    go_live(services, 160, "c1")
    activate(services, 200, {"a": "1.5.0"})
    activate(services, 300, {"a": "2.0.0"})
    go_live(services, 360, "c1")
    activate(services, 400, {"b": "9.9.9"})
    value, lines = changes(services, TYPES, None, at(160), at(380))
    (one,) = value["differences"]
    assert (one["algorithm"], one["before"], one["after"]) == ("a", "1.0.0", "2.0.0")
    assert [(r["version"], r["who"], r["reason"]) for r in value["releases"]] == [
        ("1.5.0", "ada", "measured again"),
        ("2.0.0", "ada", "measured again"),
    ]
    text = [render(line) for line in lines]
    assert "  opt/a: 1.0.0 -> 2.0.0" in text
    last = "opt/a      1.5.0 -> 2.0.0  promote  ada  verified  0123abcd  measured again"
    assert text[-1].endswith(last)
    assert "commit" not in "".join(text)


def test_release_that_waited_is_among_the_changes(services: Services) -> None:
    activate(services, 100, {"a": "1.0.0"})
    go_live(services, 160, "c1")
    activate(services, 5000, {"a": "2.0.0"}, asked=110)
    go_live(services, 5060, "c2")
    value, lines = changes(services, TYPES, None, at(4000), at(6000))
    assert [r["version"] for r in value["releases"]] == ["2.0.0"]
    assert "  commit: c1 -> c2" in list(lines)


def test_period_without_changes_reads_no_document(services: Services) -> None:
    reads = Calls(services.s3, GetObject=lambda _: None)
    value, lines = changes(services, TYPES, None, at(10), at(20))
    assert value["differences"] == value["releases"] == []
    assert list(lines)[1:] == ["  nothing changed", "no release"]
    assert reads.asked == []


def test_everything_live_changed_since_before_the_first_publication(services: Services) -> None:
    activate(services, 100, {"a": "1.0.0"})
    go_live(services, 160, "c1")
    value, _ = changes(services, ("opt",), "a", at(-10), at(200))
    assert [(one["before"], one["after"]) for one in value["differences"]] == [(None, "1.0.0")]
    assert value["commits"] == [None, "c1"]


# ---- The newest, and one ------------------------------------------------------------------


def test_newest_releases_are_limited_and_in_order(services: Services) -> None:
    """Of all types, or of one algorithm."""
    for second in (100, 200, 300):
        activate(services, second, {"a": f"{second}.0.0", "b": f"{second}.0.0"})
    value, _ = newest(services, TYPES, None, 3)
    assert [r["version"] for r in value["releases"]] == ["300.0.0", "300.0.0", "200.0.0"]
    value, lines = newest(services, ("opt",), "b", 2)
    assert [r["release_id"] for r in value["releases"]] == [
        "opt-b-300.0.0-0123abcd",
        "opt-b-200.0.0-0123abcd",
    ]
    heads, *rows = [render(line) for line in lines]
    assert heads.startswith("REQUESTED")
    assert [row.split()[-4] for row in rows] == ["verified", "verified"]


def stored(services: Services, release: Release) -> Release:
    """Return a release with the steps that the ledger has."""
    found = services.ledger.find(release.release_id)
    assert found
    return found


def test_holds_stand_between_the_releases(services: Services) -> None:
    """A hold of a whole type is about each of its algorithms; a promotion is in its release."""
    activate(services, 100, {"a": "1.0.0"})
    for second, action, names in (
        (200, "hold", ("a",)),
        (250, "hold", ("b",)),
        (300, "resume", ()),
        (350, "promote", ("a",)),
    ):
        request = RequestRecord(f"key{second}", action, names, "ana", "why", at(second))
        services.ledger.record_request("opt", request, revision=1)
    activate(services, 400, {"a": "2.0.0"})
    value, lines = newest(services, TYPES, "a", 10)
    assert [request["action"] for request in value["requests"]] == ["resume", "hold"]
    text = [render(line) for line in lines][1:]
    assert [("resume" in line, "hold" in line, "2.0.0" in line) for line in text[:3]] == [
        (False, False, True),
        (True, False, False),
        (False, True, False),
    ]
    value, lines = changes(services, TYPES, "a", at(150), at(260))
    assert [request["scope"] for request in value["requests"]] == ["opt/a"]
    assert "hold" in [*map(render, lines)][-1]


def run(pipeline: Pipeline, version: str) -> None:
    """Let the pipeline have carried a version of the document `opt`."""
    pipeline.actions = [
        source("Opt", 6, VersionId=version),
        detail("Build", "Build", 8, 38, externalExecutionUrl="https://log"),
        detail("Verify", "Verify", 58, 62),
    ]


@pytest.mark.parametrize("recorded", [True, False])
def test_release_has_its_steps_and_those_of_its_execution(
    services: Services, pipeline: Pipeline, *, recorded: bool
) -> None:
    """From the record, or from CodePipeline if the event of its end was lost."""
    (release,) = activate(services, 1, {"a": "1.0.0"})
    run(pipeline, str(release.document_version))
    summaries(pipeline, (E1, "Succeeded"))
    if recorded:
        services.recorder.record(E1)
    asked = len(pipeline.calls.asked)
    key = {"pk": {"S": message_record.of_revision("opt", 1)}, "sk": {"S": "slack"}}
    item: Any = key | {"channel": {"S": "C1"}, "ts": {"S": "1795600841.000100"}}
    services.ledger.client.put_item(TableName="ledger", Item=item)
    value, lines = release_steps(services, stored(services, release))
    assert (len(pipeline.calls.asked) == asked) is recorded
    steps = [step["name"] for step in value["timeline"]["steps"]]
    assert steps[:5] == ["asked", "document", "wait for Source", "Source", "wait for Build"]
    assert steps[5:] == ["Build", "wait for Verify", "Slack message", "Verify", "verified"]
    assert value["timeline"]["slowest"]["name"] == "Build"
    text = list(lines)
    assert text[0] == f"{release.release_id}: opt/a nothing -> 1.0.0, verified after 1 min 0 s"
    (slowest,) = (line for line in text if "the slowest" in line)
    assert slowest == f"  {at(8)[:-1]}.000Z  Build: 30.0 s, the slowest, https://log"


def test_retried_execution_is_read_from_codepipeline(
    services: Services, pipeline: Pipeline
) -> None:
    (release,) = activate(services, 1, {"a": "1.0.0"})
    run(pipeline, str(release.document_version))
    pipeline.state = "Failed"
    services.recorder.record(E1)
    pipeline.state = "InProgress"
    pipeline.actions.append(detail("Verify", "Verify", 70, 70, "InProgress"))
    summaries(pipeline, (E1, "InProgress"))
    value, _ = release_steps(services, stored(services, release))
    assert [s["ended"] for s in value["timeline"]["steps"] if s["name"] == "Verify"][-1] is None
