"""The board in a browser: for every reader, in each scheme, on a phone, and without scripts."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from pytest_httpserver import HTTPServer

from phaseline.releases.release import VERIFIED
from scripts.board.app import BoardApp
from scripts.board.file import board_file
from scripts.board.server import serving
from scripts.services import Services
from tests.builders import board

PAGES = {
    "overview": "/",
    "search": "/?q=opt&state=held",
    "algorithm": "/algorithm?type=opt&name=brake-assist",
    "releases": "/releases",
    "executions": "/executions",
    "delivery": "/delivery?days=30",
    "comparison": f"/compare?since={board.ago(days=3)}",
    "drift": "/drift",
    "missing": "/algorithm?type=in&name=none",
}
PHONE = {"width": 390, "height": 800}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def app(services: Services, website: HTTPServer) -> Iterator[BoardApp]:
    """The board of an environment with a month of history."""
    board.tell(services)
    board.serve(services, website)
    with serving(board.reader_of(services), board.ANA, may_act=True) as app:
        yield app


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    opened: list[BrowserContext] = []
    yield opened
    for context in opened:
        context.close()


@pytest.fixture
def visit(browser: Browser, app: BoardApp, contexts: list[BrowserContext]) -> Open:
    """Opens the board as its address does, then a page of it. Options are those of a context."""

    def visit(path: str = "/", **options: object) -> Page:
        settings = {"timezone_id": "Asia/Tokyo", "locale": "en-GB"} | options
        context = browser.new_context(**settings)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        messages: list[str] = []
        page.on("console", lambda message: messages.append(_told(message)))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(app.guard.address)
        page.wait_for_url("**/")
        page.goto(_address(app, path))
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Reading…")
        page.messages = messages  # type: ignore[attr-defined] # for the tests
        return page

    return visit


def _told(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text}"


def _address(app: BoardApp, path: str) -> str:
    return f"http://127.0.0.1:{app.guard.port}{path}"


def violations(page: Page, scheme: str) -> list[str]:
    """What axe-core finds, with the elements. Only colours differ in the dark."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if scheme == "dark":
        options["runOnly"] = ["color-contrast"]
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


def newest_release(app: BoardApp) -> str:
    """The address of the newest verified release."""
    newest = app.reader.services.ledger.newest("opt")
    return app.links.release(next(one for one in newest if one.state == VERIFIED))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_fit_a_phone(app: BoardApp, visit: Open, scheme: str) -> None:
    """axe-core finds nothing, the console has no message, and nothing scrolls sideways."""
    page = visit("/", color_scheme=scheme)
    for name, path in {**PAGES, "release": newest_release(app)}.items():
        page.goto(_address(app, path))
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Reading…")
        for details in page.locator("details").all():
            details.locator("summary").click()
        assert violations(page, scheme) == [], name
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths == [390, 390], name
        page.set_viewport_size({"width": 1280, "height": 800})
    # The missing page has the status 404, which Chromium reports.
    expected = "error: Failed to load resource: the server responded with a status of 404"
    assert [one for one in page.messages if not one.startswith(expected)] == []  # type: ignore[attr-defined]


def test_times_are_in_the_zone_of_the_reader(app: BoardApp, visit: Open) -> None:
    page = visit(newest_release(app))
    asked = page.locator("time[data-clock]").first
    utc = asked.get_attribute("datetime") or ""
    hour = (int(utc[11:13]) + 9) % 24
    expect(asked).to_have_text(f"{hour:02}{utc[13:19]}")


def test_pages_work_without_scripts(app: BoardApp, visit: Open) -> None:
    """Times are in UTC, and a page that is not ready yet loads itself again."""
    page = visit("/", java_script_enabled=False)
    expect(page.locator("time").first).to_contain_text("UTC")
    page.get_by_role("link", name="opt/brake-assist").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("brake-assist")
    page.get_by_role("searchbox").fill("lane")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Algorithms that match")).to_be_visible()
    assert page.locator("section[aria-labelledby=algorithms] tbody tr").count() == 2


def test_page_updates_itself_and_keeps_the_place_of_the_reader(app: BoardApp, visit: Open) -> None:
    page = visit("/releases")
    page.clock.install()
    page.reload()
    focused = page.get_by_role("link", name="opt/brake-assist").first
    focused.focus()
    services = app.reader.services
    story = board.Story(services)
    story.release("out/cockpit-voice", "7.7.7", board.NOW - timedelta(seconds=30))
    assert page.get_by_text("7.7.7").count() == 0
    page.clock.run_for(6_000)
    expect(page.get_by_text("7.7.7").first).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == "opt/brake-assist"
    expect(page.locator("#freshness")).to_contain_text("Updated at")


def test_stopped_board_is_told(app: BoardApp, visit: Open, contexts: list[BrowserContext]) -> None:
    page = visit("/")
    page.clock.install()
    page.reload()
    contexts[0].set_offline(True)
    page.clock.run_for(6_000)
    expect(page.locator("#freshness")).to_contain_text("does not answer")


def test_person_sees_the_changes_and_then_acts(app: BoardApp, visit: Open) -> None:
    """By the keyboard alone; each page of the way is accessible."""
    page = visit("/algorithm?type=out&name=driver-report", color_scheme="dark")
    page.get_by_role("link", name="Hold", exact=True).press("Enter")
    assert violations(page, "light") == []
    page.get_by_label("Reason").fill("Wait for the fix")
    page.keyboard.press("Enter")
    expect(page.get_by_text("out/driver-report: on hold by")).to_be_visible()
    assert violations(page, "light") == []
    page.get_by_role("button", name="Yes, hold out/driver-report").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Done")
    assert violations(page, "light") == []
    held = app.reader.services.documents.read("out").document.holds["driver-report"]
    assert (held.who, held.reason) == (board.ANA, "Wait for the fix")


def test_keyboard_reaches_the_content_and_every_page(visit: Open) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.get_by_role("link", name="Overview", exact=True).focus()
    for name in ("Releases", "Executions", "Delivery", "Compare", "Drift"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == name
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Drift")


def test_page_of_another_site_cannot_use_the_board(
    app: BoardApp, visit: Open, website: HTTPServer
) -> None:
    """Although the browser has the board's cookie: neither by a form, a frame nor a script."""
    own = _address(app, "/drift")
    form = (
        f'<form method="post" action="{own}"><input name="csrf" value="x"><button>x</button></form>'
    )
    frame = f'<iframe src="{_address(app, "/")}"></iframe>'
    website.expect_request("/evil").respond_with_data(form + frame, content_type="text/html")
    page = visit("/")
    page.goto(website.url_for("/evil").replace("localhost", "127.0.0.1"))
    framed = page.frames[1]
    assert "Overview" not in framed.content()
    answer = page.evaluate(
        "address => fetch(address, {credentials: 'include'}).then(a => a.text(), e => 'refused')",
        _address(app, "/"),
    )
    assert answer == "refused"
    page.get_by_role("button").click()
    expect(page.locator("body")).to_contain_text("Another site sent this request")
    assert app.reader.drift.newest.value is None


def test_file_is_complete_and_loads_nothing(
    app: BoardApp, browser: Browser, contexts: list[BrowserContext], tmp_path: Path
) -> None:
    """It needs no server: all sections are there, filtered and linked within the file."""
    file = tmp_path / "board.html"
    file.write_text(board_file(app.reader), "utf-8")
    context = browser.new_context(viewport=PHONE, locale="en-GB")  # type: ignore[arg-type]
    contexts.append(context)
    page = context.new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.on("console", lambda message: loaded.append(_told(message)))
    page.goto(file.as_uri())
    for title in ("Algorithms", "Newest releases", "Executions", "Delivery in", "Changes of"):
        expect(page.get_by_role("heading", name=title).first).to_be_visible()
    assert violations(page, "light") == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    rows = page.locator("section[aria-labelledby=algorithms] tbody tr:visible")
    assert rows.count() == len(board.ALGORITHMS)
    page.get_by_role("searchbox").fill("speed")
    assert rows.count() == 1
    rows.get_by_role("link", name="opt/speed-profile").click()
    versions = page.locator("[id='opt/speed-profile']")
    expect(versions).to_be_in_viewport()
    expect(versions.get_by_text("its phase was set").first).to_be_visible()
    assert loaded == [file.as_uri()]
