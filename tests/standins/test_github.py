"""The GitHub stand-in, over HTTP."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from local import github
from local.serving import Server
from local.waiting import PATIENCE
from tests.standins.conftest import Answer, call

GOOD = {"event_type": "version-tested", "client_payload": {"release": "opt-route-planner-2.1.0"}}
PATH = "/repos/acme/automation/dispatches"


@pytest.fixture
def url(serving: Callable[[Any], Server]) -> str:
    """The address of a running stand-in."""
    return serving(github.application(token="right", repositories=["Acme/Automation"])).url


def dispatch(url: str, body: Any = GOOD, *, path: str = PATH, **headers: str) -> Answer:
    """Send a repository dispatch."""
    given = {"Authorization": "Bearer right", "User-Agent": "test", **headers}
    return call(f"{url}{path}", method="POST", body=body, headers=given)


def received(url: str, after: int = 0) -> Any:
    """What the stand-in has kept."""
    return call(f"{url}/_phaseline/dispatches?after={after}").json()


def test_dispatch_is_kept(url: str) -> None:
    """A right request is answered 204 without a body, and listed with its number."""
    answer = dispatch(url)
    dispatch(url, {"event_type": "other"}, Authorization="token right")

    assert (answer.status, answer.body) == (204, b"")
    assert received(url) == [
        {"number": 1, "repository": "acme/automation", **GOOD},
        {
            "number": 2,
            "repository": "acme/automation",
            "event_type": "other",
            "client_payload": {},
        },
    ]
    assert [item["number"] for item in received(url, after=1)] == [2]


@pytest.mark.parametrize(
    ("headers", "path", "status", "message"),
    [
        ({"Authorization": "Bearer wrong"}, PATH, 401, "Bad credentials"),
        ({"Authorization": ""}, PATH, 401, "Requires authentication"),
        ({"User-Agent": ""}, PATH, 403, "Request forbidden by administrative rules."),
        ({}, "/repos/acme/unknown/dispatches", 404, "Not Found"),
        ({}, "/nowhere", 404, "Not Found"),
    ],
)
def test_wrong_caller_is_refused(
    url: str, headers: dict[str, str], path: str, status: int, message: str
) -> None:
    """Token, agent and repository are checked before the body, in GitHub's words."""
    answer = dispatch(url, path=path, **headers)

    assert answer.status == status
    assert answer.json()["message"] == message
    assert answer.json()["status"] == str(status)
    assert received(url) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"client_payload": {}}, 422),
        ({"event_type": "x" * 101}, 422),
        ({"event_type": ""}, 422),
        ({"event_type": 5}, 422),
        ({"event_type": "x", "client_payload": {str(number): 1 for number in range(11)}}, 422),
        ({"event_type": "x", "client_payload": []}, 422),
        ({"event_type": "x", "client_payload": {"text": "x" * 65_525}}, 422),
        ([], 422),
        (b"{", 400),
    ],
)
def test_wrong_body_is_refused(url: str, body: Any, status: int) -> None:
    """A body outside GitHub's published description, or too large, is refused and not kept."""
    assert dispatch(url, body).status == status
    assert received(url) == []


@pytest.mark.parametrize(
    "body",
    [
        {"event_type": "x" * 100},
        {"event_type": "x", "client_payload": {str(number): 1 for number in range(10)}},
        {"event_type": "x", "client_payload": {"text": "x" * 65_523}},
    ],
)
def test_body_at_a_limit_is_taken(url: str, body: Any) -> None:
    """The limits themselves are allowed: 100 characters, 10 keys, 65,535 characters."""
    assert dispatch(url, body).status == 204


def test_ordered_refusals_have_no_effect(url: str) -> None:
    """The next two requests are refused as ordered, the third is carried out."""
    order = {"status": 429, "count": 2, "headers": {"Retry-After": "7"}}
    assert call(f"{url}/_phaseline/faults", method="POST", body=order).status == 204

    answers = [dispatch(url) for _ in range(3)]

    assert [answer.status for answer in answers] == [429, 429, 204]
    assert answers[0].headers["Retry-After"] == "7"
    assert len(received(url)) == 1


def test_a_fault_waits_for_its_requests(url: str) -> None:
    """One that is ordered for some requests only lets the others through."""
    order = {"status": 502, "method": "POST", "path": "/comments"}
    assert call(f"{url}/_phaseline/faults", method="POST", body=order).status == 204
    comments = f"{url}/repos/acme/automation/issues/1/comments"
    headers = {"Authorization": "Bearer right", "User-Agent": "test"}

    assert dispatch(url).status == 204
    assert call(comments, headers=headers).status == 404
    answers = [call(comments, method="POST", body={"body": "x"}, headers=headers) for _ in "12"]
    assert [answer.status for answer in answers] == [502, 404]


def test_another_repository_is_known_once_it_is_told(url: str) -> None:
    """Until then it is not found; telling it again loses nothing."""
    headers = {"Authorization": "Bearer right", "User-Agent": "test"}
    address = f"{url}/repos/mallory/fork"
    assert call(address, headers=headers).status == 404
    for _ in range(2):
        told = call(f"{url}/_phaseline/repositories/mallory/fork", method="PUT")
        assert told.status == 200
    assert call(address, headers=headers).json()["full_name"] == "mallory/fork"


def test_dropped_reply_has_its_effect(url: str) -> None:
    """With a dropped reply the client sees the connection end, and the dispatch has landed."""
    call(f"{url}/_phaseline/faults", method="POST", body={"drop": True})
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)
    connection.request(
        "POST", PATH, json.dumps(GOOD), {"Authorization": "Bearer right", "User-Agent": "test"}
    )

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    connection.close()
    assert len(received(url)) == 1
    assert dispatch(url).status == 204


def test_order_without_meaning_is_refused(url: str) -> None:
    """A fault needs a status or a dropped reply, and not both."""
    for order in ({}, {"status": 500, "drop": True}):
        assert call(f"{url}/_phaseline/faults", method="POST", body=order).status == 400
