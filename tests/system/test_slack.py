"""What people see in Slack of a release: one message, edited as it moves, and its thread."""

import json
from itertools import groupby
from typing import Any

from local.demo.demo import BROKEN_BUILD
from local.system import System, control, frontend, table
from phaseline.releases.release import Release
from tests.system.conftest import COMPLETE, executions, promote, settle
from tests.system.scripts import Scripts, bring
from tests.system.scripts import scripts as scripts  # a fixture
from tests.waiting import eventually

Message = dict[str, Any]
STEPS = (
    "waits for the pipeline", "is being built", "is being published", "is being announced",
    "is being verified", "is live",
)  # fmt: skip


def about(system: System, algorithm: str) -> tuple[Release, list[Message], list[Message]]:
    """The newest release of an algorithm, the messages that name it, and what is in their
    threads."""
    release = next(system.ledger.releases("opt", algorithm))
    every = control.slack_messages(system)
    shown = [
        one for one in every if "thread_ts" not in one and release.release_id in json.dumps(one)
    ]
    roots = {one["ts"] for one in shown}
    return release, shown, [one for one in every if one.get("thread_ts") in roots]


def said(system: System, algorithm: str, words: str) -> bool:
    """Whether a message about the algorithm's newest release says so, once there is one."""
    known = next(system.ledger.releases("opt", algorithm), None)
    return known is not None and any(words in one["text"] for one in about(system, algorithm)[1])


def moves(message: Message, algorithm: str) -> list[str]:
    """What the message said, one after the other; an edit may change something else than the
    words."""
    words = [text.partition(f"{algorithm} 1.0.0 ")[2] for text in message["history"]]
    return [each for each, _ in groupby(words)]


def test_promotion_is_one_message_that_is_updated(system: System) -> None:
    """A promotion is one message from the pipeline's start to the proof, and a thread of details
    and durations."""
    promote(system, "opt", "told", "1.0.0")
    settle(system)
    eventually(lambda: len(about(system, "told")[2]) == 2)
    release, (message,), (details, end) = about(system, "told")
    history = moves(message, "told")
    # Steps that follow one another faster than Slack is told may be left out, never turned round.
    assert [words for words in STEPS if words in history] == history
    assert len(history) > 2
    assert history[-1] == "is live"
    execution = executions(system)[0]["pipelineExecutionId"]
    shown = json.dumps(message)
    assert all(text in shown for text in (execution, system.edge_url, "the test flow", "Duration"))
    assert release.release_id in json.dumps(details)
    assert str(release.document_version) in json.dumps(details)
    assert execution in json.dumps(details)
    assert all(text in json.dumps(end) for text in ("Total: ", "Build: ", "slowest"))


def test_broken_build_is_reported_until_it_is_corrected(system: System) -> None:
    """A commit that breaks the build is a message of its own; a release that meets it fails in its
    message, with the reason in the thread, and is live in the same one once it is mended."""
    settle(system)
    good, known = frontend.read(system, "buildspec.yml"), len(control.slack_messages(system))
    frontend.commit(system, {"buildspec.yml": BROKEN_BUILD}, "Break the build")
    eventually(
        lambda: any(
            "website failed" in one["text"] for one in control.slack_messages(system)[known:]
        )
    )
    table.write_algorithm(
        system, "brittle", "1.0.0", type_="opt", phase=COMPLETE, title="Brittle", summary=""
    )
    eventually(lambda: said(system, "brittle", "failed in Build: "))
    eventually(lambda: len(about(system, "brittle")[2]) == 2)
    _, (message,), (_, failure) = about(system, "brittle")
    failed = executions(system)[0]["pipelineExecutionId"]
    assert failed in json.dumps(message)
    expected = ("Build / Build failed", failed, "|open>", "this build always fails")
    assert all(text in json.dumps(failure) for text in expected)
    frontend.commit(system, {"buildspec.yml": good}, "Mend the build")
    eventually(lambda: said(system, "brittle", "is live"))
    settle(system)
    eventually(lambda: any("Total: " in json.dumps(one) for one in about(system, "brittle")[2]))
    _, (message,), _ = about(system, "brittle")
    history = [words.partition(":")[0] for words in moves(message, "brittle")]
    assert (history.count("failed in Build"), history[-1]) == (1, "is live")


def test_repeated_events_change_nothing_in_slack(system: System) -> None:
    """The events of an execution that is long over change nothing in Slack."""
    promote(system, "opt", "repeated", "1.0.0")
    settle(system)
    eventually(lambda: len(about(system, "repeated")[2]) == 2)
    before, execution = control.slack_messages(system), executions(system)[0]["pipelineExecutionId"]
    states: list[dict[str, str]] = [
        {"state": "STARTED"}, {"state": "STARTED", "stage": "Build"}, {"state": "SUCCEEDED"},
    ]  # fmt: skip
    for detail in states:
        event = {"time": "2026-11-24T20:00:00Z", "detail": {"execution-id": execution, **detail}}
        answer = system.client("lambda").invoke(
            FunctionName=system.function("SlackNotifier"),
            Payload=json.dumps(event),
        )
        assert "FunctionError" not in answer
    assert control.slack_messages(system) == before


def test_version_that_waits_behind_a_hold_is_told_until_it_is_released(
    system: System, scripts: Scripts
) -> None:
    """In one message, which names the command that releases it; the release has its own."""

    def about_hold() -> list[Message]:
        every = control.slack_messages(system)
        return [one for one in every if "the hold of opt/kept-back" in one["text"]]

    bring(system, "kept-back", "1.0.0")
    held = scripts.run("hold", "opt/kept-back", "--reason", "Compares both")
    assert held.code == 0, held.err
    table.write_algorithm(
        system, "kept-back", "1.1.0", type_="opt", phase=COMPLETE, title="t", summary="s"
    )
    eventually(about_hold)
    settle(system)
    (message,) = about_hold()
    assert message["history"][0].endswith("1 change waits behind the hold of opt/kept-back")
    shown = json.dumps(message)
    for text in ("Promotion of kept-back 1.1.0", "Compares both", "phaseline resume opt/kept-back"):
        assert text in shown
    resumed = scripts.run("resume", "opt/kept-back", "--reason", "Compared", run="2")
    assert resumed.code == 0, resumed.err
    eventually(lambda: "no change waits" in about_hold()[0]["text"])
    assert len(about_hold()) == 1
    eventually(lambda: said(system, "kept-back", "is live"))
