"""GitHub's API over HTTP: issues, comments, deployments, variables; and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest

from local import github
from local.github.hub import Access, Hub
from local.serving import Server
from tests.standins.conftest import Answer, call

NAME = "acme/automation"
Api = Callable[..., Answer]


@pytest.fixture
def api(serving: Callable[[Any], Server]) -> Api:
    """Calls a running stand-in, in the repository of the tests."""
    hub = Hub(token="right", repositories=[NAME])
    hub.tokens["reader"] = Access("github-actions[bot]", write=False)
    url = serving(github.serving(hub, None)).url

    def ask(method: str, path: str, body: Any = None, *, reads: bool = False) -> Answer:
        token = "reader" if reads else "right"
        headers = {"Authorization": f"token {token}", "User-Agent": "test"}
        return call(f"{url}/repos/{NAME}{path}", method=method, body=body, headers=headers)

    return ask


def test_repository_has_its_numbers(api: Api) -> None:
    """The repository and its owner have ids, which trust policies name; always the same ones."""
    first, second = api("GET", "").json(), api("GET", "").json()

    assert first == second
    assert first["full_name"] == NAME
    assert isinstance(first["id"], int)
    assert first["id"] != first["owner"]["id"]


def test_issue_from_opening_to_closing(api: Api) -> None:
    """An issue is opened, found by its label and state, changed and closed."""
    opened = api("POST", "/issues", {"title": "Drift", "body": "a", "labels": ["drift"]})
    assert opened.status == 201
    number = opened.json()["number"]
    found = api("GET", "/issues?labels=drift&state=open").json()
    assert [issue["number"] for issue in found] == [number]
    assert api("GET", "/issues?labels=other").json() == []

    closed = {"state": "closed", "state_reason": "completed", "body": "b"}
    api("PATCH", f"/issues/{number}", closed)
    issue = api("GET", f"/issues/{number}").json()
    assert (issue["state"], issue["body"]) == ("closed", "b")
    assert issue["closed_at"] is not None
    assert api("GET", "/issues").json() == []


def test_comment_is_created_and_edited(api: Api) -> None:
    """A comment is made, listed, changed in place and removed."""
    api("POST", "/issues", {"title": "x"})
    made = api("POST", "/issues/1/comments", {"body": "one"}).json()
    own = f"/issues/comments/{made['id']}"
    api("PATCH", own, {"body": "two"})

    listed = api("GET", "/issues/1/comments").json()
    assert [(one["id"], one["body"]) for one in listed] == [(made["id"], "two")]
    assert api("GET", "/issues/1").json()["comments"] == 1
    assert api("DELETE", own).status == 204
    assert api("GET", own).status == 404


def test_lists_come_in_pages(api: Api) -> None:
    """A long list tells by its Link header where it goes on."""
    api("POST", "/issues", {"title": "x"})
    for number in range(5):
        api("POST", "/issues/1/comments", {"body": str(number)})

    first = api("GET", "/issues/1/comments?per_page=2&page=2")
    assert [one["body"] for one in first.json()] == ["2", "3"]
    assert 'page=3>; rel="next"' in first.headers["Link"]
    assert "Link" not in api("GET", "/issues/1/comments?per_page=2&page=3").headers


def test_a_success_makes_earlier_deployments_inactive(api: Api) -> None:
    """Of an environment's deployments one is active: the last that succeeded."""
    numbers = []
    for environment in ("demo", "demo", "other"):
        body = {"ref": "main", "environment": environment, "auto_merge": False}
        numbers.append(api("POST", "/deployments", body).json()["id"])
    for number in (numbers[0], numbers[2], numbers[1]):
        api("POST", f"/deployments/{number}/statuses", {"state": "success"})

    def states(number: int) -> list[str]:
        return [one["state"] for one in api("GET", f"/deployments/{number}/statuses").json()]

    assert [states(number) for number in numbers] == [
        ["inactive", "success"],
        ["success"],
        ["success"],
    ]
    found = api("GET", "/deployments?environment=demo").json()
    assert [one["id"] for one in found] == [numbers[1], numbers[0]]


def test_variable_is_created_and_read(api: Api) -> None:
    """A variable is made once, read in any case, and changed."""
    assert api("POST", "/actions/variables", {"name": "region", "value": "a"}).status == 201
    assert api("POST", "/actions/variables", {"name": "REGION", "value": "b"}).status == 409
    assert api("PATCH", "/actions/variables/REGION", {"value": "c"}).status == 204
    assert api("GET", "/actions/variables/region").json()["value"] == "c"
    assert api("GET", "/actions/variables").json()["total_count"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/issues", {}, 422),
        ("POST", "/issues", {"title": ["x"]}, 422),
        ("POST", "/issues/1/comments", {"text": "x"}, 422),
        ("POST", "/issues/1/comments", {"body": "x" * 65_537}, 422),
        ("POST", "/issues/2/comments", {"body": "x"}, 404),
        ("PATCH", "/issues/1", {"state": "done"}, 422),
        ("GET", "/issues?state=done", None, 422),
        ("POST", "/deployments", {"environment": "demo"}, 422),
        ("POST", "/deployments/1/statuses", {"state": "success"}, 404),
        ("POST", "/actions/variables", {"name": "X"}, 422),
        ("GET", "/actions/variables/X", None, 404),
        ("POST", "/pulls", {"head": "topic"}, 422),
        ("GET", "/actions/runs/1", None, 404),
        ("POST", "/actions/workflows/a.yml/dispatches", {"ref": "main"}, 404),
        ("PUT", "/issues/1", {}, 404),
    ],
)
def test_wrong_request_is_refused(api: Api, method: str, path: str, body: Any, status: int) -> None:
    """What is outside GitHub's description, or names what is not there, has no effect."""
    api("POST", "/issues", {"title": "x"})
    answer = api(method, path, body)

    assert (answer.status, answer.json()["status"]) == (status, str(status))
    assert api("GET", "/issues/1/comments").json() == []


def test_a_token_that_reads_changes_nothing(api: Api) -> None:
    """A token without the right to write is refused what changes something, and nothing else."""
    assert api("GET", "/issues", reads=True).status == 200
    assert api("POST", "/issues", {"title": "x"}, reads=True).status == 403


def test_tags_and_releases_are_refused_as_by_github(api: Api) -> None:
    """A tag is made once and moves by force only; a published release has its tag alone.

    Drafts may have one tag, and only those who may write see them.
    """
    first, second = "a" * 40, "b" * 40
    assert api("POST", "/git/refs", {"ref": "refs/tags/v1", "sha": first}).status == 201
    assert api("POST", "/git/refs", {"ref": "refs/tags/v1", "sha": first}).status == 422
    assert api("PATCH", "/git/refs/tags/v2", {"sha": second, "force": True}).status == 422
    assert api("PATCH", "/git/refs/tags/v1", {"sha": second}).status == 422
    assert api("PATCH", "/git/refs/tags/v1", {"sha": second, "force": True}).status == 200

    draft = {"tag_name": "v1.0.0", "draft": True, "target_commitish": first}
    made = [api("POST", "/releases", draft).json() for _ in range(2)]
    assert api("GET", "/releases", reads=True).json() == []
    published = [api("PATCH", f"/releases/{one['id']}", {"draft": False}).status for one in made]
    assert published == [200, 422]
    assert [one["tag_name"] for one in api("GET", "/releases", reads=True).json()] == ["v1.0.0"]
    tags = [one["ref"] for one in api("GET", "/git/matching-refs/tags").json()]
    assert tags == ["refs/tags/v1", "refs/tags/v1.0.0"]

    path = f"/releases/{made[0]['id']}/assets?name=a.zip"
    assert [api("POST", path, {"any": "bytes"}).status for _ in range(2)] == [201, 422]
    assert api("GET", "/attestations/sha256:0").status == 404
    assert api("DELETE", "/releases/assets/1").status == 404
    assert api("GET", "/releases/999").status == 404
