"""Slack notifier: a Slack, an event or an AWS that fails."""

import threading
from types import ModuleType
from typing import Any

import boto3
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from local.waiting import PATIENCE
from phaseline.errors import InputError, PhaselineError
from tests.builders.calls import Answer, Calls
from tests.builders.slack_notifier import (
    NEW_TOKEN,
    OK,
    TOKEN,
    Pipeline,
    Slack,
    changed,
    invoke,
    lost,
)
from tests.builders.slack_notifier import _no_secret_is_logged as _no_secret_is_logged  # a fixture
from tests.builders.slack_notifier import lambda_ as lambda_  # a fixture
from tests.builders.slack_notifier import pauses as pauses  # a fixture
from tests.builders.slack_notifier import pipeline as pipeline  # a fixture
from tests.builders.slack_notifier import slack as slack  # a fixture
from tests.builders.slack_notifier import told as told  # a fixture
from tests.events.jobs import lambda_job

FAULTS: dict[str, Response] = {
    "a rate limit without end": Slack.answer("{}", 429, **{"Retry-After": "1"}),
    "a rate limit beyond the time": Slack.answer("{}", 429, **{"Retry-After": "999"}),
    "channel_not_found": Slack.answer({"ok": False, "error": "channel_not_found"}),
    "msg_blocks_too_long": Slack.answer({"ok": False, "error": "msg_blocks_too_long"}),
    "a server error": Slack.answer("oops", 500),
    "no JSON": Slack.answer("<html>"),
    "an empty answer": Slack.answer({}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_slack_never_fails_the_pipeline(
    lambda_: ModuleType,
    slack: Slack,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    """Whatever Slack answers, the action succeeds, and the loss is counted once, on one line."""
    slack.answers = [FAULTS[fault]]
    invoke(lambda_, seconds=10)
    assert (len(told.jobs.successes), len(told.jobs.failures)) == (1, 0)
    (line,) = lost(capsys)
    assert "\n" not in line["error"]
    if "_" in fault:
        assert fault in line["error"]


def test_a_silent_slack_is_given_up_in_time(
    lambda_: ModuleType,
    httpserver: HTTPServer,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A Slack that does not answer within the function's time is given up, and counted."""

    given_up = threading.Event()

    def hang(_: Request) -> Response:
        assert given_up.wait(PATIENCE)
        return Slack.answer({"ok": True, "ts": "1.2", "channel": "C1"})

    httpserver.expect_request("/api/chat.postMessage").respond_with_handler(hang)
    invoke(lambda_, seconds=5)
    given_up.set()
    assert len(told.jobs.successes) == 1
    assert "TimeoutError" in lost(capsys)[0]["error"]


def test_an_unreachable_slack(
    lambda_: ModuleType, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused connection is tried again and then counted."""
    object.__setattr__(lambda_._SETTINGS, "api_url", "http://127.0.0.1:1/api/")
    invoke(lambda_)
    assert len(told.jobs.successes) == 1
    assert "URLError" in lost(capsys)[0]["error"]


def test_a_lost_event_is_left_to_lambda(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an event could not tell raises, so that it is delivered again, and is told then."""
    slack.answers = [Slack.answer({"ok": False, "error": "channel_not_found"})]
    with pytest.raises(PhaselineError, match="channel_not_found"):
        invoke(lambda_, changed("STARTED", "Build"))
    assert len(lost(capsys)) == 1
    slack.answers = []
    invoke(lambda_, changed("STARTED", "Build"))
    assert len(slack.posts) == 2


def test_a_rate_limit_is_obeyed(
    lambda_: ModuleType, slack: Slack, told: Pipeline, pauses: list[float]
) -> None:
    """After a 429 it waits as long as asked, then posts."""
    slack.answers = [Slack.answer("{}", 429, **{"Retry-After": "1"}), OK]
    invoke(lambda_)
    (pause,) = pauses
    assert pause >= 1
    assert len(slack.posts) == 2


def test_a_passing_server_error_is_tried_again(
    lambda_: ModuleType, slack: Slack, told: Pipeline
) -> None:
    """One 500 does not lose the message."""
    slack.answers = [Slack.answer("oops", 500), OK]
    invoke(lambda_)
    assert len(slack.posts) == 2


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked"])
def test_a_rotated_token_is_fetched_again(
    lambda_: ModuleType,
    slack: Slack,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
    code: str,
) -> None:
    """A token that Slack refuses is fetched anew, once."""
    lambda_._TOKEN.value()
    boto3.client("secretsmanager").put_secret_value(SecretId="slack", SecretString=NEW_TOKEN)
    slack.answers = [Slack.answer({"ok": False, "error": code}), OK]
    invoke(lambda_)
    assert slack.tokens[:2] == [TOKEN, NEW_TOKEN]
    assert lost(capsys) == []


def test_a_wrong_token_is_given_up(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that is refused twice is a lost message, and is not shown."""
    slack.answers = [Slack.answer({"ok": False, "error": "invalid_auth"})]
    invoke(lambda_)
    assert len(slack.tokens) == 2
    assert "invalid_auth" in lost(capsys)[0]["error"]


@pytest.mark.parametrize("answer", ["AccessDeniedException", ConnectionError("no way")])
@pytest.mark.parametrize("call", ["UpdateItem", "GetItem", "Query", "GetSecretValue"])
def test_a_fault_of_aws_never_fails_the_pipeline(
    lambda_: ModuleType,
    slack: Slack,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
    call: str,
    answer: Answer,
) -> None:
    """Without ledger or secret there is no message, but a success, and the loss is counted."""
    client = lambda_._TOKEN.secretsmanager if call == "GetSecretValue" else lambda_._LEDGER.client
    Calls(client, **{call: lambda _: answer})
    invoke(lambda_)
    assert (len(told.jobs.successes), len(told.jobs.failures)) == (1, 0)
    assert lost(capsys)
    assert slack.posts == []


@pytest.mark.parametrize(
    "unanswered", [["ListActionExecutions"], ["ListActionExecutions", "ListPipelineExecutions"]]
)
def test_without_details_the_message_still_goes_out(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, unanswered: list[str]
) -> None:
    """Where CodePipeline does not answer, the message says what the event does, and is posted."""
    pipeline.fail()
    for name in unanswered:
        pipeline.answers[name] = lambda _: "AccessDeniedException"
    invoke(lambda_, changed("FAILED"))
    assert slack.texts == [
        "website failed: The failed action is unknown. See the pipeline execution."
    ]


def test_a_job_without_parameters_never_fails_the_pipeline(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misconfigured action is a lost message that names the missing parameter."""
    event = lambda_job(execution="")
    invoke(lambda_, event)
    assert (len(told.jobs.successes), len(told.jobs.failures)) == (1, 0)
    assert "UserParameters.execution" in lost(capsys)[0]["error"]


def test_an_answer_that_is_not_taken_is_left_to_lambda(
    lambda_: ModuleType, slack: Slack, told: Pipeline
) -> None:
    """Where CodePipeline takes no answer, the invocation fails, so that Lambda repeats it."""
    losses = [ConnectionError("lost")]
    told.answers["PutJobSuccessResult"] = lambda _: losses.pop() if losses else {}
    with pytest.raises(ConnectionError):
        invoke(lambda_)
    invoke(lambda_)
    assert len(slack.posts) == 1


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": None}, {"time": None}])
def test_a_foreign_event_is_refused(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    """An event without an execution is named as such."""
    with pytest.raises(InputError, match="execution-id"):
        invoke(lambda_, event)
    assert slack.asked == []
