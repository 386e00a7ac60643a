"""Mending what was found: again what Phaseline does anyway, and once."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.waiting import PATIENCE
from phaseline.drift.lost_versions import Repaired
from phaseline.drift.repair import WHO
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


def test_lost_promotions_of_a_type_are_one_write(world: World) -> None:
    """Each is a release, and one execution carries them."""
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


def test_second_repair_of_a_report_writes_nothing(world: World) -> None:
    world.item("2")
    report = world.look()
    world.mend(report)
    before = world.documents.read("opt")

    assert told(world.mend(report)) == [(True, "opt/a 2 was promoted")]
    assert world.documents.read("opt") == before


def test_concurrent_repairs_make_one_release(world: World) -> None:
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
def test_changed_decision_refuses_a_repair_but_not_the_others(
    world: World, happened: Callable[[World], str]
) -> None:
    world.item("2")
    world.item("1", algorithm="b")
    report = world.look()
    why = happened(world)

    results = {one.repair.target["algorithm"]: one for one in world.mend(report)}

    assert not results["a"].done
    assert results["a"].sentence.startswith(why)
    assert results["b"].done


def test_concurrent_change_is_not_overwritten(world: World) -> None:
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


def test_version_that_is_withdrawn_during_the_repair_is_not_promoted(world: World) -> None:
    world.item("2")
    report = world.look()
    documents, write = replace(world.documents), world.documents.write

    def late(document: Any, *, over: Any) -> Any:
        object.__delattr__(documents, "write")
        world.item("2", phase=TESTS)
        world.stream("2", phase=TESTS, old_phase="PACKAGE_TESTS_COMPLETE")
        return write(document, over=over)

    object.__setattr__(documents, "write", late)
    world.documents = documents

    ((done, sentence),) = told(world.mend(report))

    assert (done, sentence) == (False, "opt/a: 2 is not tested any more")
    assert world.documents.read("opt").document.version("a") != "2"


@pytest.mark.parametrize("version", ["3", "1.5"])
def test_change_since_the_check_is_not_overwritten(world: World, version: str) -> None:
    world.item("2")
    report = world.look()
    world.stream(version)

    ((done, sentence),) = told(world.mend(report))

    assert (done, sentence) == (False, f"opt/a: {version} was made active meanwhile")
    assert world.documents.read("opt").document.versions() == {"a": version}


def test_invalid_item_does_not_stop_other_promotions(world: World) -> None:
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


def test_repetition_records_a_promotion_whose_writer_died(world: World) -> None:
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


def test_promotion_stands_without_an_execution(world: World) -> None:
    world.item("2")
    world.is_busy = True

    ((done, sentence),) = told(world.mend())

    assert done
    assert "no execution carries it yet" in sentence


def test_one_build_repairs_an_outdated_website(world: World) -> None:
    """An execution in progress is adopted."""
    world.stream("2")
    world.stream("1", algorithm="c", type_="in")
    report = world.look()
    assert len(report.findings) == 2

    (first,) = world.mend(report)
    (second,) = world.mend(report)

    assert (first.execution, second.execution) == ("started-0", "started-0")
    assert "in progress" in second.sentence
    assert len(world.pipeline_calls.of("StartPipelineExecution")) == 1


def test_repairs_of_one_state_start_one_execution(world: World) -> None:
    """After it failed, the next repair starts another one."""
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


def test_correct_website_needs_no_build(world: World) -> None:
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


def test_outdated_cache_is_invalidated_once_for_each_report(world: World) -> None:
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


def test_unreadable_website_is_not_repaired(world: World) -> None:
    old_cache(world)
    report = world.look()
    world.edge.clear()

    ((done, sentence),) = told(world.mend(report))

    assert not done
    assert "HTTP Error 404" in sentence
    assert world.cdn_calls.of("CreateInvalidation") == []


def test_open_releases_are_closed_as_verified_or_superseded(world: World) -> None:
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


def test_functions_are_redeployed_first(world: World) -> None:
    """The other repairs need them."""
    world.stream("2")
    report = world.look()
    code = Repair("redeploy", {"function": "f", "key": "k"})
    finding = Finding("code", "function f", "other code", "Redeploy it.", code)

    repaired = world.mend(replace(report, findings=(*report.findings, finding)))

    assert world.redeployed == [{"function": "f", "key": "k"}]
    assert [one.repair.action for one in repaired] == ["redeploy", "build"]


def test_failed_repair_does_not_stop_the_others(world: World) -> None:
    world.item("2")
    world.stream("1", algorithm="b")
    world.publish(verify=False)
    report = world.look()
    world.edge.clear()

    first, second = world.mend(report)

    assert (first.repair.action, first.done) == ("close", False)
    assert "HTTP Error 404" in first.sentence
    assert (second.repair.action, second.done) == ("release", True)


def test_finding_without_repair_is_left(world: World) -> None:
    world.edit(a="9")
    report = world.look()
    assert {one.kind for one in report.findings} == {
        "edited-document", "lost-withdrawal", "old-site",
    }  # fmt: skip

    assert [one.repair.action for one in world.mend(report)] == ["build"]
