"""What to do about an error code of Slack, and which code an answer has."""

from dataclasses import dataclass

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from local.waiting import PATIENCE
from phaseline.slack import refusals
from phaseline.slack.channel import SlackChannel, SlackError
from phaseline.slack.rendering import Message


@dataclass
class GivenToken:
    """A token, and how often it was read again."""

    read_again: int = 0

    def value(self) -> str:
        return "xoxb-canary"

    def refetch(self) -> str:
        self.read_again += 1
        return "xoxb-canary"


def error_of(server: HTTPServer, token: GivenToken, status: int, body: str) -> SlackError:
    """What a post raises that Slack answers so."""
    answer = Response(body, status, {"Retry-After": "999"}, content_type="application/json")
    server.expect_request("/api/chat.postMessage").respond_with_response(answer)
    channel = SlackChannel("C1", server.url_for("/api/"), token, PATIENCE, clock=lambda: 0.0)
    with pytest.raises(SlackError) as caught:
        channel.post(Message("text", ()))
    assert "canary" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "code", "remedy"),
    [
        (429, '{"ok": false, "error": "ratelimited"}', "ratelimited", "accepts no more messages"),
        (429, "{}", "ratelimited", "accepts no more messages"),
        (429, "", "ratelimited", "accepts no more messages"),
        (200, '{"ok": false, "error": "ratelimited"}', "ratelimited", "accepts no more"),
        (
            200,
            '{"ok": false, "error": "missing_scope"}',
            "missing_scope",
            "Give the app chat:write",
        ),
        (200, '{"ok": false, "error": "not_in_channel"}', "not_in_channel", "a member of the chan"),
        (200, '{"ok": false, "error": "channel_not_found"}', "channel_not_found", "channel's ID"),
        (200, '{"ok": false, "error": "invalid_auth"}', "invalid_auth", "Store the token"),
        (200, '{"ok": false, "error": "not_authed"}', "not_authed", "Store the token"),
        (200, '{"ok": false, "error": "msg_too_long"}', "msg_too_long", "docs.slack.dev"),
    ],
)
def test_answer_of_slack_has_its_own_remedy(
    httpserver: HTTPServer, status: int, body: str, code: str, remedy: str
) -> None:
    """A rate limit is no wrong token, and a missing scope no wrong channel."""
    token = GivenToken()
    found = error_of(httpserver, token, status, body)
    assert found.code == code
    assert remedy in found.remedy
    assert token.read_again == (code in refusals.TOKENS)
