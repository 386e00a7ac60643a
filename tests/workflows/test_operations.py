"""Every command of docs/operations.md, in the situation of its chapter, on the whole system."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from local import automation
from local.demo import shell
from local.demo.demo import BROKEN_BUILD
from local.system import ENVIRONMENT, ROOT, System, control, frontend, table, website
from phaseline.releases.release import Release
from scripts.history.release_text import digest
from tests.system.conftest import COMPLETE, executions, newest_executions
from tests.waiting import a_second, eventually
from tests.workflows.conftest import failing, settle, succeeded, without_rule
from tests.workflows.operations import PAGE, Command, Reader, chapters

TYPE, NAME, OTHER = "opt", "route-planner", "lane-change"
CHAPTERS = chapters(PAGE.read_text(encoding="utf-8"))
NO_DISPATCH = {"path": "/dispatches", "status": 502, "count": 99}
HANGING_BUILD = BROKEN_BUILD.replace("exit 1", "sleep 3000")


def of(heading: str) -> str:
    """The name of the test of a chapter."""
    return "test_" + heading.lower().replace(" ", "_")


def test_the_page_and_its_tests() -> None:
    """Every chapter but the reference has commands and a test of its name, and no command stands
    outside of them."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = [command for blocks in CHAPTERS.values() for block in blocks for command in block]
    assert len(found) == sum(line.startswith("$ ") for line in lines)
    for heading, blocks in CHAPTERS.items():
        if heading == "The alarms":
            continue
        assert blocks, heading
        assert of(heading) in globals()


def test_commands_of_a_page() -> None:
    """A command goes on after a backslash or a bar; what it shows and its exit code are read."""
    page = (
        "## One\n```console\n$ a \\\n  b # exits with 7\nx\n$ c |\n  d\n```\n```\n$ e\n```\n## Two"
    )
    first, second = Command("a \\\n  b # exits with 7", "x\n"), Command("c |\n  d")
    assert chapters(page) == {"One": [[first, second]], "Two": []}
    assert (first.exit_code, second.exit_code) == (7, 0)
    assert Command("a", "1 ... 3\n...\nend\n").foretells("1 2 3\nend\n")
    assert not Command("a", "1 ... 3\n").foretells("1 2 3\nend\n")
    assert Command("export A=b").with_value("c") == Command("export A=c")
    assert [Command(text).variable for text in ("export A=b", "a=$(b)", "a --b=c")] == [
        "A",
        None,
        None,
    ]


@pytest.fixture
def environ(system: System, tmp_path: Path) -> Mapping[str, str]:
    """What the demo's shell has."""
    return shell.environ(system, tmp_path / "bin")


@pytest.fixture
def reader(
    request: pytest.FixtureRequest, system: System, environ: Mapping[str, str], tmp_path: Path
) -> Iterator[Reader]:
    """A reader of the chapter that the test is named after, at whose end every block is typed.

    They begin with two algorithms that are live, and leave nothing on hold.
    """
    (heading,) = [heading for heading in CHAPTERS if of(heading) == request.node.name]
    if missing := {NAME, OTHER} - website.versions(system, TYPE).keys():
        bring(system, "1.0.0", *missing)
    settle(system)
    last = automation.newest_run(system)

    def after(command: str) -> None:
        nonlocal last
        if command.startswith("gh workflow run"):
            succeeded(automation.ended(system, "promote.yml", after=last))
            settle(system)
            last = automation.newest_run(system)

    setup, *_ = CHAPTERS["How to look"]
    found = Reader([setup, *CHAPTERS[heading]], environ, tmp_path, after)
    found.block(PHASELINE_ENVIRONMENT=ENVIRONMENT)
    yield found
    let_go(system, environ)
    assert found.blocks == [], heading


def let_go(system: System, environ: Mapping[str, str]) -> None:
    """End the holds that a chapter has left."""
    settle(system)
    held = system.document(TYPE)
    if held.holds:
        release(environ, "resume", "--algorithm", ",".join(held.holds))
    if held.freeze:
        release(environ, "resume", type_="all")
    settle(system)


def release(
    environ: Mapping[str, str], action: str, *options: str, type_: str = TYPE
) -> subprocess.CompletedProcess[str]:
    """What somebody else does meanwhile."""
    asked = ("--action", action, "--type", type_, *options, "--reason", f"Asked to {action}")
    return scripts(environ, "release", *asked)


def scripts(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is not of the page."""
    command = [sys.executable, "-m", "scripts", *words, "--environment", ENVIRONMENT]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)


def shown(system: System, algorithm: str = NAME) -> str | None:
    """The version that visitors get."""
    return website.versions(system, TYPE).get(algorithm)


def newest(system: System, algorithm: str = NAME) -> Release:
    """The newest release of an algorithm."""
    return next(system.ledger.releases(TYPE, algorithm))


def told(system: System, release_id: str) -> str:
    """What Slack's messages about a release say now, a line each, without their threads."""
    return "\n".join(
        message["text"]
        for message in control.slack_messages(system)
        if "thread_ts" not in message and release_id in json.dumps(message)
    )


def pass_tests(system: System, version: str, *algorithms: str) -> None:
    """Let a version of some algorithms pass its tests, and do not wait for it."""
    for name in algorithms or (NAME,):
        table.write_algorithm(
            system, name, version, type_=TYPE, phase=COMPLETE, title=name, summary=version
        )


def bring(system: System, version: str, *algorithms: str) -> None:
    """Let it pass its tests, and wait until visitors get it and nothing is under way."""
    pass_tests(system, version, *algorithms)
    until(lambda: all(shown(system, name) == version for name in algorithms or (NAME,)))
    settle(system)


@contextmanager
def built_with(system: System, buildspec: str) -> Iterator[None]:
    """Something beside versions and commits that changes how the build goes."""
    project = system.outputs["pipeline"]["BuildProjectName"]
    codebuild = system.client("codebuild")
    source = codebuild.batch_get_projects(names=[project])["projects"][0]["source"]
    codebuild.update_project(name=project, source=source | {"buildspec": buildspec})
    try:
        yield
    finally:
        codebuild.update_project(name=project, source=source)


def until(look: Callable[[], object]) -> None:
    """Wait for what may take a release."""
    eventually(look)


def status(system: System, execution: str) -> str:
    """How far an execution has come."""
    found: str = system.client("codepipeline").get_pipeline_execution(
        pipelineName=system.pipeline, pipelineExecutionId=execution
    )["pipelineExecution"]["status"]
    return found


def building(system: System, document_version: str | None) -> str | None:
    """The execution that builds with a version of a document, once there is one."""
    carrying = {"actionName": TYPE.capitalize(), "revisionId": document_version}
    for one in executions(system):
        taken = [{k: source.get(k) for k in carrying} for source in one.get("sourceRevisions", [])]
        id_: str = one["pipelineExecutionId"]
        if carrying in taken and "Build" in stages(system, id_):
            return id_
    return None


def stages(system: System, execution: str) -> set[str]:
    """The stages that an execution has begun."""
    listed = system.client("codepipeline").list_action_executions(
        pipelineName=system.pipeline, filter={"pipelineExecutionId": execution}
    )
    return {one["stageName"] for one in listed["actionExecutionDetails"]}


def lists(status: str, version: str) -> bool:
    """Whether the status has a version of the algorithm as the active one."""
    return re.search(rf"^{TYPE}/{NAME} +{re.escape(version)} ", status, re.MULTILINE) is not None


def test_how_to_look(system: System, reader: Reader) -> None:
    """The commands tell what is live and why, and that nothing is pending."""
    bring(system, "2.9.0")
    reader.block(PHASELINE_ENVIRONMENT=ENVIRONMENT)
    found, history, today, differences, figures = reader.block()
    assert lists(found, "2.9.0")
    assert digest(newest(system).release_id) in history
    assert "-> 2.9.0" in today
    assert differences.count("no difference") == 3
    assert "deployment frequency" in figures


def test_a_bad_version_is_live(system: System, reader: Reader) -> None:
    """It goes back, stays out, and its correction goes live; so do several, to a time."""
    bring(system, "3.0.0", NAME, OTHER)
    then = a_second()
    bring(system, "3.1.0")
    bad = newest(system)

    foreseen, _ = reader.block()
    assert f"{NAME} 3.1.0 -> 3.0.0" in foreseen
    assert shown(system) == "3.0.0"
    eventually(lambda: "rolled back" in told(system, bad.release_id))
    reader.block()
    pass_tests(system, "3.1.1")
    until(lambda: system.document(TYPE).waiting())
    assert shown(system) == "3.0.0"
    reader.block()
    assert shown(system) == "3.1.1"

    bring(system, "3.2.0", OTHER)
    _, history, _ = reader.block(then=then)
    assert f"{NAME} 3.0.0" in history
    assert (shown(system), shown(system, OTHER)) == ("3.0.0", "3.0.0")

    again = release(reader.environ, "rollback", "--algorithm", NAME, "--version", "3.0.0")
    assert "already done" in again.stdout
    further = release(reader.environ, "rollback", "--algorithm", NAME)
    assert (further.returncode, shown(system)) == (7, "3.0.0")
    assert "rolled it back from 3.1.1 to 3.0.0" in further.stderr


def test_the_build_is_broken(system: System, reader: Reader) -> None:
    """A version that breaks it goes back; after another cause one build brings all that waited."""
    bring(system, "3.1.9")
    page = website.get(system, "/")[1]
    system.client("dynamodb").put_item(
        TableName=system.outputs["registry"]["AlgorithmsTableName"],
        Item={
            "algorithm": {"S": NAME},
            "version": {"S": "3.2.0"},
            "type": {"S": TYPE},
            "phase": {"S": COMPLETE},
            "display": {"M": {"title": {"N": "7"}}},  # the frontend wants a text
        },
    )
    until(lambda: newest(system).version == "3.2.0")
    until(lambda: "failed in Build" in told(system, newest(system).release_id))
    settle(system)
    assert website.get(system, "/")[1] == page

    log, differences = reader.block()
    assert "failed in execution" in log
    assert f"{NAME}: 3.1.9 -> 3.2.0" in differences
    reader.block()
    assert shown(system) == "3.1.9"

    with built_with(system, BROKEN_BUILD):
        commit = frontend.commit(system, {"NOTES.md": f"{time.time()}\n"}, "Add a note")
        pass_tests(system, "3.2.5", OTHER)
        until(lambda: "failed in Build" in told(system, newest(system, OTHER).release_id))
        settle(system)
    assert shown(system, OTHER) != "3.2.5"
    reader.block()
    settle(system)
    assert website.manifest(system)["commit"] == commit
    assert shown(system, OTHER) == "3.2.5"


def test_a_release_is_stuck(system: System, reader: Reader) -> None:
    """One whose build hangs is seen through by another execution, one behind a hold let go."""
    with failing(system.github_url, NO_DISPATCH):
        with built_with(system, HANGING_BUILD):
            pass_tests(system, "3.3.0")
            until(lambda: newest(system).version == "3.3.0")
            until(lambda: building(system, newest(system).document_version))
            hung = str(building(system, newest(system).document_version))
            found, _, timeline = reader.block()
            assert f"{hung[:8]}   InProgress" in found
            assert re.search(rf" open .* {digest(newest(system).release_id)}$", found, re.MULTILINE)
            assert "Build: not ended" in timeline
            reader.block()
            until(lambda: status(system, hung) == "Stopped")
        (proof,) = reader.block()
        assert ": started" in proof
        assert shown(system) == "3.3.0"

    release(reader.environ, "hold", "--algorithm", NAME)
    pass_tests(system, "3.4.0")
    until(lambda: system.document(TYPE).waiting())
    reader.block()
    assert shown(system) == "3.4.0"


def test_slack_is_silent(system: System, reader: Reader) -> None:
    """A release goes on without Slack; once it answers, its message is made good."""
    slack = system.slack_url.removesuffix("/api/")
    with failing(slack, {"status": 500, "count": 999}):
        pass_tests(system, "3.5.0")
        until(lambda: shown(system) == "3.5.0" and newest(system).state == "verified")
        settle(system)
        found, _ = reader.block()
        assert lists(found, "3.5.0")
    assert told(system, newest(system).release_id) == ""

    reader.block()
    assert told(system, newest(system).release_id).count("is live") == 1
    messages = control.slack_messages(system)
    assert any("Can Slack hear this?" in json.dumps(one) for one in messages)
    newest_execution = executions(system)[0]["pipelineExecutionId"]
    scripts(reader.environ, "report", "--outcome", "success", "--execution", newest_execution)
    assert control.slack_messages(system) == messages


def test_github_is_down(system: System, reader: Reader) -> None:
    """Versions go live and are rolled back without it; what it missed it hears afterwards."""
    before, sent = shown(system), len(control.dispatches(system))
    last = automation.newest_run(system)
    with failing(system.github_url, {"status": 503, "count": 9999}):
        pass_tests(system, "3.6.0")
        until(lambda: shown(system) == "3.6.0" and newest(system).state == "verified")
        settle_pipeline(system)
        reader.block()
        reader.block()
        assert shown(system) == before
    assert len(control.dispatches(system)) == sent

    system.client("lambda").invoke(  # as its schedule does
        FunctionName=system.function("StreamListener"),
        Payload=json.dumps({"source": "aws.events"}),
    )
    run = automation.ended(system, "on-version-tested.yml", after=last)
    assert "already done" in run["summary"]
    (runs,) = reader.block()
    assert json.loads(runs)["workflow_runs"][0]["conclusion"] == "success"


def settle_pipeline(system: System) -> None:
    """Wait until no execution is under way."""
    until(lambda: all(one["status"] != "InProgress" for one in newest_executions(system)))


@contextmanager
def without_stream(system: System) -> Iterator[None]:
    """The listener does not get the table's records; at the end it gets those of meanwhile."""
    client = system.client("lambda")
    function = system.function("StreamListener")
    (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def test_an_aws_event_was_lost(system: System, reader: Reader) -> None:
    """A document that started nothing and a record that nobody got are both made good by hand."""
    with failing(system.github_url, NO_DISPATCH), without_rule(system, TYPE):
        pass_tests(system, "3.7.0")
        until(lambda: newest(system).version == "3.7.0")
        history, differences = reader.block()
        assert digest(newest(system).release_id) in history
        assert "3.7.0" in differences
        reader.block()
        assert shown(system) == "3.7.0"
    with without_stream(system):
        pass_tests(system, "3.8.0")
        reader.block()
        assert shown(system) == "3.8.0"
        promoted = system.document(TYPE).algorithms[NAME]
    until(lambda: system.document(TYPE).algorithms[NAME].sequence != promoted.sequence)
    assert system.document(TYPE).algorithms[NAME].release == promoted.release  # no second release
    assert recorded(system, "3.8.0") == []
    assert shown(system) == "3.8.0"


def recorded(system: System, version: str) -> list[Release]:
    """The releases of a version by the table's stream."""
    known = system.ledger.releases(TYPE, NAME)
    return [one for one in known if one.version == version and one.who is None]


def test_two_people_at_once(system: System, reader: Reader) -> None:
    """Of two for one algorithm one wins and the other is told or came later; a hold keeps it so."""
    mine, hers = "3.9.0", "3.10.0"
    for version in (mine, hers):
        pass_tests(system, version)
    bring(system, "3.8.9")

    def ask(version: str) -> subprocess.CompletedProcess[str]:
        return release(reader.environ, "promote", "--algorithm", NAME, "--version", version)

    with ThreadPoolExecutor(2) as pool:
        ended = dict(zip((mine, hers), pool.map(ask, (mine, hers)), strict=True))
    won = newest(system)
    assert ended.pop(str(won.version)).returncode == 0
    (other,) = ended.values()
    assert other.returncode == 0 or (other.returncode == 7 and won.release_id in other.stderr)
    settle(system)
    (history,) = reader.block()
    assert digest(won.release_id) in history
    _, refused, _ = reader.block()
    assert "Comparing 3.9.0 and 3.10.0" in refused
    assert shown(system) == won.version


def test_a_freeze_before_a_holiday(system: System, reader: Reader) -> None:
    """Nothing but a rollback changes a version until the freeze is ended; then what waited does."""
    before = shown(system)
    reader.block(until="2999-12-28T08:00:00+01:00")
    assert system.document(TYPE).freeze
    assert all(system.document(type_).freeze for type_ in ("in", "out"))
    pass_tests(system, "4.0.0")
    until(lambda: system.document(TYPE).waiting())
    reader.block()
    assert shown(system) == before
    reader.block()
    assert shown(system) == "4.0.0"
    (foreseen,) = reader.block()
    assert "Weekends" in foreseen
