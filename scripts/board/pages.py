"""The pages of the board: each reads what it shows, and names the template that shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.errors import InputError, PhaselineError
from phaseline.promotion.carry_out import Outcome
from phaseline.promotion.request import ACTIONS
from phaseline.releases.release import OPEN
from scripts.board import links, waterfall
from scripts.board.actions import ActionPreview
from scripts.board.catalogue import FILTERS, Listing
from scripts.board.delivery import PERIODS
from scripts.board.freshness import Reading
from scripts.board.reader import EnvironmentState, Reader, is_expected, problem

Query = Mapping[str, str]
T = TypeVar("T")
SOON, LIVELY, CALM, STILL = 1, 5, 60, 0
"""Seconds after which a page reads itself again: while it waits for a reading, while it shows what
is happening now, and if it shows the past. A page that is STILL does not change by itself."""
ROWS = 200
"""The most differences and releases that a comparison lists."""


@dataclass(frozen=True)
class Page:
    """A page: its template, its title, and the values that the template shows.

    It reads itself again after `refresh` seconds. `status` is that of HTTP.
    """

    template: str
    title: str
    refresh: int = LIVELY
    model: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


def overview(reader: Reader, query: Query) -> Page:
    """Return the page of all algorithms: what is live, what moves, what waits."""
    return _with(reader.state.get(), lambda state: _overview(reader, state, query))


def _overview(reader: Reader, state: EnvironmentState, query: Query) -> Page:
    type_, shown = _one_of(query, "type", TYPES), _one_of(query, "state", FILTERS)
    text = query.get("q", "").strip()
    listing = state.catalogue.find(text, type_, shown, _number(query, "page"))
    model = {"text": text, "type": type_, "filter": shown}
    return Page("overview.html", "Overview", model=listed(reader, state, listing) | model)


def listed(reader: Reader, state: EnvironmentState, listing: Listing) -> dict[str, Any]:
    """Return what the overview shows of an environment and of a page of its algorithms."""
    return {
        "state": state,
        "listing": listing,
        "live_releases": reader.live_releases(listing.items, state.live),
        "running": reader.running.get(0).value or (),
        "waiting": [hold for hold in state.catalogue.holds if hold.hold.waiting],
        "holds": state.catalogue.holds,
    }


def algorithm(reader: Reader, query: Query) -> Page:
    """Return the page of one algorithm with its versions."""
    type_, name = _one_of(query, "type", TYPES) or "", query.get("name", "")
    if not type_ or not name:
        return missing("An algorithm has a type and a name. Open it from the overview.")
    after = links.position(query["after"]) if "after" in query else None

    def show(state: EnvironmentState) -> Page:
        status = state.catalogue.status(type_, name)
        page = reader.releases_of(type_, name, after)
        if not (page.releases or status.is_known):
            return missing(f"{type_}/{name} has no release, no hold and no active version.")
        live = reader.live_releases([status], state.live).get((type_, name))
        model = {
            "state": state,
            "status": status,
            "live": live,
            "page": page,
            "is_first": not after,
        }
        return Page("algorithm.html", f"{type_}/{name}", model=model)

    return _with(reader.state.get(), show)


def releases(reader: Reader, query: Query) -> Page:
    """Return the list of releases, newest first."""
    type_ = _one_of(query, "type", TYPES)
    after = links.positions(query, TYPES)
    page = reader.newest_releases(after, (type_,) if type_ else TYPES)
    model = {"page": page, "type": type_, "is_first": not after}
    return Page("releases.html", "Releases", model=model)


def release(reader: Reader, query: Query) -> Page:
    """Return the page of one release, with its steps."""
    shown = reader.release(links.position(query.get("at", "")))
    if shown is None:
        return missing("The ledger has no such release.")
    timeline = reader.timeline(shown)
    now = reader.now()
    model = {
        "release": shown,
        "timeline": timeline,
        "bars": waterfall.of_timeline(timeline, now),
        "now": now,
    }
    refresh = LIVELY if shown.state == OPEN else CALM
    return Page("release.html", f"{shown.type}/{shown.algorithm} {shown.version}", refresh, model)


def executions(reader: Reader, query: Query) -> Page:
    """Return the list of pipeline executions, newest first."""
    before = query.get("before")
    page = reader.executions(before)
    running = () if before else reader.running.get().value or ()
    now = reader.now()
    rows = [(execution, waterfall.of_execution(execution, now)) for execution in page.executions]
    model = {"page": page, "rows": rows, "running": running, "is_first": not before}
    return Page("executions.html", "Executions", model=model)


def execution(reader: Reader, query: Query) -> Page:
    """Return the page of one execution, with its actions."""
    shown = reader.execution(query.get("id", ""))
    if shown is None:
        return missing("CodePipeline has no such execution, or no action of it has started yet.")
    model = {"execution": shown, "bars": waterfall.of_execution(shown, reader.now())}
    refresh = CALM if shown.has_ended else LIVELY
    return Page("execution.html", f"Execution {shown.id[:8]}", refresh, model)


def delivery(reader: Reader, query: Query) -> Page:
    """Return the page of the four DORA metrics over time."""
    days = next((days for days in PERIODS if query.get("days") == str(days)), PERIODS[1])
    reading = reader.delivery[days].get()
    return _with(
        reading,
        lambda delivery: Page("delivery.html", "Delivery", CALM, {"delivery": delivery}),
    )


def comparison(reader: Reader, query: Query) -> Page:
    """Return the page of the changes that visitors saw between two times."""
    now = times.parse(reader.now(), "now")
    offers = {
        label: times.second(now - timedelta(days=days))
        for label, days in (("the last day", 1), ("the last week", 7), ("the last month", 30))
    }
    if not query.get("since"):
        return Page("comparison.html", "Compare", CALM, {"offers": offers, "seen": None})
    since = times.second(times.parse(_with_zone(query["since"]), "the first time"))
    until = times.second(times.parse(_with_zone(query.get("until") or times.second(now)), "until"))
    if since > until:
        raise InputError("the two times", f"{since} is after {until}", "Exchange them.")
    reading = reader.comparison[since, until].get()
    model = {"offers": offers, "rows": ROWS, "now": times.second(now)}
    return _with(
        reading,
        lambda seen: Page("comparison.html", "Compare", CALM, {**model, "seen": seen}),
    )


def drift(reader: Reader, query: Query) -> Page:  # noqa: ARG001 - each page gets the query
    """Return the page of the newest drift check that somebody asked the board for."""
    reading, is_running = reader.drift.newest, reader.drift.is_running
    model = {
        "report": reading.value,
        "error": problem(reading.error) if reading.error else None,
        "is_running": is_running,
    }
    return Page("drift.html", "Drift", SOON if is_running else CALM, model)


def form(query: Query, error: PhaselineError | None = None) -> Page:
    """Return the form of a request, with what was given, and why it was not accepted."""
    action, type_ = _one_of(query, "action", ACTIONS), _one_of(query, "type", TYPES)
    if not action or not type_:
        return missing("A request has an action and a type. Open it from an algorithm's page.")
    names = ("name", "version", "until", "reason")
    model = {
        "action": action,
        "type": type_,
        "given": {name: query.get(name, "") for name in names},
        "error": str(error) if error else None,
    }
    status = 200 if error is None else 400
    return Page("form.html", action.capitalize(), STILL, model, status)


def preview(shown: ActionPreview) -> Page:
    """Return the page that shows what a request would change, before it is carried out."""
    return Page("preview.html", "Look before you act", STILL, {"preview": shown})


def done(reader: Reader, found: tuple[ActionPreview, Outcome] | None) -> Page:
    """Return the page of a request that was carried out, with its releases as they are now."""
    if found is None:
        return missing("The board has carried out no such request since it was started.")
    preview, outcome = found
    releases = reader.services.ledger.read(release.key for release in outcome.releases)
    model = {"preview": preview, "outcome": outcome, "releases": releases}
    return Page("done.html", "Done", LIVELY, model)


PAGES: Mapping[str, Callable[[Reader, Query], Page]] = {
    "overview": overview,
    "algorithm": algorithm,
    "releases": releases,
    "release": release,
    "executions": executions,
    "execution": execution,
    "delivery": delivery,
    "compare": comparison,
    "drift": drift,
}
"""The pages by the last part of their address."""


def missing(sentence: str) -> Page:
    """Return the page for something that does not exist."""
    return Page("message.html", "Not found", CALM, {"sentence": sentence}, 404)


def failed(error: BaseException) -> Page:
    """Return the page for an error."""
    status = 400 if isinstance(error, InputError) else 502 if is_expected(error) else 500
    return Page(
        "message.html", "This could not be read", CALM, {"sentence": problem(error)}, status
    )


def _with(reading: Reading[T], show: Callable[[T], Page]) -> Page:
    """Return the page that shows a reading, that it failed, or that it is not there yet."""
    if reading.value is not None:
        return show(reading.value)
    if reading.error is not None:
        return failed(reading.error)
    return Page("pending.html", "Reading", SOON)


def _one_of(query: Query, name: str, values: tuple[str, ...]) -> str | None:
    value = query.get(name)
    return value if value in values else None


def _number(query: Query, name: str) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _with_zone(text: str) -> str:
    """Return a time of a form, which is in UTC unless it names another zone."""
    text = text.strip()
    has_zone = text.endswith("Z") or "+" in text or text.count("-") > 2
    return text if has_zone else f"{text}Z"
