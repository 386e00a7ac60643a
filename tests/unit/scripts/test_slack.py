"""A command's messages: in the thread of the pipeline's, or of their own, and never a failure."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from phaseline.releases.release import VERIFIED
from phaseline.slack import message_record
from phaseline.slack.channel import SlackChannel
from phaseline.slack.rendering import Message
from scripts import slack
from scripts.services import Services
from scripts.slack import PostResult, TokenVariable
from tests.builders.calls import Calls
from tests.builders.environments import DEMO
from tests.builders.executions import E1, summary
from tests.builders.releases import release
from tests.builders.stores import AT, make_table

TOKEN_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-abc123"
MESSAGE = Message("text", ({"type": "section", "text": {"type": "plain_text", "text": "x"}},))
REVISION = [("opt", 7)]
UNTIL = float("inf")


class Slack:
    """Slack's API, which takes everything, or gives one answer for ever."""

    def __init__(self, server: HTTPServer) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Response | None = None
        for method in ("chat.postMessage", "chat.update"):
            server.expect_request(f"/api/{method}").respond_with_handler(self._take)
        self._lock = threading.Lock()

    def _take(self, request: Request) -> Response:
        with self._lock:
            self.asked.append(request.get_json())
            taken = {"ok": True, "ts": f"1.{len(self.asked)}", "channel": "C1"}
            return self.answer or Response(json.dumps(taken), content_type="application/json")

    @property
    def texts(self) -> list[str]:
        return [fields["text"] for fields in self.asked]


@pytest.fixture
def server(httpserver: HTTPServer) -> Slack:
    return Slack(httpserver)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    """A bot's token in the environment."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "token-of-a-bot")
    return "token-of-a-bot"


@pytest.fixture
def services(httpserver: HTTPServer) -> Iterator[Services]:
    """An environment whose execution E1 has succeeded with the version v7 of a document."""
    with mock_aws():
        found = Services("demo")
        vars(found)["environment"] = replace(
            DEMO, slack_api_url=httpserver.url_for("/api/"), slack_token_arn=TOKEN_ARN
        )
        make_table(found.ledger.client, "ledger")
        earlier = summary("e0", "Succeeded", Frontend="same")
        executed = summary(E1, "Succeeded", Frontend="same", Opt="v7")
        Calls(
            found.codepipeline,
            ListPipelineExecutions=lambda _: {"pipelineExecutionSummaries": [executed, earlier]},
            ListActionExecutions=lambda _: {"actionExecutionDetails": []},
        )
        yield found


def released(services: Services) -> None:
    """Revision 7 holds a release that was verified, and Slack's message stands for it already."""
    one = release(document_version="v7")
    services.ledger.record([one], at=AT)
    tell(services)
    services.ledger.stamp(one, VERIFIED, at=AT, state=VERIFIED)


def tell(services: Services, claim: str | None = slack.PUBLISHED, **about: Any) -> PostResult:
    """Tell the message about the execution E1."""
    return slack.post(services, MESSAGE, **({"execution": E1, "claim": claim} | about))


def test_message_with_a_claim_is_posted_once(services: Services, token: str, server: Slack) -> None:
    """If the pipeline has no message."""
    assert tell(services, revisions=REVISION) == PostResult(True, "posted as 1.1")
    assert not tell(services, revisions=REVISION).posted
    assert tell(services, slack.FAILED, revisions=REVISION).posted
    assert server.texts == ["text", "text"]


def test_request_of_another_revision_is_posted(
    services: Services, token: str, server: Slack
) -> None:
    """A hold is posted although its execution carries releases that have a message."""
    released(services)
    assert tell(services, revisions=[("opt", 8)]).posted
    assert server.texts[-1] == "text"


def test_message_without_execution_and_claim_is_posted_each_time(
    services: Services, token: str, server: Slack
) -> None:
    for _ in range(2):
        assert slack.post(services, MESSAGE).posted
    assert server.texts == ["text", "text"]


@pytest.mark.parametrize("about", [{"revisions": REVISION}, {}])
def test_message_of_the_pipeline_is_updated_instead(
    services: Services, token: str, server: Slack, about: dict[str, Any]
) -> None:
    """Nothing is posted beside it."""
    released(services)
    assert "waits" in server.texts[0]
    assert not tell(services, **about).posted
    shown = [fields for fields in server.asked if "thread_ts" not in fields]
    assert [fields["text"].rpartition(" 1.0.0 ")[2] for fields in shown][-1] == "is live"
    assert "text" not in server.texts


def test_other_result_is_one_reply_in_the_thread(
    services: Services, token: str, server: Slack
) -> None:
    released(services)
    assert tell(services, "slack#unverified", revisions=REVISION).posted
    assert server.asked[-1]["thread_ts"] == "1.1"
    assert not tell(services, "slack#unverified", revisions=REVISION).posted
    assert server.texts.count("text") == 1


def test_claim_is_respected_until_it_expires(services: Services, token: str, server: Slack) -> None:
    scope, now = message_record.of_revision("opt", 7), time.time()
    services.ledger.claim(scope, slack.PUBLISHED, now=now, lease=30)
    assert not tell(services, revisions=REVISION).posted
    services.ledger.claim(scope, slack.FAILED, now=now - 60, lease=30)
    assert tell(services, slack.FAILED, revisions=REVISION).posted


def test_refusal_is_noted_with_its_code(services: Services, token: str, server: Slack) -> None:
    refusal = json.dumps({"ok": False, "error": "channel_not_found"})
    server.answer = Response(refusal, content_type="application/json")
    assert tell(services) == PostResult(False, "no message could be posted (channel_not_found)")


@pytest.mark.parametrize("code", ["message_not_found", "channel_not_found"])
def test_refused_edit_of_a_deleted_message_is_no_error(
    services: Services, token: str, server: Slack, code: str
) -> None:
    """Any other refusal is an error."""
    where = services.environment
    channel = SlackChannel(where.slack_channel, where.slack_api_url, TokenVariable(token), UNTIL)
    refusal = json.dumps({"ok": False, "error": code})
    server.answer = Response(refusal, content_type="application/json")
    posted = message_record.Posted("C1", "1.1")
    if code == "message_not_found":
        assert not channel.update(posted, MESSAGE)
    else:
        with pytest.raises(Exception, match=code):
            channel.update(posted, MESSAGE)


@pytest.mark.parametrize("status", [500, 302, 200])
def test_malformed_answer_is_noted_without_the_token(
    services: Services, token: str, httpserver: HTTPServer, server: Slack, status: int
) -> None:
    server.answer = Response(
        "<html>", status=status, headers={"Location": httpserver.url_for("/away")}
    )
    told = tell(services)
    assert not told.posted
    assert token not in told.note


def test_missing_token_is_noted_with_its_secret(services: Services) -> None:
    assert TOKEN_ARN in tell(services).note
