"""Requests on the board: shown first, and carried out only if the person may and confirms."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer

from phaseline.documents.document import Document
from scripts.board.server import serving
from scripts.services import Services
from tests.board.client import Client
from tests.builders import board, hostile
from tests.builders.stores import rewrite

ROLLBACK = {"action": "rollback", "type": "opt", "name": "a", "reason": "it's late"}
HOLD = {"action": "hold", "type": "opt", "name": "a", "reason": "wait for the fix"}
ANA = "ana"


@pytest.fixture
def environment(account: None, website: HTTPServer) -> Iterator[Services]:
    """An environment with two verified versions of an algorithm."""
    with board.environment(website) as services:
        story = board.Story(services)
        for hours, version in ((3, "1.0"), (2, "2.0")):
            story.release("opt/a", version, board.NOW - timedelta(hours=hours))
        board.serve(services, website)
        yield services


@pytest.fixture
def client(environment: Services) -> Iterator[Client]:
    """The board of a person who may act."""
    with serving(board.reader_of(environment), ANA, may_act=True) as app:
        yield Client(app)


@pytest.fixture
def looker(environment: Services) -> Iterator[Client]:
    """The board of a person who only looks."""
    with serving(board.reader_of(environment), ANA) as app:
        yield Client(app)


def document(services: Services) -> Document:
    """The present document."""
    return services.documents.read("opt").document


def previewed(client: Client, form: dict[str, str]) -> str:
    """Preview a request; the id with which its page confirms it."""
    status, _, text = client.post("/preview", **form)
    assert status == 200, text
    found = re.search(r'name="id" value="([^"]+)"', text)
    assert found, text
    return found[1]


def test_preview_shows_the_exact_changes_and_the_command_and_writes_nothing(
    client: Client, environment: Services
) -> None:
    before = document(environment)
    status, _, text = client.post("/preview", **ROLLBACK)
    assert status == 200
    assert "opt/a: 2.0 -&gt; 1.0" in text
    assert re.search(r'class="minus">-\s+&#34;version&#34;: &#34;2.0&#34;', text)
    assert "phaseline rollback --environment production opt/a --reason" in text
    assert document(environment) == before


def test_confirmed_request_is_carried_out_once_under_the_name_of_the_person(
    client: Client, environment: Services
) -> None:
    id_ = previewed(client, ROLLBACK)
    status, headers, _ = client.post("/carry-out", id=id_)
    assert (status, headers["location"]) == (303, f"/done?id={id_}")
    after = document(environment)
    entry = after.algorithms["a"]
    assert (entry.version, entry.who, after.bad["a"]["2.0"].reason) == ("1.0", ANA, "it's late")
    assert "a: 2.0 -&gt; 1.0" in client.page(f"/done?id={id_}")
    assert client.post("/carry-out", id=id_)[0] == 303
    assert document(environment).revision == after.revision


def test_board_that_only_looks_carries_out_nothing(looker: Client, environment: Services) -> None:
    before = document(environment)
    _, _, text = looker.post("/preview", **ROLLBACK)
    assert "Start it with <code>--allow-actions</code>" in text
    assert "/carry-out" not in text
    (id_,) = looker.app.actions._previews
    assert looker.post("/carry-out", id=id_)[0] == 403
    assert document(environment) == before


def test_request_is_refused_if_the_document_has_changed_since_the_preview(
    client: Client, environment: Services
) -> None:
    id_ = previewed(client, HOLD)
    rewrite(environment.documents, "opt", lambda found: found.revise(bad={"x": {}}))
    before = document(environment)
    status, _, text = client.post("/carry-out", id=id_)
    assert status == 502
    assert "somebody has changed it since the preview was made" in text
    assert document(environment) == before


def test_hold_is_ended_by_a_resumption(client: Client, environment: Services) -> None:
    for action, is_held in (("hold", True), ("resume", False)):
        client.post("/carry-out", id=previewed(client, HOLD | {"action": action}))
        assert ("a" in document(environment).holds) == is_held


def test_request_without_effect_offers_no_confirmation(client: Client) -> None:
    _, _, text = client.post("/preview", **(HOLD | {"action": "resume"}))
    assert "Nothing would change" in text
    assert "/carry-out" not in text


@pytest.mark.parametrize(
    "changed",
    [{"reason": ""}, {"version": "9.9"}, {"name": "none"}, {"reason": "x" * 1001},
     {"reason": hostile.TEXTS["bidi"]}],
)  # fmt: skip
def test_refused_request_shows_why_and_keeps_what_was_typed(
    client: Client, environment: Services, changed: dict[str, str]
) -> None:
    before = document(environment)
    status, _, text = client.post("/preview", **(ROLLBACK | changed))
    assert status == 400
    assert 'role="alert"' in text
    assert 'name="name" value="none"' in text or 'name="name" value="a"' in text
    assert document(environment) == before


@pytest.mark.parametrize("path", ["/preview", "/carry-out"])
def test_form_of_another_site_changes_nothing(
    client: Client, environment: Services, path: str
) -> None:
    form = ROLLBACK | {"id": previewed(client, ROLLBACK)}
    before = document(environment)
    token = {"csrf": client.app.guard.token}
    assert client.ask(path, "POST", form | token, Origin="https://evil.example")[0] == 403
    assert client.ask(path, "POST", form | token, Origin="null")[0] == 403
    assert client.ask(path, "POST", form | token)[0] == 403
    assert client.post(path, **(form | {"csrf": "guessed"}))[0] == 403
    assert client.ask(path)[0] == 405
    assert document(environment) == before


def test_unknown_request_and_action_are_refused(client: Client) -> None:
    assert client.post("/carry-out", id="none")[0] == 502
    assert client.ask("/done?id=none")[0] == 404
    assert client.ask("/act?action=delete&type=opt")[0] == 404
