"""The history and dora commands against the local system."""

import re
from typing import Any

from local.demo.demo import BROKEN_BUILD
from local.system import System
from phaseline.pipeline.recorder import Recorder
from phaseline.releases.release import Release
from phaseline.slack import message_record
from tests.system.conftest import executions
from tests.system.scripts import Scripts, bring, build_with
from tests.system.scripts import good_build as good_build  # a fixture
from tests.system.scripts import scripts as scripts  # a fixture
from tests.waiting import a_second, eventually

ACTIONS = ["Source", "Build", "Publish", "Verify"]


def recorder(system: System) -> Recorder:
    """What is kept of executions."""
    codepipeline = system.client("codepipeline")
    return Recorder(codepipeline, system.pipeline, system.ledger.client, system.ledger.table)


def release(system: System, algorithm: str) -> Release:
    """The newest release of an algorithm."""
    return next(system.ledger.releases("opt", algorithm))


def course(scripts: Scripts, release_id: str) -> list[dict[str, Any]]:
    """The steps of a release."""
    ran = scripts.run("history", "--release", release_id, "--json")
    assert ran.code == 0, ran.err
    steps: list[dict[str, Any]] = ran.json["timeline"]["steps"]
    return steps


def versions(scripts: Scripts, at: str) -> dict[str, str]:
    """The versions of the type `opt` that were live at a time."""
    ran = scripts.run("history", "--at", at, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, str] = ran.json["live"]["documents"]["opt"]["versions"]
    return found


def test_versions_that_were_live_are_shown(system: System, scripts: Scripts) -> None:
    """What visitors got at a time, and what changed from one to another, by whom and why."""
    bring(system, "past", "1.0.0")
    first = a_second()
    bring(system, "past", "2.0.0")
    second = a_second()
    back = scripts.release("rollback", "past")
    assert back.code == 0, back.err
    third = a_second()
    assert [versions(scripts, at)["past"] for at in (first, second, third)] == [
        "1.0.0",
        "2.0.0",
        "1.0.0",
    ]
    span = ("history", "--since", first, "--algorithm", "past")
    changed = scripts.run(*span, "--until", second, "--json").json
    assert [(one["kind"], one["before"], one["after"]) for one in changed["differences"]] == [
        ("version", "1.0.0", "2.0.0"),
        ("display", "1.0.0", "2.0.0"),  # the item's summary
    ]
    text = scripts.run(*span, "--until", third).out
    assert "nothing changed" in text
    assert re.search(r"opt/past +1\.0\.0 -> 2\.0\.0 +promote +the test flow +verified", text)
    assert re.search(r"opt/past +2\.0\.0 -> 1\.0\.0 +rollback +ana +verified .*asked for", text)
    listed = scripts.run("history", "--algorithm", "past", "--json").json["releases"]
    assert [(one["action"], one["state"]) for one in listed] == [
        ("rollback", "verified"),
        ("promote", "verified"),
        ("promote", "verified"),
    ]


def test_steps_of_a_release_are_shown(system: System, scripts: Scripts) -> None:
    """Each step from the item to the proof, the document's revision, the Slack message and the
    slowest step; the execution is kept once."""
    bring(system, "course", "1.0.0")
    one = release(system, "course")
    assert one.revision is not None
    execution = executions(system)[0]["pipelineExecutionId"]
    (kept,) = eventually(
        lambda: [e for e in recorder(system).between("2026", "9") if e.id == execution]
    )
    assert kept.state == "Succeeded"
    assert kept.documents["opt"].version_id == one.document_version
    assert kept.documents["opt"].revision == one.revision
    record = {"pk": {"S": message_record.of_revision("opt", one.revision)}, "sk": {"S": "slack"}}
    table = system.ledger.table
    eventually(
        lambda: "ts" in system.ledger.client.get_item(TableName=table, Key=record).get("Item", {})
    )
    steps = course(scripts, one.release_id)
    names = [step["name"] for step in steps]
    assert (names[0], names[-1]) == ("asked", "verified")
    assert [name for name in names if name in ACTIONS] == ACTIONS
    assert {"document", "Notify", "Invalidate", "Slack message"} <= set(names)
    build = next(step for step in steps if step["name"] == "Build")
    assert build["link"].startswith("https://")
    assert {step["execution"] for step in steps} == {None, execution}
    text = scripts.run("history", "--release", one.release_id).out
    assert text.count("the slowest") == 1
    assert f"execution {execution}: https://" in text


def test_restored_failure_is_shown_and_counted(
    system: System, scripts: Scripts, good_build: str
) -> None:
    """A release whose first execution failed: both executions are told, with the reason and the
    log, and the figures count a failure that was restored."""
    bring(system, "failing", "1.0.0", "1.1.0")
    build_with(system, BROKEN_BUILD)
    assert scripts.release("promote", "failing", "1.0.0").code == 4
    before = scripts.run("dora", "--json").json
    build_with(system, good_build)
    one = release(system, "failing")
    eventually(lambda: release(system, "failing").state == "verified")
    steps = course(scripts, one.release_id)
    *failed, mended = (step for step in steps if step["name"] == "Build")
    assert failed  # the document's own execution, and perhaps one of the command
    assert all(step["note"].startswith("Failed: ") for step in failed)
    assert all(step["link"].startswith("https://") for step in failed)
    assert mended["note"] is None
    assert "      this build always fails\n" in scripts.run("history", one.release_id).out
    assert mended["execution"] not in {step["execution"] for step in failed}
    after = scripts.run("dora", "--json").json
    assert before["failed"] >= 1
    assert after["restored"] == before["restored"] + 1
    assert after["deployments"] > before["deployments"]
    assert 0 < after["lead_time_median"] <= after["lead_time_p90"]
    assert "change failure rate" in scripts.run("dora").out


def test_unknown_names_are_errors(scripts: Scripts) -> None:
    ran = scripts.run("history", "--release", "opt-none-1.0.0-ffffffff")
    assert ran.code == 2
    assert "has no release and no execution of this name" in ran.err
    ran = scripts.run("history", "--algorithm", "none")
    assert (ran.code, ran.out) == (2, "")
