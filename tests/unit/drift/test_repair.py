"""Mending what was found: again what Phaseline does anyway, and once."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.waiting import PATIENCE
from phaseline.drift.repair import WHO, Repaired
from phaseline.drift.report import Finding, Repair
from phaseline.errors import RemoteCallError
from phaseline.releases.ledger import Ledger
from tests.builders import drift
from tests.builders.drift import World

TESTS = "PACKAGE_TESTS_RUNNING"


@pytest.fixture
def world() -> Iterator[World]:
    with drift.world() as made:
        yield made


def told(repaired: tuple[Repaired, ...]) -> list[tuple[bool, str]]:
    """What came of the repairs."""
    return [(one.done, one.sentence) for one in repaired]


def test_lost_promotions(world: World) -> None:
    """All of one type are one write of its document, each is a release, and one execution
    carries them."""
    world.item("2")
    world.item("1", algorithm="b")

    repaired = world.mend()

    stored = world.documents.read("opt")
    assert stored.document.versions() == {"a": "2", "b": "1"}
    assert stored.document.revision == 2
    releases = list(world.ledger.open_releases("opt"))
    assert {(one.algorithm, one.version, one.who) for one in releases} == {
        ("a", "2", WHO), ("b", "1", WHO),
    }  # fmt: skip
    assert {one.document_version for one in releases} == {stored.version_id}
    assert {one.execution for one in repaired} == {"started-0"}
    assert all(one.done for one in repaired)
    world.executions.clear()
    world.publish()
    assert world.found() == {}


def test_a_report_that_is_mended_twice(world: World) -> None:
    """The second time nothing is lost any more, and nothing is written."""
    world.item("2")
    report = world.look()
    world.mend(report)
    before = world.documents.read("opt")

    ((done, sentence),) = told(world.mend(report))

    assert not done
    assert "2 was released meanwhile" in sentence
    assert world.documents.read("opt") == before


def test_two_that_mend_at_once(world: World) -> None:
    """Make one release."""
    world.item("2")
    report = world.look()
    barrier = threading.Barrier(2, timeout=PATIENCE)
    read = world.documents.read

    def together(type_: str) -> Any:
        stored = read(type_)
        if not getattr(waited, "done", False):
            waited.done = True
            barrier.wait()
        return stored

    waited = threading.local()
    documents = replace(world.documents)
    object.__setattr__(documents, "read", together)
    world.documents = documents
    threads = [threading.Thread(target=world.mend, args=(report,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read("opt").document.revision == 2
    assert len(list(world.ledger.open_releases("opt"))) == 1


def held(world: World) -> str:
    world.ask("hold")
    return "opt/a: it is on hold by ana: why"


def withdrawn(world: World) -> str:
    world.item("2", phase=TESTS)
    return "opt/a: 2 is not tested any more"


def promoted(world: World) -> str:
    world.ask("promote", "2")
    return "opt/a: 2 was released meanwhile"


def marked(world: World) -> str:
    world.ask("promote", "2")
    for release in list(world.ledger.open_releases("opt")):
        world.ledger.stamp(release, "withdrawn", at=world.at)
    world.ask("rollback")
    world.ask("resume")
    return "opt/a: 2 was marked bad by ana: why"


@pytest.mark.parametrize("happened", [held, withdrawn, promoted, marked])
def test_what_is_refused(world: World, happened: Callable[[World], str]) -> None:
    """What a person or the table did since is not gone round; the other repairs are made."""
    world.item("2")
    world.item("1", algorithm="b")
    report = world.look()
    why = happened(world)

    results = {one.repair.target["algorithm"]: one for one in world.mend(report)}

    assert not results["a"].done
    assert results["a"].sentence.startswith(why)
    assert results["b"].done


def test_a_change_at_the_same_time_stands(world: World) -> None:
    """What somebody makes active between the look and the write is not changed."""
    world.item("2")
    world.item("1.5")
    report = world.look()
    attempts = world.documents.attempts
    documents = replace(world.documents)

    def late(type_: str) -> Any:
        object.__delattr__(documents, "attempts")
        world.ask("promote", "1.5")
        return attempts(type_)

    object.__setattr__(documents, "attempts", late)
    world.documents = documents

    ((done, sentence),) = told(world.mend(report))

    assert (done, sentence) == (False, "opt/a: 1.5 was made active meanwhile")


@pytest.mark.parametrize("version", ["3", "1.5"])
def test_a_change_since_the_look_stands(world: World, version: str) -> None:
    """What became active after the look stays so, whether it is higher or lower."""
    world.item("2")
    report = world.look()
    world.stream(version)

    ((done, sentence),) = told(world.mend(report))

    assert (done, sentence) == (False, f"opt/a: {version} was made active meanwhile")
    assert world.documents.read("opt").document.versions() == {"a": version}


def test_a_malformed_item_keeps_no_other_back(world: World) -> None:
    """A lost version whose item shows nothing of use is told, and the others are promoted."""
    world.item("2")
    world.item("1", algorithm="b")
    world.dynamodb.update_item(
        TableName="algorithms",
        Key={"algorithm": {"S": "a"}, "version": {"S": "2"}},
        UpdateExpression="SET display = :text",
        ExpressionAttributeValues={":text": {"S": "no map"}},
    )

    first, second = world.mend()

    assert (first.done, second.done) == (False, True)
    assert "attribute 'display'" in first.sentence
    assert world.documents.read("opt").document.versions() == {"a": "1", "b": "1"}


def test_a_writer_that_died(world: World) -> None:
    """A promotion that the ledger never got is recorded by its repetition, and made once."""
    world.item("2")
    report, ledger = world.look(), world.ledger

    class Dead(Ledger):
        def record(self, *_: Any, **__: Any) -> None:
            raise RemoteCallError("the ledger", "no answer", "Try again.")

    world.ledger = Dead(ledger.client, ledger.table)
    assert [one.done for one in world.mend(report)] == [False]
    world.ledger = ledger

    assert [one.done for one in world.mend(report)] == [True]

    (release,) = ledger.open_releases("opt")
    assert (release.version, world.documents.read("opt").document.revision) == ("2", 2)


def test_an_execution_that_can_not_be_started(world: World) -> None:
    """The promotion stands, and what its execution lacks is told."""
    world.item("2")
    world.is_busy = True

    ((done, sentence),) = told(world.mend())

    assert done
    assert "no execution carries it yet" in sentence


def test_an_old_site(world: World) -> None:
    """A build is started, once however much it mends; the one under way is adopted."""
    world.stream("2")
    world.stream("1", algorithm="c", type_="in")
    report = world.look()
    assert len(report.findings) == 2

    (first,) = world.mend(report)
    (second,) = world.mend(report)

    assert (first.execution, second.execution) == ("started-0", "started-0")
    assert "in progress" in second.sentence
    assert len(world.pipeline_calls.of("StartPipelineExecution")) == 1


def test_two_starts_have_one_token(world: World) -> None:
    """Who finds the same situation starts the same execution; after it failed, another."""
    world.stream("2")
    report = world.look()
    for _ in range(2):
        world.executions.clear()
        world.mend(report)
    world.executions[0]["status"] = "Failed"
    world.mend(report)

    tokens = [
        call["clientRequestToken"] for call in world.pipeline_calls.of("StartPipelineExecution")
    ]
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_site_that_was_built_meanwhile(world: World) -> None:
    """Needs no build."""
    world.stream("2")
    report = world.look()
    world.publish()

    assert told(world.mend(report)) == [(True, "no longer needed: the website is correct")]
    assert world.pipeline_calls.of("StartPipelineExecution") == []


def old_cache(world: World) -> None:
    """The edge keeps what was before."""
    old = dict(world.edge)
    world.stream("2")
    world.publish()
    world.edge = old


def test_an_old_cache(world: World) -> None:
    """Everything is invalidated, once for a report."""
    old_cache(world)
    report, old = world.look(), dict(world.edge)

    (repaired,) = world.mend(report)
    assert repaired.sentence == "the invalidation I1 of all paths has completed"
    assert world.found() == {}
    assert told(world.mend(report)) == [(True, "no longer needed: the website is correct")]

    world.edge = old
    world.mend(report)
    batches = [call["InvalidationBatch"] for call in world.cdn_calls.of("CreateInvalidation")]
    assert [batch["Paths"]["Items"] for batch in batches] == [["/*"], ["/*"]]
    assert batches[0]["CallerReference"] == batches[1]["CallerReference"]


def test_a_website_that_can_not_be_looked_at(world: World) -> None:
    """Is not mended blindly."""
    old_cache(world)
    report = world.look()
    world.edge.clear()

    ((done, sentence),) = told(world.mend(report))

    assert not done
    assert "HTTP Error 404" in sentence
    assert world.cdn_calls.of("CreateInvalidation") == []


def test_open_releases(world: World) -> None:
    """What is served is closed as verified, what was overtaken as superseded, with one look."""
    world.stream("2")
    world.stream("3")
    world.publish(verify=False)
    report = world.look()

    repaired = world.mend(report)

    ends = {release.version: release.state for release in world.ledger.releases("opt", "a")}
    assert ends == {"1": "verified", "2": "superseded", "3": "verified"}
    assert all(one.done for one in repaired)
    again = world.mend(report)
    assert {one.sentence.split(" is ")[1] for one in again} == {"not open and served any more"}


def test_a_function_is_redeployed_first(world: World) -> None:
    """Functions are mended before what needs them, each by its target; a failure of one is told."""
    world.stream("2")
    report = world.look()
    code = Repair("redeploy", {"function": "f", "key": "k"})
    finding = Finding("code", "function f", "other code", "Redeploy it.", code)

    repaired = world.mend(replace(report, findings=(*report.findings, finding)))

    assert world.redeployed == [{"function": "f", "key": "k"}]
    assert [one.repair.action for one in repaired] == ["redeploy", "build"]


def test_a_failing_repair_keeps_no_other(world: World) -> None:
    """A call that fails is told with its repair, and the next repair is made."""
    world.item("2")
    world.stream("1", algorithm="b")
    world.publish(verify=False)
    report = world.look()
    world.edge.clear()

    first, second = world.mend(report)

    assert (first.repair.action, first.done) == ("close", False)
    assert "HTTP Error 404" in first.sentence
    assert (second.repair.action, second.done) == ("release", True)


def test_what_has_no_repair_is_left(world: World) -> None:
    """An edited document and a lost withdrawal are left to a person."""
    world.edit(a="9")
    report = world.look()
    assert {one.kind for one in report.findings} == {
        "edited-document", "lost-withdrawal", "old-site",
    }  # fmt: skip

    assert [one.repair.action for one in world.mend(report)] == ["build"]
