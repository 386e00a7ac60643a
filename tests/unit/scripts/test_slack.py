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


def test_told_once(services: Services, token: str, server: Slack) -> None:
    """Where the pipeline tells nothing, one message for one claim, however often it is told."""
    assert tell(services, revisions=REVISION) == PostResult(True, "posted as 1.1")
    assert not tell(services, revisions=REVISION).posted
    assert tell(services, slack.FAILED, revisions=REVISION).posted
    assert server.texts == ["text", "text"]


def test_a_request_of_its_own(services: Services, token: str, server: Slack) -> None:
    """A hold is told although its execution carries releases which have a message."""
    released(services)
    assert tell(services, revisions=[("opt", 8)]).posted
    assert server.texts[-1] == "text"


def test_without_an_execution(services: Services, token: str, server: Slack) -> None:
    """What failed before there was one is a message of its own, without a claim each time."""
    for _ in range(2):
        assert slack.post(services, MESSAGE).posted
    assert server.texts == ["text", "text"]


@pytest.mark.parametrize("about", [{"revisions": REVISION}, {}])
def test_the_pipeline_tells_it(
    services: Services, token: str, server: Slack, about: dict[str, Any]
) -> None:
    """Its message about the release is brought up to date, and nothing is posted beside it."""
    released(services)
    assert "waits" in server.texts[0]
    assert not tell(services, **about).posted
    shown = [fields for fields in server.asked if "thread_ts" not in fields]
    assert [fields["text"].rpartition(" 1.0.0 ")[2] for fields in shown][-1] == "is live"
    assert "text" not in server.texts


def test_what_the_pipeline_does_not_tell(services: Services, token: str, server: Slack) -> None:
    """Another outcome is a reply in the release's thread, once."""
    released(services)
    assert tell(services, "slack#unverified", revisions=REVISION).posted
    assert server.asked[-1]["thread_ts"] == "1.1"
    assert not tell(services, "slack#unverified", revisions=REVISION).posted
    assert server.texts.count("text") == 1


def test_a_claim_that_lapses(services: Services, token: str, server: Slack) -> None:
    """What another has claimed is left to it, until its claim lapses unsettled."""
    scope, now = message_record.of_revision("opt", 7), time.time()
    services.ledger.claim(scope, slack.PUBLISHED, now=now, lease=30)
    assert not tell(services, revisions=REVISION).posted
    services.ledger.claim(scope, slack.FAILED, now=now - 60, lease=30)
    assert tell(services, slack.FAILED, revisions=REVISION).posted


def test_slack_refuses(services: Services, token: str, server: Slack) -> None:
    """A refusal is told by Slack's code, and is no error."""
    refusal = json.dumps({"ok": False, "error": "channel_not_found"})
    server.answer = Response(refusal, content_type="application/json")
    assert tell(services) == PostResult(False, "no message could be posted (channel_not_found)")


@pytest.mark.parametrize("code", ["message_not_found", "channel_not_found"])
def test_an_edit_that_slack_refuses(
    services: Services, token: str, server: Slack, code: str
) -> None:
    """A message that is gone is no error of the channel's: each is told by its code."""
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
def test_slack_answers_nonsense(
    services: Services, token: str, httpserver: HTTPServer, server: Slack, status: int
) -> None:
    """Nor is an answer that is none of Slack's."""
    server.answer = Response(
        "<html>", status=status, headers={"Location": httpserver.url_for("/away")}
    )
    told = tell(services)
    assert not told.posted
    assert token not in told.note


def test_no_token(services: Services) -> None:
    """Without a token nothing is posted, and the note says where it was looked for."""
    assert TOKEN_ARN in tell(services).note
