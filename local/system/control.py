"""Requests to the stand-ins, and the state of Slack and GitHub that they report."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from local.system import STANDINS_LOG, System
from local.waiting import PATIENCE
from phaseline.errors import RemoteCallError


def slack_messages(system: System) -> list[dict[str, Any]]:
    """Return the messages in Slack, the oldest first."""
    base = system.slack_url.removesuffix("api/")
    return _list(system, "Slack", f"{base}_phaseline/messages")


def runs(system: System) -> list[dict[str, Any]]:
    """Return the workflow runs, the oldest first."""
    return _list(system, "GitHub", f"{system.github_url}/_phaseline/runs")


def dispatches(system: System) -> list[dict[str, Any]]:
    """Return the repository_dispatch events that GitHub received, the oldest first."""
    return _list(system, "GitHub", f"{system.github_url}/_phaseline/dispatches")


def ask(
    system: System,
    part: str,
    method: str,
    url: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Send a request to a stand-in, and return its JSON. Raises RemoteCallError if it refuses."""
    answer = urllib3.request(
        method, url, json=body, headers=headers, retries=False, timeout=PATIENCE
    )
    if answer.status >= 400:
        where = f"{part}, {method} {urlsplit(url).path}"
        found = f"{answer.status} {_message(answer.data.decode(errors='replace'))}"
        raise RemoteCallError(where, found, f"Its log is {system.folder / STANDINS_LOG}")
    return answer.json() if answer.data else None


def _list(system: System, part: str, url: str) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = ask(system, part, "GET", url)
    return values


def _message(body: str) -> str:
    """Return the message of a JSON answer in GitHub's form, or the text of any other answer."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.strip()
