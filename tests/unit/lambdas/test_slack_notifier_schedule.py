"""Slack notifier: the schedule, and messages that one event leaves to it."""

import json
import time
from datetime import UTC, datetime
from types import ModuleType

import pytest

from local.waiting import PATIENCE
from phaseline.slack import looks, notifier
from phaseline.slack.channel import SlackError
from tests.builders.slack_notifier import (
    TAKEN,
    Pipeline,
    Slack,
    changed,
    end,
    invoke,
    lost,
    record_release,
)
from tests.builders.slack_notifier import _no_secret_is_logged as _no_secret_is_logged  # a fixture
from tests.builders.slack_notifier import lambda_ as lambda_  # a fixture
from tests.builders.slack_notifier import pauses as pauses  # a fixture
from tests.builders.slack_notifier import pipeline as pipeline  # a fixture
from tests.builders.slack_notifier import slack as slack  # a fixture
from tests.builders.slack_notifier import told as told  # a fixture

SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def measured(capsys: pytest.CaptureFixture[str], metric: str) -> list[float]:
    """The values of a metric that were printed since the last call."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [value[metric] for value in map(json.loads, lines) if metric in value]


def test_schedule_edits_what_an_event_left(
    lambda_: ModuleType,
    slack: Slack,
    pipeline: Pipeline,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No other event is needed. Metrics tell of those that are left, and the oldest's age."""
    monkeypatch.setattr(notifier, "MESSAGES_LIMIT", 2)
    for revision in (7, 8, 9):
        record_release(f"{revision}", revision=revision)
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    assert [text.split()[1] for text in slack.texts] == ["9", "8"]
    assert measured(capsys, "NotifierBehind") == [1]
    invoke(lambda_, SCHEDULED)
    assert [text.split()[1] for text in slack.texts] == ["9", "8", "7"]
    assert measured(capsys, "NotifierBehind") == [0]
    invoke(lambda_, SCHEDULED)
    (age,) = measured(capsys, "OldestRelease")
    since = datetime.fromisoformat("2026-11-24T20:00:00Z")
    assert age >= (datetime.now(UTC) - since).total_seconds() - PATIENCE


def test_schedule_costs_four_queries_and_three_reads_if_nothing_is_open(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """Neither CodePipeline nor Slack is called."""
    calls: list[str] = []
    lambda_._LEDGER.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name)
    )
    invoke(lambda_, SCHEDULED)
    assert sorted(calls) == ["GetItem"] * 3 + ["Query"] * 4
    assert (pipeline.jobs.asked, slack.asked) == ([], [])


def test_lost_message_of_the_schedule_is_left_to_its_next_run(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    slack.answers = [Slack.answer({"ok": False, "error": "channel_not_found"})]
    invoke(lambda_, SCHEDULED)
    assert len(lost(capsys)) == 1


def test_each_of_many_releases_of_one_execution_is_told(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it ended before an update looked at it. The schedule tells those that are left."""
    monkeypatch.setattr(looks, "LIMIT", 4)
    monkeypatch.setattr(notifier, "MESSAGES_LIMIT", 2)
    releases = [
        record_release(f"{revision}", revision=revision, algorithm=f"a{revision}")
        for revision in range(7, 15)
    ]
    pipeline.execution(Frontend="x", Opt="v14")
    invoke(lambda_, changed("STARTED", "Build"))
    for release in releases:
        end(release)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    seconds = iter(range(60))
    while len([text for text in slack.texts if "is live" in text]) < len(releases):
        assert next(seconds, None) is not None, slack.texts
        invoke(lambda_, SCHEDULED)
    assert len(slack.posts) == len(releases)
    kept = lambda_._notifier(time.monotonic() + 30).messages
    assert kept.unfinished() == []


def test_failure_after_a_release_that_slack_missed_has_its_own_message(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """The missing message is about the execution that published the release, not about this one."""
    release = record_release()
    pipeline.execution(**TAKEN)
    slack.answers = [Slack.answer({"ok": False, "error": "channel_not_found"})]
    with pytest.raises(SlackError):
        invoke(lambda_, changed("STARTED"))
    slack.answers = []
    end(release)
    pipeline.execution(status="Succeeded")
    pipeline.fail("e2", **TAKEN | {"Frontend": "bad"})
    invoke(lambda_, changed("FAILED", execution="e2"))
    assert [text for text in slack.texts if "failed in Build" in text]
    assert [text for text in slack.texts if "a 2.0.0 is live" in text]
