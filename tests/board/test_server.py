"""The board over HTTP: what it answers, to whom, and that it interprets no text."""

import http.client
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from pytest_httpserver import HTTPServer

from phaseline.documents.document import Document, Mark
from phaseline.documents.hold import Hold
from scripts.board.server import serving
from scripts.services import Services
from tests.board.client import Client
from tests.builders import board, hostile
from tests.builders.calls import Calls
from tests.builders.stores import rewrite

HOSTILE = {
    name: text
    for name, text in hostile.TEXTS.items()
    # S3, DynamoDB and JSON hold no halves of characters.
    if len(text) < 10_000 and name not in {"lone surrogate", "undecodable byte"}
}
PAGES = ("/", "/releases", "/executions", "/delivery", "/compare", "/drift")


@pytest.fixture(scope="module")
def client(services: Services, website: HTTPServer) -> Iterator[Client]:
    """The board of an environment with a release of each hostile text."""
    story = board.Story(services)
    for number, text in enumerate(HOSTILE.values()):
        at = board.NOW - timedelta(hours=2, minutes=number)
        story.release("opt/a", "1", at, who=text, reason=text, fails=number == 0)
    board.serve(services, website)
    held = Hold("\n".join(HOSTILE.values()), HOSTILE["html"], board.ago(hours=1))

    def hold(document: Document) -> Document:
        return document.revise(
            freeze=held, holds={"a": held, "<b>&": held}, bad={"a": {HOSTILE["html"]: _mark()}}
        )

    rewrite(services.documents, "opt", hold)
    board.wait_behind(services, "opt", "a", HOSTILE["html"])
    with serving(board.reader_of(services), HOSTILE["html"]) as app:
        yield Client(app)


def _mark() -> Mark:
    return Mark(HOSTILE["quotes"], HOSTILE["html"], board.ago(hours=1))


# ---- Who is answered ------------------------------------------------------------------------


def test_board_listens_on_loopback_alone(client: Client) -> None:
    with pytest.raises(OSError, match=r"refused|unreachable"):
        http.client.HTTPConnection("127.0.0.2", client.app.guard.port, timeout=5).connect()


@pytest.mark.parametrize("path", [*PAGES, "/static/board.css", "/search?q=a", "/no-such-page"])
def test_nothing_is_shown_without_the_cookie(client: Client, path: str) -> None:
    status, headers, text = client.ask(path, Cookie="")
    assert (status, headers["content-type"].partition(";")[0]) == (403, "text/plain")
    assert "contains a secret" in text


def test_address_of_the_board_sets_a_cookie_for_its_own_pages_alone(client: Client) -> None:
    path = f"/open/{client.app.guard.opening}"
    status, headers, _ = client.ask(path, Cookie="")
    assert status == 200
    cookie = headers["set-cookie"]
    assert cookie.startswith(f"{client.app.guard.cookie}={client.app.guard.session};")
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in cookie.split(";")}
    assert client.ask(f"{path}x", Cookie="")[0] == 403
    assert client.ask(path, Cookie="", Host="evil.example")[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
)
def test_request_of_another_site_is_refused(client: Client, headers: dict[str, Any]) -> None:
    for path in PAGES:
        assert client.ask(path, **headers)[0] == 403


@pytest.mark.parametrize(
    ("origin", "token"),
    [(None, True), ("https://evil.example", True), ("null", True), ("own", False)],
)
def test_form_of_another_site_does_nothing(client: Client, origin: str | None, token: bool) -> None:
    own = f"http://127.0.0.1:{client.app.guard.port}"
    headers = {"Origin": own if origin == "own" else origin} if origin else {}
    body = {"csrf": client.app.guard.token if token else "guessed"}
    assert client.ask("/drift", "POST", body, **headers)[0] == 403
    assert not client.app.reader.drift.is_running
    assert client.app.reader.drift.newest.value is None


@pytest.mark.parametrize("path", [*PAGES, "/static/board.js", "/no-such-page"])
def test_every_answer_forbids_scripts_and_frames_of_others(client: Client, path: str) -> None:
    _, headers, _ = client.ask(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["server"] == "phaseline"


# ---- What is answered -----------------------------------------------------------------------


def test_page_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    client.page("/releases")
    _, headers, _ = client.ask("/releases")
    status, _, text = client.ask("/releases", If_None_Match=headers["etag"])
    assert (status, text) == (304, "")


@pytest.mark.parametrize(
    "path", ["/no-such-page", "/algorithm?type=opt&name=none", "/algorithm", "/execution?id=x"]
)
def test_what_does_not_exist_is_not_found(client: Client, path: str) -> None:
    client.page("/")
    calls = Calls(
        client.app.reader.services.codepipeline,
        GetPipelineExecution=lambda _: "PipelineExecutionNotFoundException",
    )
    assert client.ask(path)[0] == 404
    assert len(calls.asked) == (1 if path.startswith("/execution") else 0)


@pytest.mark.parametrize(
    "path", ["/release?at=x", "/releases?after-opt=x", "/compare?since=yesterday",
             "/compare?since=2026-11-25T10:00:00Z&until=2026-11-24T10:00:00Z"],
)  # fmt: skip
def test_malformed_address_is_a_bad_request(client: Client, path: str) -> None:
    status, _, text = client.ask(path)
    assert status == 400
    assert "This could not be read" in text


def test_search_leads_to_algorithms_executions_and_releases(client: Client) -> None:
    newest = next(client.app.reader.services.ledger.releases("opt", "a"))
    execution = "0a1b2c3d-1111-4222-8333-444455556666"
    for text, expected in (
        ("opt/a 1", "/?q=opt%2Fa+1"),
        (execution, f"/execution?id={execution}"),
        ("opt-a-1-ffffffff", "/?q=opt-a-1-ffffffff"),
        (newest.release_id, client.app.links.release(newest)),
    ):
        status, headers, _ = client.ask(f"/search?q={quote(text)}")
        assert (status, headers["location"]) == (302, expected)


def test_lists_go_on_where_the_page_before_ended(client: Client) -> None:
    """Each release and each execution is on one page, once."""
    for path, mark in (("/releases", "/release?at="), ("/executions", "/execution?id=")):
        seen: list[str] = []
        address: str | None = path
        while address:
            text = client.page(address)
            table = text.partition("<tbody>")[2].partition("</tbody>")[0]
            seen += [one for one in re.findall(r'href="([^"]+)"', table) if one.startswith(mark)]
            older = re.search(r'rel="next" href="([^"]+)"', text)
            address = older[1].replace("&amp;", "&") if older else None
        assert len(seen) == len(set(seen))
        # One execution failed, and one runs.
        assert len(seen) == len(HOSTILE) + (2 if path == "/executions" else 0)


# ---- Text of others -------------------------------------------------------------------------


class Tags(HTMLParser):
    """Collects what a page would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        source = given.get("src", "") + given.get("href", "") + given.get("action", "")
        is_own = source.startswith(("/", "#", "https://", "http://localhost:")) or not source
        if any(name.startswith("on") or name == "style" for name in given) or not is_own:
            self.found.append(f"{tag} {given}")
        if tag == "script" and given != {"src": "/static/board.js", "defer": ""}:
            self.found.append(f"{tag} {given}")
        if tag in {"img", "iframe", "object", "embed", "style", "base", "b", "h5"}:
            self.found.append(tag)


def test_no_text_is_interpreted(client: Client) -> None:
    """Neither as HTML, nor as a character that reorders or hides what is shown."""
    release = client.app.links.release(next(client.app.reader.services.ledger.releases("opt", "a")))
    pages = [
        *PAGES, release, "/algorithm?type=opt&name=a", "/?q=%3Cscript%3E", "/?state=waiting",
        f"/algorithm?{urlencode({'type': 'opt', 'name': '<b>&'})}",
        f"/compare?{urlencode({'since': board.ago(days=3)})}",
    ]  # fmt: skip
    for path in pages:
        text = client.page(path)
        tags = Tags()
        tags.feed(text)
        assert tags.found == [], path
        assert hostile.obeyed_by_terminal(text) == [], path
    assert "&lt;script&gt;alert" in client.page("/releases")
    assert "alert(&#39;x&#39;)" in client.page(release) or "&lt;" in client.page(release)
