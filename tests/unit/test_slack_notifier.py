"""The notifier, from a job or an event to Slack, and what a failing Slack does (nothing)."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from phaseline.errors import InputError, PhaselineError
from phaseline.ledger import Ledger, Release
from tests.conftest import LoadHandler
from tests.events.jobs import CANARIES, EXECUTION, JOB, Context, lambda_job, pipeline_failed
from tests.unit.calls import Answer, Calls, JobAnswers
from tests.unit.test_ledger import make_table

TOKEN, NEW_TOKEN = "xoxb-CANARY-TOKEN", "xoxb-CANARY-TOKEN-2"


def notify(outcome: str = "published") -> dict[str, Any]:
    """The job of the Notify action, after a Publish with this outcome."""
    return lambda_job(commit="c0ffee0123456789", outcome=outcome, revisions="opt=7")


EVENT = notify()
OK = {"ok": True, "ts": "1.2", "channel": "C1"}


class Slack:
    """Slack's API: gives its answers one after the other, the last one for ever."""

    def __init__(self, server: HTTPServer) -> None:
        self.posts: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.answers: list[Response] = [self.answer(OK)]
        server.expect_request("/api/chat.postMessage").respond_with_handler(self._take)
        self._lock = threading.Lock()

    @staticmethod
    def answer(body: Any, status: int = 200, **headers: str) -> Response:
        data = body if isinstance(body, str) else json.dumps(body)
        return Response(data, status, {"Content-Type": "application/json", **headers})

    def _take(self, request: Request) -> Response:
        with self._lock:
            self.posts.append(request.get_json())
            self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def slack(httpserver: HTTPServer) -> Slack:
    return Slack(httpserver)


@pytest.fixture
def lambda_(load_handler: LoadHandler, httpserver: HTTPServer) -> Iterator[ModuleType]:
    with mock_aws():
        make_table(boto3.client("dynamodb"), "ledger")
        secret = boto3.client("secretsmanager").create_secret(Name="slack", SecretString=TOKEN)
        yield load_handler(
            "slack_notifier",
            {
                "ENVIRONMENT": "demo",
                "SLACK_CHANNEL": "C1",
                "SLACK_TOKEN_ARN": secret["ARN"],
                "SLACK_API_URL": httpserver.url_for("/api/"),
                "LEDGER_TABLE": "ledger",
                "SITE_URL": "https://site.example",
                "PIPELINE_NAME": "phaseline-demo",
            },
        )


def course(_: dict[str, Any]) -> dict[str, Any]:
    """An execution that started two minutes ago and failed in its build."""
    started = datetime.now(UTC) - timedelta(minutes=2)
    return {
        "actionExecutionDetails": [
            {
                "stageName": "Build",
                "actionName": "Build",
                "status": "Failed",
                "startTime": started,
                "lastUpdateTime": started,
                "output": {
                    "executionResult": {
                        "errorDetails": {"message": "exit status 1"},
                        "externalExecutionUrl": "https://logs.example/build",
                    }
                },
            }
        ]
    }


def invoke(
    module: ModuleType, event: Any = EVENT, seconds: float = 30, **answers: Any
) -> JobAnswers:
    """Invoke the function; what it answered to CodePipeline."""
    made = JobAnswers(module._CODEPIPELINE, **({"ListActionExecutions": course} | answers))
    module.handler(event, Context(seconds))
    return made


def shown(post: dict[str, Any]) -> str:
    """All of a message's texts."""
    return json.dumps(post, ensure_ascii=False)


def lost(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines about lost messages; asserts that nothing printed shows a secret."""
    out, err = capsys.readouterr()
    assert not any(canary in out + err for canary in (*CANARIES, TOKEN, NEW_TOKEN))
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [line for line in lines if "SlackMessageLost" in line]


def record_release(version: str, *, revision: int) -> None:
    """Write an open release of opt/a that a document's revision holds."""
    release = Release(
        release_id=f"r{version}",
        type="opt",
        algorithm="a",
        version=version,
        action="promote",
        previous="1.0.0",
        requested_at="2026-11-24T20:00:00Z",
        sequence=str(revision),
        reason="its phase was set",
        document_version=f"v{revision}",
        revision=revision,
    )
    Ledger(boto3.client("dynamodb"), "ledger").record([release], at=release.requested_at)


def test_announces_a_publication(lambda_: ModuleType, slack: Slack) -> None:
    """The message names open releases, commit, duration, site and execution."""
    record_release("2.0.0", revision=7)
    answers = invoke(lambda_)
    assert answers.successes == [{"jobId": JOB}]
    (post,) = slack.posts
    assert post["channel"] == "C1"
    for said in ("*a* → 2.0.0, was 1.0.0", "c0ffee0", "2 min", "site.example", EXECUTION):
        assert said in shown(post)


def test_only_what_was_built_is_told(lambda_: ModuleType, slack: Slack) -> None:
    """A release of a document that is newer than the build is the next execution's to tell."""
    record_release("2.0.0", revision=7)
    record_release("2.1.0", revision=8)
    invoke(lambda_)
    assert "2.0.0" in slack.posts[0]["text"]
    assert "2.1.0" not in shown(slack.posts[0])


@pytest.mark.parametrize("outcome", ["superseded", "overtaken"])
def test_nothing_published_is_nothing_told(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str], outcome: str
) -> None:
    """An execution that published nothing passes without a message, which is no loss."""
    answers = invoke(lambda_, notify(outcome))
    assert answers.successes == [{"jobId": JOB}]
    assert slack.posts == []
    assert lost(capsys) == []


def test_tells_a_failure(lambda_: ModuleType, slack: Slack) -> None:
    """The message names stage, action and reason, and links to log and execution."""
    answers = invoke(lambda_, pipeline_failed())
    assert answers.successes + answers.failures == []
    for said in ("Build / Build", "exit status 1", "https://logs.example/build", EXECUTION):
        assert said in shown(slack.posts[0])


@pytest.mark.parametrize("event", [EVENT, pipeline_failed()])
def test_a_second_delivery_posts_nothing(lambda_: ModuleType, slack: Slack, event: Any) -> None:
    """The same job or event twice is one message."""
    invoke(lambda_, event)
    invoke(lambda_, event)
    assert len(slack.posts) == 1


def test_a_failed_retry_is_told_again(lambda_: ModuleType, slack: Slack) -> None:
    """The failure of an execution's next attempt is a message of its own."""
    invoke(lambda_, pipeline_failed())
    invoke(lambda_, pipeline_failed(attempt=2))
    assert len(slack.posts) == 2


def test_a_crash_after_the_post_repeats_it_rather_than_loses_it(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim that was never settled ends with its lease; before that, nobody else posts."""
    Calls(lambda_._LEDGER.client, UpdateItem=lambda _: ConnectionError("killed"))
    with pytest.raises(PhaselineError):
        invoke(lambda_, pipeline_failed(), seconds=59)
    invoke(lambda_, pipeline_failed())
    assert len(slack.posts) == 1
    claim = {"pk": {"S": f"execution#{EXECUTION}"}, "sk": {"S": "slack#failed#1"}}
    table = boto3.client("dynamodb")
    item = table.get_item(TableName="ledger", Key=claim)["Item"]
    assert 55 < float(item["claimed_until"]["N"]) - time.time() < 60
    table.put_item(TableName="ledger", Item=item | {"claimed_until": {"N": "0"}})
    with pytest.raises(PhaselineError):
        invoke(lambda_, pipeline_failed())
    assert len(slack.posts) == 2


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
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    """Whatever Slack answers, the action succeeds, and the loss is counted once, on one line."""
    slack.answers = [FAULTS[fault]]
    started = time.monotonic()
    answers = invoke(lambda_, seconds=10)
    assert time.monotonic() - started < 10
    assert (len(answers.successes), len(answers.failures)) == (1, 0)
    (line,) = lost(capsys)
    assert "\n" not in line["error"]
    if "_" in fault:
        assert fault in line["error"]


def test_a_silent_slack_is_given_up_in_time(
    lambda_: ModuleType, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Slack that never answers costs less time than the function has."""

    def hang(_: Request) -> Response:
        time.sleep(3)
        return Slack.answer(OK)

    httpserver.expect_request("/api/chat.postMessage").respond_with_handler(hang)
    started = time.monotonic()
    answers = invoke(lambda_, seconds=5)
    assert time.monotonic() - started < 5
    assert len(answers.successes) == 1
    assert "TimeoutError" in lost(capsys)[0]["error"]


def test_an_unreachable_slack(
    lambda_: ModuleType, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused connection is tried again and then counted."""
    object.__setattr__(lambda_._SETTINGS, "api_url", "http://127.0.0.1:1/api/")
    assert len(invoke(lambda_).successes) == 1
    assert "URLError" in lost(capsys)[0]["error"]


def test_a_lost_failure_message_is_left_to_lambda(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message about a failure raises when it is lost, so that the event is delivered again."""
    slack.answers = [Slack.answer({"ok": False, "error": "channel_not_found"})]
    with pytest.raises(PhaselineError, match="channel_not_found"):
        invoke(lambda_, pipeline_failed())
    assert len(lost(capsys)) == 1


def test_a_rate_limit_is_obeyed(lambda_: ModuleType, slack: Slack) -> None:
    """After a 429 it waits as long as asked, then posts."""
    slack.answers = [Slack.answer("{}", 429, **{"Retry-After": "1"}), Slack.answer(OK)]
    started = time.monotonic()
    invoke(lambda_)
    assert time.monotonic() - started > 1
    assert len(slack.posts) == 2


def test_a_passing_server_error_is_tried_again(lambda_: ModuleType, slack: Slack) -> None:
    """One 500 does not lose the message."""
    slack.answers = [Slack.answer("oops", 500), Slack.answer(OK)]
    invoke(lambda_)
    assert len(slack.posts) == 2


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked"])
def test_a_rotated_token_is_fetched_again(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """A token that Slack refuses is fetched anew, once."""
    lambda_._TOKEN.value()
    boto3.client("secretsmanager").put_secret_value(SecretId="slack", SecretString=NEW_TOKEN)
    slack.answers = [Slack.answer({"ok": False, "error": code}), Slack.answer(OK)]
    invoke(lambda_)
    assert slack.tokens == [TOKEN, NEW_TOKEN]
    assert lost(capsys) == []


def test_a_wrong_token_is_given_up(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that is refused twice is a lost message, and is not shown."""
    slack.answers = [Slack.answer({"ok": False, "error": "invalid_auth"})]
    invoke(lambda_)
    assert len(slack.tokens) == 2
    assert "invalid_auth" in lost(capsys)[0]["error"]


@pytest.mark.parametrize("answer", ["AccessDeniedException", ConnectionError("no way")])
@pytest.mark.parametrize("call", ["PutItem", "Query", "GetSecretValue"])
def test_a_fault_of_aws_never_fails_the_pipeline(
    lambda_: ModuleType,
    slack: Slack,
    capsys: pytest.CaptureFixture[str],
    call: str,
    answer: Answer,
) -> None:
    """Without ledger or secret there is no message, but a success and a count of the loss."""
    client = lambda_._TOKEN.secretsmanager if call == "GetSecretValue" else lambda_._LEDGER.client
    Calls(client, **{call: lambda _: answer})
    answers = invoke(lambda_)
    assert (len(answers.successes), len(answers.failures)) == (1, 0)
    assert len(lost(capsys)) == 1


def test_without_details_the_message_still_goes_out(lambda_: ModuleType, slack: Slack) -> None:
    """Where CodePipeline tells nothing about the actions, the message says so and is posted."""
    invoke(lambda_, pipeline_failed(), ListActionExecutions=lambda _: "AccessDeniedException")
    assert "not known" in shown(slack.posts[0])


def test_a_job_without_parameters_never_fails_the_pipeline(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misconfigured action is a lost message that names the missing parameter."""
    answers = invoke(lambda_, lambda_job())
    assert (len(answers.successes), len(answers.failures)) == (1, 0)
    assert "UserParameters.revisions" in lost(capsys)[0]["error"]


def test_an_answer_that_is_not_taken_is_left_to_lambda(lambda_: ModuleType, slack: Slack) -> None:
    """Where CodePipeline takes no answer, the invocation fails, so that Lambda repeats it."""
    losses = [ConnectionError("lost")]
    taken: Answer = {}
    fails_once: Any = {"PutJobSuccessResult": lambda _: losses.pop() if losses else taken}
    with pytest.raises(ConnectionError):
        invoke(lambda_, **fails_once)
    invoke(lambda_)
    assert len(slack.posts) == 1


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": None}])
def test_a_foreign_event_is_refused(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    """An event without an execution is named as such."""
    with pytest.raises(InputError, match="execution-id"):
        invoke(lambda_, event)
    assert slack.posts == []
