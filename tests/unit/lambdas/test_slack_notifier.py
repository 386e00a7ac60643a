"""Slack notifier: the messages about releases and executions."""

import time
from collections import Counter
from types import ModuleType

import pytest

from phaseline.errors import PhaselineError
from phaseline.github.outbox import Outbox, Settled
from phaseline.releases.release import SUPERSEDED
from phaseline.releases.waiting import Waiting
from phaseline.slack import looks, message_record, notifier
from phaseline.slack.message_record import View
from phaseline.slack.rendering import Message
from tests.builders.calls import Answer, Calls
from tests.builders.logs import fields
from tests.builders.slack_notifier import (
    TAKEN,
    Pipeline,
    Slack,
    changed,
    end,
    invoke,
    ledger,
    lost,
    record_release,
    shown,
)
from tests.builders.slack_notifier import _no_secret_is_logged as _no_secret_is_logged  # a fixture
from tests.builders.slack_notifier import lambda_ as lambda_  # a fixture
from tests.builders.slack_notifier import pauses as pauses  # a fixture
from tests.builders.slack_notifier import pipeline as pipeline  # a fixture
from tests.builders.slack_notifier import slack as slack  # a fixture
from tests.builders.slack_notifier import told as told  # a fixture
from tests.events.jobs import EXECUTION, JOB


@pytest.mark.parametrize("readable", [True, False])
def test_thread_has_the_last_lines_of_a_failed_build(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, *, readable: bool
) -> None:
    """They are read once, and a log that can't be read keeps no message back."""
    record_release()
    pipeline.fail(**TAKEN)
    build = "build:0d416c17-6c41-4b93-a123-1a8e418fb09f"
    (failed,) = (one for one in pipeline.actions[EXECUTION] if one["status"] == "Failed")
    failed["output"]["executionResult"]["externalExecutionId"] = build
    place = {"groupName": "g", "streamName": "s"}
    logs = lambda_._BUILD_LOGS
    Calls(logs.codebuild, BatchGetBuilds=lambda _: {"builds": [{"logs": place}]})
    answer: Answer = {"events": [{"message": "no title"}]} if readable else "AccessDeniedException"
    calls = Calls(logs.logs, GetLogEvents=lambda _: answer)
    invoke(lambda_, changed("FAILED"))
    assert len(calls.of("GetLogEvents")) == 1
    (reply,) = (one for one in slack.replies if "failed: " in one["text"])
    assert ("no title" in str(reply["blocks"])) == readable


def test_one_message_from_the_start_to_the_proof(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """A release is one message that moves with the pipeline; its thread has details and the end."""
    release = record_release()
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    pipeline.execution(**TAKEN)
    pipeline.action("Source", 0)
    invoke(lambda_, changed("STARTED", "Build"))
    for second, stage in ((10, "Build"), (20, "Publish"), (30, "Announce"), (40, "Verify")):
        pipeline.action(stage, second, "InProgress")
        invoke(lambda_, changed("STARTED", stage))
        if stage == "Announce":
            invoke(lambda_)
        pipeline.action(stage, second)
    end(release)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.texts == [
        "a 2.0.0 waits for the pipeline",
        "a 2.0.0 is being built",
        "a 2.0.0 is being published",
        "a 2.0.0 is being announced",
        "a 2.0.0 is being verified",
        "a 2.0.0 is live",
    ]
    (post,) = slack.posts
    assert post["channel"] == "C1"
    for said in (
        "→ 2.0.0, was 1.0.0",
        "`r-a-2.0.0`",
        "c0ffee0",
        "2 min",
        "site.example",
        EXECUTION,
    ):
        assert said in shown(slack.edits[-1])
    details, ended = slack.replies
    assert all(said in shown(details) for said in ("r-a-2.0.0", "v7", EXECUTION))
    assert all(said in shown(ended) for said in ("Total: 2 min 0 s", "Build: 5 s", "slowest"))
    assert pipeline.jobs.successes == [{"jobId": JOB}]


@pytest.mark.parametrize("again", [1, 3])
def test_a_second_delivery_adds_nothing(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, again: int
) -> None:
    """The same event twice, or an old one later, asks nothing of Slack."""
    record_release()
    pipeline.execution(**TAKEN)
    pipeline.action("Source", 0)
    pipeline.action("Build", 700, "InProgress")
    for _ in range(again):
        invoke(lambda_, changed("STARTED", "Build"))
    invoke(lambda_, changed("STARTED", "Source"))
    invoke(lambda_, changed("STARTED"))
    assert (len(slack.posts), len(slack.replies), slack.edits) == (1, 1, [])


def test_a_failure_then_mended(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """The message says where it failed, the thread why and where to look; a later execution that
    carries the release edits the same message."""
    release = record_release()
    pipeline.fail(**TAKEN)
    invoke(lambda_, changed("FAILED"))
    invoke(lambda_, changed("FAILED"))
    assert slack.texts == ["a 2.0.0 failed in Build: exit status 1"]
    _, failure = slack.replies
    for said in ("Build / Build", "exit status 1", "https://logs.example/build", EXECUTION):
        assert said in shown(failure)
    pipeline.execution("e2", **TAKEN | {"Frontend": "mended"})
    invoke(lambda_, changed("STARTED", "Build", "e2"))
    end(release)
    pipeline.execution("e2", "Succeeded")
    invoke(lambda_, changed("SUCCEEDED", execution="e2"))
    assert len(slack.posts) == 1
    assert slack.texts[1:] == ["a 2.0.0 is being built", "a 2.0.0 is live"]
    assert "mended"[:7] in shown(slack.edits[-1])


def test_a_failed_retry_is_told_again(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """Each try of a stage that fails is a reply in the thread of the one message."""
    record_release()
    pipeline.fail(**TAKEN)
    invoke(lambda_, changed("FAILED"))
    pipeline.action("Build", 30, "Failed")
    invoke(lambda_, changed("FAILED"))
    assert (len(slack.posts), len(slack.replies)) == (1, 3)


def test_releases_of_one_revision_are_one_message(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """What travels together is told together, and counted beyond the first twenty."""
    for number in range(25):
        record_release(algorithm=f"a{number:02}")
    record_release(revision=8, algorithm="other")
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    newer, older = slack.texts
    assert newer == "other 2.0.0 waits for the pipeline"
    assert older == "a00 2.0.0 (+24 more) is being built"
    assert "and 5 more" in shown(slack.posts[1])


def test_a_failure_after_superseded_executions_is_told_of_each_release(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """The execution that overtook the others carried their releases, and tells of all."""
    for revision in (7, 8, 9):
        record_release(f"{revision}", revision=revision, algorithm=f"a{revision}")
    for revision in (7, 8):
        pipeline.execution(f"e{revision}", "Superseded", Frontend="x", Opt=f"v{revision}")
        invoke(lambda_, changed("SUPERSEDED", execution=f"e{revision}"))
    pipeline.fail("e9", Frontend="x", Opt="v9")
    invoke(lambda_, changed("FAILED", execution="e9"))
    assert sorted(text for text in slack.texts if "failed" in text) == [
        f"a{revision} {revision} failed in Build: exit status 1" for revision in (7, 8, 9)
    ]
    assert len(slack.posts) == 3


def test_what_was_superseded(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """A release that a later one overtook before visitors got it says which revision has won."""
    older = record_release()
    pipeline.fail(**TAKEN)
    invoke(lambda_, changed("FAILED"))
    newer = record_release("2.1.0", revision=8)
    end(older, SUPERSEDED)
    end(newer)
    pipeline.execution("e2", "Succeeded", Frontend="x", Opt="v8")
    invoke(lambda_, changed("SUCCEEDED", execution="e2"))
    assert slack.edits[-1]["text"].endswith("a 2.0.0 was superseded by revision 8")
    assert len(slack.posts) == 1


def test_what_was_rolled_back(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """Once the rollback is proved, the message about the version that it left says so."""
    left = record_release()
    pipeline.execution(**TAKEN)
    end(left)
    pipeline.execution(status="Succeeded")
    left_name = message_record.of_revision("opt", 7)
    kept = lambda_._notifier(time.monotonic() + 30).messages
    back = record_release(
        "1.0.0", revision=8, action="rollback", previous="2.0.0", who="ana", reason="it is slow"
    )
    # The message about it was told while it was on its way.
    shown_before = View(Message("live", ()), {}, True, [left.key], 1)
    kept.show(kept.read(left_name), shown_before, lambda: shown_before)
    pipeline.execution("e2", Frontend="x", Opt="v8")
    invoke(lambda_, changed("STARTED", "Build", "e2"))
    assert slack.texts[-1] == "a back to 1.0.0 is being built"
    end(back)
    pipeline.execution("e2", "Succeeded")
    invoke(lambda_, changed("SUCCEEDED", execution="e2"))
    assert [text for text in slack.texts if "rolled back" in text] == ["a 2.0.0 was rolled back"]
    assert slack.texts[-1] == "a back to 1.0.0 is live"
    assert len(slack.posts) == 2
    assert "Requested by ana: it is slow" in shown(slack.edits[-1])


def test_a_commit_alone(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """An execution that brings only another commit is a message of its own."""
    pipeline.execution("e0", "Succeeded", Frontend="old", Opt="v7")
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    pipeline.action("Publish", 0, outcome="published")
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.texts == ["website is being built", "website is live"]
    assert "c0ffee0" in shown(slack.edits[-1])


def test_execution_that_still_takes_its_sources_has_no_message_of_its_own(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """It has its commit first, and then the document of a release, whose message is enough."""
    record_release()
    pipeline.execution("e0", "Succeeded", Frontend="old", Opt="v6")
    pipeline.execution(Frontend=TAKEN["Frontend"])
    pipeline.action("Source", 0, "InProgress")
    invoke(lambda_, changed("STARTED"))
    pipeline.execution(**TAKEN)
    pipeline.action("Source", 0)
    invoke(lambda_, changed("STARTED", "Build"))
    assert len(slack.posts) == 1


def test_nothing_new_is_nothing_told(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """An execution with neither releases nor another commit passes without a message."""
    pipeline.execution("e0", "Succeeded", Frontend="same")
    pipeline.execution(Frontend="same")
    invoke(lambda_, changed("STARTED", "Build"))
    invoke(lambda_)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.asked == []
    assert lost(capsys) == []


@pytest.mark.parametrize("outcome", ["superseded", "overtaken"])
def test_nothing_published_is_nothing_told(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, outcome: str
) -> None:
    """Nor does one that left the website to a later execution, unless it was told before."""
    pipeline.execution("e0", "Succeeded", Frontend="old")
    pipeline.execution(status="Succeeded", **TAKEN)
    pipeline.action("Publish", 0, outcome=outcome)
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.asked == []


def test_an_execution_of_releases_has_no_other_message(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """What a release's message tells is not told again by an event that comes after its end."""
    release = record_release()
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    end(release)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    invoke(lambda_, changed("SUCCEEDED"))
    invoke(lambda_, changed("FAILED"))
    assert len(slack.posts) == 1


def test_tells_a_failure_that_no_release_is_part_of(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """Any other execution that fails is told, even with a commit that is live."""
    pipeline.execution("e0", "Succeeded", Frontend="same")
    pipeline.fail(Frontend="same")
    invoke(lambda_, changed("FAILED"))
    assert slack.texts == ["website failed in Build: exit status 1"]


def test_many_messages_are_edited_in_turns(
    lambda_: ModuleType,
    slack: Slack,
    pipeline: Pipeline,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One event edits a bounded number, the newest first; the next event goes on."""
    monkeypatch.setattr(notifier, "MESSAGES_LIMIT", 2)
    for revision in (7, 8, 9):
        record_release(f"{revision}", revision=revision)
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    assert [text.split()[1] for text in slack.texts] == ["9", "8"]
    assert [line["record"] for line in fields(caplog)] == ["message#opt#7"]
    invoke(lambda_, changed("STARTED"))
    assert [text.split()[1] for text in slack.texts] == ["9", "8", "7"]


def test_work_of_an_event_does_not_grow_with_the_open_revisions(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event looks at a bounded number of messages, and in the end each message is posted."""
    monkeypatch.setattr(looks, "LIMIT", 4)
    reads: Counter[str] = Counter()
    lambda_._LEDGER.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: reads.update([model.name])
    )
    pipeline.execution()

    def cost(second: int) -> int:
        before = reads.total()
        event = changed("STARTED") | {"time": f"2026-11-24T20:00:{second:02}Z"}
        invoke(lambda_, event)
        return reads.total() - before

    costs = []
    for count in (6, 12):
        for revision in range(count - 6, count):
            record_release(
                f"1.{revision}",
                revision=revision,
                algorithm=f"a{revision}",
                requested_at=f"2026-11-24T20:00:{revision:02}Z",
            )
        costs.append(max(cost(second) for second in range(4)))
    assert costs[1] <= costs[0]
    seconds = iter(range(4, 60))
    while len({text.split()[1] for text in slack.texts}) < 12:
        cost(next(seconds))


def test_what_slack_refuses_hinders_no_other(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message that Slack does not take is lost alone, and is shown by the next event."""
    record_release()
    record_release("2.1.0", revision=8)
    slack.answers = [
        Slack.answer({"ok": False, "error": "msg_blocks_too_long"}),
        Slack.answer({"ok": True, "ts": "1.7", "channel": "C1"}),
    ]
    with pytest.raises(PhaselineError, match="msg_blocks_too_long"):
        invoke(lambda_, changed("STARTED"))
    assert len(lost(capsys)) == 1
    invoke(lambda_, changed("STARTED"))
    invoke(lambda_, changed("STARTED"))
    said = [text.split()[1] for text in slack.texts]
    assert said == ["2.1.0", "2.0.0", "2.1.0"]


@pytest.mark.parametrize("code", ["message_not_found", "edit_window_closed"])
def test_a_message_that_can_not_be_edited(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, code: str
) -> None:
    """Another is posted in its place."""
    record_release()
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    slack.answers = [
        Slack.answer({"ok": False, "error": code}),
        Slack.answer({"ok": True, "ts": "1.7", "channel": "C1"}),
    ]
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    assert [post["text"].rpartition(" is ")[2] for post in slack.posts][1:] == ["being built"]
    assert slack.replies[-1]["thread_ts"] == "1.7"


def hold_back(*versions: str, revision: int = 8, algorithm: str = "b") -> None:
    """Let versions wait behind Ana's hold of an algorithm, as a document of the revision says."""
    changes = tuple(("promote", algorithm, version) for version in versions)
    since = "2026-11-24T20:00:00Z"
    waiting = Waiting("opt", algorithm, "ana", since, "compares", None, None, changes, len(changes))
    known = ledger()
    outbox = Outbox(known.client, known.table)
    outbox.settle("opt", Settled(revision, None, waiting=(waiting,) if changes else ()))


def test_changes_behind_a_hold_are_one_message_until_they_are_released(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """However often an event arrives, and although no release is open."""
    pipeline.execution(status="Superseded")
    hold_back("1.0.0")
    for _ in range(2):
        invoke(lambda_, changed("STARTED"))
    hold_back("1.0.0", "2.0.0", revision=9)
    invoke(lambda_, changed("STARTED"))
    hold_back(revision=10)
    for _ in range(2):
        invoke(lambda_, changed("STARTED"))
    assert slack.texts == [
        "1 change waits behind the hold of opt/b",
        "2 changes wait behind the hold of opt/b",
        "no change waits behind the hold of opt/b any more",
    ]
    (post,) = slack.posts
    assert "phaseline resume opt/b" in shown(post)


def test_message_about_a_hold_that_is_not_listed_stays_while_the_list_is_full(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.execution(status="Superseded")
    hold_back("1.0.0")
    invoke(lambda_, changed("STARTED"))
    monkeypatch.setattr(notifier, "HOLDS_LIMIT", 1)
    hold_back("1.0.0", revision=9, algorithm="c")
    invoke(lambda_, changed("STARTED"))
    assert slack.texts == [
        "1 change waits behind the hold of opt/b",
        "1 change waits behind the hold of opt/c",
    ]
