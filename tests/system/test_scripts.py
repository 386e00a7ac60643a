"""The release commands as a person or a job runs them, against the local system."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from local.demo.demo import BROKEN_BUILD
from local.demo.watch import Watch
from local.system import ROOT, System, control, table, website
from phaseline.documents.store import Stored
from tests.system.conftest import COMPLETE, executions, settle
from tests.system.scripts import Scripts, bring, build_with, hanging_build
from tests.system.scripts import good_build as good_build  # a fixture
from tests.system.scripts import scripts as scripts  # a fixture
from tests.waiting import eventually


def told(system: System, execution: str) -> int:
    """How many of Slack's messages name an execution, once there is one: it may come late."""

    def count() -> int:
        return sum(
            execution in json.dumps(message)
            for message in control.slack_messages(system)
            if "thread_ts" not in message
        )

    eventually(count)
    return count()


def written(system: System, scripts: Scripts) -> tuple[Stored, int]:
    """What a release would change first: the document, and how many executions there are."""
    settle(system)
    return scripts.document(), len(executions(system))


def test_version_promoted_by_hand_is_verified(system: System, scripts: Scripts) -> None:
    """An earlier version is promoted: served, verified with who and why, told once."""
    bring(system, "by-hand", "1.0.0", "1.1.0")
    ran = scripts.release("promote", "by-hand", "1.0.0")
    assert ran.code == 0, ran.err
    assert website.versions(system, "opt")["by-hand"] == "1.0.0"
    newest = next(system.ledger.releases("opt", "by-hand"))
    assert (newest.state, newest.who, newest.reason) == ("verified", "ana", "asked for")
    assert (newest.previous, newest.version) == ("1.1.0", "1.0.0")
    assert ran.outputs == {
        "outcome": "done",
        "release-id": newest.release_id,
        "execution-id": website.manifest(system)["execution"],
        "execution-url": ran.json["execution_url"],
        "site-url": system.edge_url,
        "document-version": newest.document_version,
    }
    assert r"by-hand 1.1.0 -\> 1.0.0" in ran.summary
    assert "| Who | ana |" in ran.summary
    assert "[6/6] Report: done" in ran.err
    assert told(system, ran.outputs["execution-id"]) == 1


def test_repeated_release_is_already_done(system: System, scripts: Scripts) -> None:
    """The second of two equal releases finds everything done, says so and leads to it."""
    bring(system, "twice", "1.0.0", "1.1.0")
    first = scripts.release("promote", "twice", "1.0.0")
    before = written(system, scripts)
    for run in ("1", "2"):
        again = scripts.release("promote", "twice", "1.0.0", run=run)
        assert again.code == 0, again.err
        assert again.outputs == first.outputs | {"outcome": "already-done"}
        assert "already done" in again.json["result"]
        assert again.json["execution_url"] in again.summary
    assert told(system, first.outputs["execution-id"]) == 1
    assert written(system, scripts) == before


def test_simultaneous_releases_start_one_execution(system: System, scripts: Scripts) -> None:
    """Two at the same moment make one release, by one execution."""
    bring(system, "at-once", "1.0.0", "1.1.0")
    before = len(executions(system))
    with ThreadPoolExecutor(2) as pool:
        ran = list(
            pool.map(lambda run: scripts.release("promote", "at-once", "1.0.0", run=run), "12")
        )
    settle(system)
    assert [one.code for one in ran] == [0, 0], [one.err for one in ran]
    assert len({one.outputs["document-version"] for one in ran}) == 1
    assert len(executions(system)) == before + 1
    assert website.versions(system, "opt")["at-once"] == "1.0.0"


def test_document_version_that_arrived_is_already_done(system: System, scripts: Scripts) -> None:
    """A dispatch's document version that has arrived is already done, and its change is told."""
    bring(system, "listened", "1.0.0", "2.0.0")
    newest = next(system.ledger.releases("opt", "listened"))
    version = str(newest.document_version)
    ran = scripts.run("release", "--type", "opt", "--document-version", version)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("listened 1.0.0 -> 2.0.0: already done")
    assert ran.outputs["outcome"] == "already-done"
    assert ran.outputs["release-id"] == newest.release_id
    assert "| Who | the test flow |" in ran.summary


def test_overtaken_release_ends_as_superseded(system: System, scripts: Scripts) -> None:
    """A late event about a version that is shown no more ends well, and says so."""
    bring(system, "overtaken", "1.0.0")
    first = next(system.ledger.releases("opt", "overtaken"))
    bring(system, "overtaken", "2.0.0")
    version = str(first.document_version)
    ran = scripts.run("release", "--type", "opt", "--document-version", version)
    assert ran.code == 0, ran.err
    assert ran.outputs["outcome"] == "superseded"
    assert website.versions(system, "opt")["overtaken"] == "2.0.0"


def test_version_tested_after_a_rollback_waits_until_resumed(
    system: System, scripts: Scripts
) -> None:
    """A rollback sticks: what is tested later waits, until the algorithm is resumed."""
    bring(system, "rolled", "1.0.0", "2.0.0")
    ran = scripts.release("rollback", "rolled")
    assert ran.code == 0, ran.err
    assert website.versions(system, "opt")["rolled"] == "1.0.0"
    again = scripts.release("rollback", "rolled")
    assert (again.code, again.outputs["outcome"]) == (0, "already-done"), again.err
    assert "on hold by ana: rolled back: asked for" in scripts.run("status").out

    table.write_algorithm(
        system, "rolled", "3.0.0", type_="opt", phase=COMPLETE, title="Rolled", summary=""
    )
    eventually(lambda: scripts.document().document.holds["rolled"].waiting)
    settle(system)
    assert website.versions(system, "opt")["rolled"] == "1.0.0"
    refused = scripts.release("promote", "rolled", "3.0.0")
    assert refused.code == 7
    assert "on hold by ana" in refused.err

    resumed = scripts.release("resume", "rolled")
    assert resumed.code == 0, resumed.err
    assert website.versions(system, "opt")["rolled"] == "3.0.0"


def test_hold_keeps_the_version_and_lets_the_next_one_wait(
    system: System, scripts: Scripts
) -> None:
    """A hold changes no version, and keeps the next one waiting; who follows that sees it."""
    bring(system, "held", "1.0.0")
    ran = scripts.release("hold", "held")
    assert ran.code == 0, ran.err
    watch = Watch(system, "opt", "held", "1.1.0")
    table.write_algorithm(
        system, "held", "1.1.0", type_="opt", phase=COMPLETE, title="Held", summary=""
    )
    steps = [(step.name, step.failed) for step in watch.steps()]
    assert steps == [("item", False), ("listener", False), ("hold", True)]
    eventually(lambda: scripts.document().document.holds["held"].waiting)
    settle(system)
    assert website.versions(system, "opt")["held"] == "1.0.0"


@pytest.mark.parametrize("command", ["release", "update-metadata"])
def test_dry_run_shows_changes_and_changes_nothing(
    system: System, scripts: Scripts, command: str
) -> None:
    """A dry run says what would change, and changes nothing."""
    bring(system, f"dry-{command}", "1.0.0", "1.1.0")
    before = written(system, scripts)
    arguments = ["--action", "promote", "--type", "opt", "--algorithm", f"dry-{command}"]
    ran = scripts.run(command, *arguments, "--version", "1.0.0", "--reason", "x", "--dry-run")
    assert ran.code == 0, ran.err
    assert f"dry-{command}" in ran.out
    assert "1.1.0 -> 1.0.0" in ran.out
    assert written(system, scripts) == before
    assert list(system.ledger.open_releases("opt")) == []


def test_dry_run_of_each_command_changes_nothing(system: System, scripts: Scripts) -> None:
    """The single commands say what they would do as well, and do none of it."""
    bring(system, "foreseen", "1.0.0")
    settle(system)
    newest = executions(system)[0]["pipelineExecutionId"]
    before = (len(executions(system)), control.slack_messages(system), written(system, scripts))
    version = website.manifest(system)["documents"]["opt"]["version_id"]
    pinned = ["--type", "opt", "--document-version", version]
    foreseen = [
        scripts.run("start-pipeline", "--dry-run", "--json").json["would"],
        scripts.run("start-pipeline", *pinned, "--dry-run", "--json").json["would"],
        scripts.run("invalidate-cache", "--execution", newest, "--dry-run").out,
        scripts.run("report", "--outcome", "success", "--dry-run").out,
    ]
    assert foreseen[0] == "would start an execution of the newest commit and documents"
    assert foreseen[1] == f"execution {newest} has published it already"
    assert "already done by the pipeline" in foreseen[2]
    assert foreseen[3].startswith("would post: ")
    after = (len(executions(system)), control.slack_messages(system), written(system, scripts))
    assert after == before


@pytest.mark.parametrize(
    ("action", "version"), [("promote", "9.9.9"), ("rollback", "9.9.9"), ("rollback", "")]
)
def test_unknown_version_is_refused_before_any_write(
    system: System, scripts: Scripts, action: str, version: str
) -> None:
    """A version that is not known as good is refused before anything is written."""
    algorithm = f"refused-{action}-{len(version)}"
    bring(system, algorithm, "1.0.0")
    before = written(system, scripts)
    ran = scripts.release(action, algorithm, version)
    assert ran.code == 7
    assert ran.err.splitlines()[-1].startswith(f"error: opt/{algorithm}")
    assert ran.outputs["outcome"] == "refused"
    assert written(system, scripts) == before


def test_missing_environment_is_named(scripts: Scripts) -> None:
    """An environment that is not deployed is named, with the command that deploys it."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts", "status"],
        cwd=ROOT,
        env=scripts.system.environ | {"PHASELINE_ENVIRONMENT": "other"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "stack phaseline-other-registry" in done.stderr
    assert "phaseline deploy --environment other" in done.stderr


def test_failing_build_is_reported_once_and_run_again(
    system: System, scripts: Scripts, good_build: str
) -> None:
    """It is told with stage, action, reason and log, once in Slack; mended, it is run again."""
    bring(system, "unlucky", "1.0.0", "1.1.0")
    build_with(system, BROKEN_BUILD)
    ran = scripts.release("promote", "unlucky", "1.0.0", GITHUB_ACTIONS="true")
    assert ran.code == 4
    assert "Build / Build failed" in ran.err
    assert "Its log is https://" in ran.err
    assert "    this build always fails\n" in ran.err
    assert "\nthis build always fails\n" in ran.summary
    logs = scripts.run("logs", ran.outputs["execution-id"][:8])
    assert (logs.code, "  this build always fails\n" in logs.out) == (0, True)
    assert "::error title=Deployment error::" in ran.err
    assert ran.outputs["outcome"] == "failed"
    assert ran.outputs["execution-id"] == executions(system)[0]["pipelineExecutionId"]
    assert "**failed**" in ran.summary
    assert r"Build / Build failed" in ran.summary
    assert website.versions(system, "opt")["unlucky"] == "1.1.0"

    mended = (ROOT / "examples/frontend/buildspec.yml").read_text()
    assert mended == good_build
    build_with(system, mended)
    again = scripts.release("promote", "unlucky", "1.0.0")
    assert again.code == 0, again.err
    assert website.versions(system, "opt")["unlucky"] == "1.0.0"
    assert next(system.ledger.releases("opt", "unlucky")).state == "verified"
    assert told(system, again.outputs["execution-id"]) == 1


def test_timed_out_release_is_found_again(
    system: System, scripts: Scripts, good_build: str, tmp_path: Path
) -> None:
    """A pipeline that takes too long ends the command, not the release: it is found again."""
    bring(system, "slow", "1.0.0", "1.1.0")
    arguments = ["--action", "promote", "--type", "opt", "--algorithm", "slow"]
    arguments += ["--version", "1.0.0", "--reason", "x"]
    with hanging_build(system, good_build, tmp_path / "held"):
        ran = scripts.run("release", *arguments, "--timeout", "1")
        again = scripts.run("release", *arguments, "--timeout", "1")
    assert ran.code == 6
    assert "it did not end within 1 seconds" in ran.err
    assert "Run this again" in ran.err
    assert again.code == 6
    assert "already running, adopted" in again.err
    last = scripts.run("release", *arguments)
    assert last.code == 0, last.err
    assert again.outputs["execution-id"] == ran.outputs["execution-id"]
    assert last.outputs["execution-id"] == ran.outputs["execution-id"]
    assert website.versions(system, "opt")["slow"] == "1.0.0"


def test_single_commands_do_the_work_of_release(system: System, scripts: Scripts) -> None:
    """The single commands do together what `release` does."""
    bring(system, "stepwise", "1.0.0", "1.1.0")
    arguments = ["--action", "promote", "--type", "opt", "--algorithm", "stepwise"]
    arguments += ["--version", "1.0.0", "--reason", "x", "--json"]
    (updated,) = scripts.run("update-metadata", *arguments).json
    assert updated["changed"]
    started = scripts.run(
        "start-pipeline",
        "--type",
        "opt",
        "--document-version",
        updated["document_version"],
        "--json",
    )
    assert not started.json["started"]
    assert started.outputs["execution-id"] == started.json["execution"]
    execution = ("--execution", started.json["execution"])
    followed = scripts.run("follow-pipeline", *execution, "--json").json
    assert [one["action"] for one in followed["actions"]][-1] == "Verify"
    invalidated = scripts.run("invalidate-cache", *execution, "--json").json
    known = system.client("cloudfront").list_invalidations(
        DistributionId=system.outputs["site"]["DistributionId"]
    )["InvalidationList"]["Items"]
    assert invalidated["invalidation"] in {one["Id"] for one in known}
    assert website.versions(system, "opt")["stepwise"] == "1.0.0"


def test_execution_of_the_newest_versions_is_started(system: System, scripts: Scripts) -> None:
    """Without a version an execution of the newest of everything is started, and followed."""
    before = len(executions(system))
    started = scripts.run("start-pipeline", "--json").json
    assert started["started"]
    ran = scripts.run("follow-pipeline", "--execution", started["execution"])
    assert ran.code == 0, ran.err
    assert "Verify / Verify: Succeeded" in ran.err
    assert len(executions(system)) == before + 1


def test_failed_execution_is_shown_later(system: System, scripts: Scripts, good_build: str) -> None:
    """A failed execution can be looked at later: its actions, then the error."""
    del good_build
    build_with(system, BROKEN_BUILD)
    failed = executions(system)[0]["pipelineExecutionId"]
    ran = scripts.run("follow-pipeline", "--execution", failed)
    assert ran.code == 4
    assert "Build / Build: Failed" in ran.err
    assert "Build / Build failed" in ran.err.splitlines()[-1]


def test_status_shows_active_and_served_versions(system: System, scripts: Scripts) -> None:
    """What is active and what is served, per document, and the newest executions."""
    bring(system, "shown", "1.0.0")
    found = scripts.run("status", "--json").json
    assert found["documents"]["opt"]["versions"]["shown"] == "1.0.0"
    assert found["served"]["documents"]["opt"]["versions"]["shown"] == "1.0.0"
    revision = found["documents"]["opt"]["revision"]
    assert revision == found["served"]["documents"]["opt"]["revision"]
    assert found["open_releases"] == []
    assert found["executions"][0]["status"] == "Succeeded"
    text = scripts.run("status").out
    assert f"revision {revision} is active" not in text  # it is served as well
    assert re.search(
        r"^opt/shown +1\.0\.0 +1\.0\.0 +[0-9]+ (s|min) ago +the test flow$", text, re.M
    )


def test_report_is_posted_once(system: System, scripts: Scripts) -> None:
    """A message is posted; one that the pipeline has posted already is not posted again."""
    bring(system, "reported", "1.0.0")
    what = ["--outcome", "failure", "--type", "opt", "--algorithm", "a", "--reason", "it & <b>"]
    ran = scripts.run("report", *what, "--json")
    assert ran.json["posted"]
    (message,) = (
        json.dumps(one)
        for one in control.slack_messages(system)
        if "opt a could not be" in one["text"]
    )
    assert "it &amp; &lt;b&gt;" in message
    execution = website.manifest(system)["execution"]
    shown = ["--outcome", "success", "--execution", execution]
    assert not scripts.run("report", *shown, "--json").json["posted"]
    assert told(system, execution) == 1


@pytest.mark.parametrize("status", [500, 200])
def test_report_succeeds_without_slack(system: System, scripts: Scripts, status: int) -> None:
    """Slack out of order, or a token that it refuses, is told and is no failure."""
    faults = f"{system.slack_url.removesuffix('api/')}_phaseline/faults"
    if status != 200:
        urllib3.request("POST", faults, json={"status": status, "count": 9})
    try:
        ran = scripts.run("report", "--outcome", "success", SLACK_BOT_TOKEN="no-token")
    finally:
        urllib3.request("DELETE", faults)
    assert ran.code == 0, ran.err
    assert "no message could be posted" in ran.out
    assert "no-token" not in ran.out + ran.err


def test_stream_that_the_listener_would_misread_is_refused_before_a_deployment(
    system: System, scripts: Scripts
) -> None:
    """With new images alone, an edit of an old item would make its version active again."""
    made = system.client("dynamodb").create_table(
        TableName="existing",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "algorithm", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "algorithm", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    arn = made["TableDescription"]["LatestStreamArn"]
    given = ("--stack", "registry", "--parameter", f"ExistingStreamArn={arn}")
    before = system.client("cloudformation").list_change_sets(StackName="phaseline-demo-registry")
    ran = scripts.run("deploy", *given)
    assert ran.code == 3
    assert "its stream contains NEW_IMAGE" in ran.err
    after = system.client("cloudformation").list_change_sets(StackName="phaseline-demo-registry")
    assert after["Summaries"] == before["Summaries"]
