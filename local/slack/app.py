"""A stand-in for the Slack Web API: chat.postMessage, chat.update and auth.test.

It takes form fields or JSON, as Slack does, and answers wrong requests with Slack's own error
names (https://docs.slack.dev/reference/methods/chat.postMessage#errors). Controls:

- `GET /_phaseline/messages` lists the messages as they look now, each with the texts it had
- `POST /_phaseline/faults` makes the next requests fail (serving.py); Slack's rate limit is
  `{"status": 429, "headers": {"Retry-After": "1"}}`
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask, jsonify, request

from local.serving import CONTROL, Faults
from local.slack.blocks import problems, too_long

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Method = Callable[[Mapping[str, Any]], dict[str, Any]]
TEAM = {"team": "Acme", "team_id": "T0ACME", "user": "phaseline", "user_id": "U0PHASE"}


class SlackError(Exception):
    """A refusal: Slack's error code, and additional fields of the answer."""

    def __init__(self, name: str, *messages: str) -> None:
        super().__init__(name)
        self.messages = messages


class Workspace:
    """The channels and messages of one workspace."""

    def __init__(self, channels: Mapping[str, str]) -> None:
        self.messages: list[dict[str, Any]] = []
        self._ids = set(channels.values())
        self._names = {f"#{name}": id_ for name, id_ in channels.items()} | dict(channels)
        self._newest = 0.0
        self._lock = threading.Lock()

    def post(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """chat.postMessage. The channel is an ID or a name."""
        channel = self._channel(fields, by_name=True)
        content = read_content(fields)
        thread = fields.get("thread_ts")
        with self._lock:
            # As in Slack, the time of posting. It is different for each message.
            self._newest = max(time.time(), self._newest + 0.000001)
            ts = f"{self._newest:.6f}"
            message = {"channel": channel, "ts": ts, **content, "history": [content["text"]]}
            if thread:
                message["thread_ts"] = thread
            self.messages.append(message)
        return {"channel": channel, "ts": ts, "message": {"ts": ts, **content}}

    def update(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """chat.update. The channel is an ID."""
        channel = self._channel(fields, by_name=False)
        content = read_content(fields)
        ts = fields.get("ts")
        with self._lock:
            found = [
                item for item in self.messages if (item["channel"], item["ts"]) == (channel, ts)
            ]
            if not found:
                raise SlackError("message_not_found")
            found[0].update(content)
            found[0]["history"].append(content["text"])
        return {"channel": channel, "ts": ts, "text": content["text"], "message": content}

    def _channel(self, fields: Mapping[str, Any], *, by_name: bool) -> str:
        """Return the ID of the channel that the fields name."""
        given = fields.get("channel", "")
        if given in self._ids:
            return str(given)
        if by_name and given in self._names:
            return self._names[given]
        raise SlackError("channel_not_found")


def read_content(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked text and blocks of a message."""
    blocks = fields.get("blocks") or []
    if isinstance(blocks, str):
        try:
            blocks = json.loads(blocks)
        except ValueError:
            raise SlackError("invalid_blocks_format") from None
    if not fields.get("text") and not blocks:
        raise SlackError("no_text")
    if found := problems(blocks):
        raise SlackError("invalid_blocks", *found)
    if too_long(blocks):
        raise SlackError("msg_blocks_too_long")
    return {"text": fields.get("text", ""), "blocks": blocks}


def application(*, token: str, channels: Mapping[str, str]) -> "WSGIApplication":
    """Return the API for one bot token. `channels` has the ID of each channel with the bot."""
    app = Flask(__name__)
    workspace = Workspace(channels)
    methods: dict[str, Method] = {
        "chat.postMessage": workspace.post,
        "chat.update": workspace.update,
        "auth.test": lambda _: {"url": "https://acme.slack.com/", **TEAM},
    }

    @app.post("/api/<method>")
    def call(method: str) -> Any:
        try:
            fields = read_fields()
            authenticate(fields, token)
            return jsonify({"ok": True, **methods.get(method, unknown_method)(fields)})
        except SlackError as error:
            answer: dict[str, Any] = {"ok": False, "error": str(error)}
            if error.messages:
                answer["errors"] = list(error.messages)
                answer["response_metadata"] = {"messages": [f"[ERROR] {m}" for m in error.messages]}
            return jsonify(answer)

    @app.get(f"{CONTROL}messages")
    def messages() -> Any:
        return jsonify(workspace.messages)

    return Faults(
        app,
        lambda status: {"ok": False, "error": "ratelimited" if status == 429 else "fatal_error"},
    )


def read_fields() -> dict[str, Any]:
    """Return the fields of the current request, from JSON or from a form."""
    if not request.is_json:
        return request.form.to_dict()
    fields = request.get_json(silent=True) if request.get_data() else {}
    if not isinstance(fields, dict):
        raise SlackError("invalid_json")
    return fields


def unknown_method(_: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse a method that this stand-in does not have."""
    raise SlackError("unknown_method")


def authenticate(fields: Mapping[str, Any], token: str) -> None:
    """Check the token, which is in a header or in a field."""
    _, _, given = request.headers.get("Authorization", "").partition(" ")
    given = given or fields.get("token", "")
    if not given:
        raise SlackError("not_authed")
    if given != token:
        raise SlackError("invalid_auth")
