"""Writes the board as one HTML file without any other resource, to keep or to publish."""

import base64
import hashlib
from datetime import timedelta
from typing import Any, TypeVar

from markupsafe import Markup

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.errors import RemoteCallError
from scripts.board import pages, render, waterfall
from scripts.board.app import frame
from scripts.board.freshness import Fresh
from scripts.board.links import FileLinks
from scripts.board.reader import Reader, problem

T = TypeVar("T")
ALGORITHMS, WITH_RELEASES = 1_000, 200
"""The most algorithms in a file, and the most of them whose releases are listed."""
DAYS, COMPARED = 30, timedelta(days=7)
"""The days of the metrics, and the time before now with which the file compares."""
SECTIONS = {
    "overview": "Overview",
    "algorithms-releases": "Versions",
    "releases": "Releases",
    "executions": "Executions",
    "delivery": "Delivery",
    "compare": "Changes",
}
TIMEOUT = 600.0
"""Seconds in which each part must be read."""


def board_file(reader: Reader) -> str:
    """Return the board of an environment as one HTML page.

    It contains up to ALGORITHMS algorithms, the releases of WITH_RELEASES of them, and the newest
    releases and executions. Raises RemoteCallError if something cannot be read.
    """
    now = reader.now()
    state = _read(reader.state, "the state")
    running = _read(reader.running, "the executions in progress")
    listing = state.catalogue.find("", None, None, 1, ALGORITHMS)
    newest = reader.newest_releases({}, TYPES).releases
    timelines = [
        (release, timeline, waterfall.of_timeline(timeline, now))
        for release, timeline in ((one, reader.timeline(one)) for one in newest)
    ]
    histories = [
        (status, reader.releases_of(status.type, status.name, None).releases)
        for status in listing.items[:WITH_RELEASES]
    ]
    executions = reader.executions(None).executions
    since = times.second(times.parse(now, "now") - COMPARED)
    links = FileLinks(
        [*SECTIONS],
        [(status.type, status.name) for status, _ in histories],
        [release.release_id for release in newest],
    )
    model: dict[str, Any] = {
        **pages.listed(reader, state, listing),
        "text": "", "type": None, "filter": None,
        "histories": histories, "timelines": timelines,
        "rows": [(one, waterfall.of_execution(one, now)) for one in executions],
        "running": running,
        "delivery": _read(reader.delivery[DAYS], "the metrics"),
        "seen": _read(reader.comparison[since, now], "the changes"),
        "limit": pages.ROWS,
        "now": now,
        "file_sections": SECTIONS,
    }  # fmt: skip
    page = pages.Page("file.html", "Board", 0, model)
    return render.page(page, links, frame(reader) | _inline())


def _read(fresh: Fresh[T], name: str) -> T:
    reading = fresh.get(TIMEOUT)
    if reading.error or reading.value is None:
        found = problem(reading.error) if reading.error else "it took too long"
        raise RemoteCallError(name, found, "Try again.") from reading.error
    return reading.value


def _inline() -> dict[str, Any]:
    """Return the style and the script, and a policy that allows nothing but these two."""
    files = {
        name: (render.FOLDER / "static" / f"board.{suffix}").read_text("utf-8")
        for name, suffix in (("style", "css"), ("script", "js"))
    }
    policy = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    policy += [f"{name}-src '{_source(text)}'" for name, text in files.items()]
    inline = {name: Markup(text) for name, text in files.items()}  # noqa: S704 - they are our own
    return {**inline, "policy": "; ".join(policy)}


def _source(text: str) -> str:
    """Return the hash by which a policy allows an inline style or script.

    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
    """
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
