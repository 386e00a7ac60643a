"""The Slack stand-in, through slack_sdk's own client."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from local.serving import Server
from local.slack import app
from local.waiting import PATIENCE
from tests.standins.conftest import call

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Route planner* 2.1.0"}}


@pytest.fixture
def url(serving: Callable[[Any], Server]) -> str:
    """The address of a running stand-in."""
    return serving(app.application(token="xoxb-right", channels={"releases": "C1"})).url


@pytest.fixture
def client(url: str) -> WebClient:
    """slack_sdk's client, as the notifier uses it."""
    return WebClient("xoxb-right", base_url=f"{url}/api/", timeout=int(PATIENCE))


def messages(url: str) -> Any:
    """The messages as they look now."""
    return call(f"{url}/_phaseline/messages").json()


def section(text: str) -> dict[str, Any]:
    """A section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def plain(text: str) -> dict[str, Any]:
    """A text object."""
    return {"type": "plain_text", "text": text}


def test_message_is_posted_updated_and_threaded(client: WebClient, url: str) -> None:
    """A message keeps its ts through an update; a reply names it."""
    posted = client.chat_postMessage(channel="#releases", text="building", blocks=[SECTION])
    reply = client.chat_postMessage(channel="C1", text="log", thread_ts=posted["ts"])
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="live", blocks=[])

    assert posted["ok"]
    assert messages(url) == [
        {
            "channel": "C1",
            "ts": posted["ts"],
            "text": "live",
            "blocks": [],
            "history": ["building", "live"],
        },
        {
            "channel": "C1",
            "ts": reply["ts"],
            "text": "log",
            "blocks": [],
            "history": ["log"],
            "thread_ts": posted["ts"],
        },
    ]


def test_a_timestamp_is_the_time_and_a_name(client: WebClient) -> None:
    """It is the time of posting in seconds, and another for each message."""
    before = time.time()
    posted = [str(client.chat_postMessage(channel="C1", text="x")["ts"]) for _ in range(9)]
    assert len(set(posted)) == 9
    assert all(before - 1 < float(ts) < time.time() + 1 for ts in posted)


def test_form_fields_are_read_like_json(url: str) -> None:
    """Token and blocks may come as form fields, the blocks as JSON text."""
    form = b"token=xoxb-right&channel=C1&text=hello&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = call(f"{url}/api/chat.postMessage", method="POST", body=form, headers=kind).json()

    assert answer["ok"]
    assert messages(url)[0]["blocks"] == [{"type": "divider"}]


def test_auth_test_names_the_bot(client: WebClient) -> None:
    """auth.test says who the token is."""
    assert client.auth_test()["team"] == "Acme"


@pytest.mark.parametrize(
    ("method", "fields", "error"),
    [
        ("chat.postMessage", {"channel": "#unknown", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C1"}, "no_text"),
        ("chat.postMessage", {"channel": "C1", "blocks": "["}, "invalid_blocks_format"),
        ("chat.update", {"channel": "C1", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("chat.update", {"channel": "#releases", "ts": "1.1", "text": "x"}, "channel_not_found"),
        ("chat.unknown", {}, "unknown_method"),
    ],
)
def test_wrong_request_gets_slacks_name_for_it(
    client: WebClient, url: str, method: str, fields: dict[str, Any], error: str
) -> None:
    """A refusal is HTTP 200 with ok false and the error's name."""
    with pytest.raises(SlackApiError) as raised:
        client.api_call(method, json=fields)

    assert (raised.value.response.status_code, raised.value.response["error"]) == (200, error)
    assert messages(url) == []


@pytest.mark.parametrize(("token", "error"), [("xoxb-old", "invalid_auth"), ("", "not_authed")])
def test_token_is_checked(url: str, token: str, error: str) -> None:
    """A revoked token and a missing one have names of their own."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = call(f"{url}/api/auth.test", method="POST", body={}, headers=headers)

    assert answer.json() == {"ok": False, "error": error}


@pytest.mark.parametrize(
    ("blocks", "pointer"),
    [
        ([{"type": "divider"}] * 51, "/blocks"),
        ([{"type": "banner"}], "/blocks/0/type"),
        ([section("x" * 3001)], "/blocks/0/text/text"),
        ([section("")], "/blocks/0/text/text"),
        ([{"type": "section"}], "/blocks/0"),
        ([{"type": "header", "text": plain("x" * 151)}], "/blocks/0/text/text"),
        ([{"type": "header", "text": SECTION["text"]}], "/blocks/0/text"),
        ([{"type": "section", "fields": [plain("x")] * 11}], "/blocks/0/fields"),
        ([{"type": "section", "fields": [plain("x" * 2001)]}], "/blocks/0/fields/0/text"),
        ([{"type": "context", "elements": []}], "/blocks/0/elements"),
        ([{"type": "actions", "elements": []}], "/blocks/0/elements"),
        ([{"type": "divider", "block_id": "a"}] * 2, "/blocks/1/block_id"),
    ],
)
def test_blocks_outside_slacks_limits_are_refused(
    client: WebClient, blocks: list[dict[str, Any]], pointer: str
) -> None:
    """invalid_blocks says where: the first message carries a JSON pointer."""
    with pytest.raises(SlackApiError) as raised:
        client.chat_postMessage(channel="C1", text="x", blocks=blocks)

    assert raised.value.response["error"] == "invalid_blocks"
    assert raised.value.response["errors"][0].endswith(f"[json-pointer:{pointer}]")


def test_blocks_at_slacks_limits_are_taken(client: WebClient) -> None:
    """The limits themselves are allowed."""
    header = {"type": "header", "text": plain("x" * 150)}
    fields = {"type": "section", "fields": [plain("x" * 500)] * 10}
    context = {"type": "context", "elements": [{"type": "image"}, plain("x")]}
    blocks = [header, section("x" * 3000), fields, context, *[{"type": "divider"}] * 46]

    assert client.chat_postMessage(channel="C1", text="x", blocks=blocks)["ok"]


def test_message_too_long_as_a_whole_is_refused(client: WebClient) -> None:
    """Blocks that are each allowed can be too long together."""
    with pytest.raises(SlackApiError) as raised:
        client.chat_postMessage(channel="C1", text="x", blocks=[section("x" * 3000)] * 5)

    assert raised.value.response["error"] == "msg_blocks_too_long"


def test_rate_limit_is_answered_with_retry_after(client: WebClient, url: str) -> None:
    """An ordered 429 reaches slack_sdk's retry handler, and the next try is posted."""
    order = {"status": 429, "headers": {"Retry-After": "0"}}
    call(f"{url}/_phaseline/faults", method="POST", body=order)
    with pytest.raises(SlackApiError) as raised:
        client.chat_postMessage(channel="C1", text="x")
    assert raised.value.response["error"] == "ratelimited"

    call(f"{url}/_phaseline/faults", method="POST", body=order)
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    client.chat_postMessage(channel="C1", text="y")
    assert [message["text"] for message in messages(url)] == ["y"]


def test_history_is_json(client: WebClient, url: str) -> None:
    """Posted blocks come back as they were sent."""
    client.chat_postMessage(channel="C1", text="x", blocks=json.dumps([SECTION]))
    assert messages(url)[0]["blocks"] == [SECTION]
