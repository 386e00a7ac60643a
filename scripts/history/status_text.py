"""Pure: the state of an environment as tables for people."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from phaseline.slack.rendering import TEST_FLOW
from scripts.cli.ages import age
from scripts.cli.text import BAD, BUSY, STRONG, Cell, Line, state, table
from scripts.history.release_text import digest

TableRow = list[Cell | str]


def lines(status: Mapping[str, Any], now: str, *, urls: bool = False) -> Iterator[Line]:
    """Return the state at a time as lines; with `urls`, also the addresses that are links."""
    site_url = status["site_url"]
    yield [Cell(status["environment"], STRONG), Cell(": "), Cell(site_url, url=site_url)]
    if "error" in status["served"]:
        yield [Cell(f"served versions unknown: {status['served']['error']}", BAD)]
    for type_, document in status["documents"].items():
        served = _served(status, type_)["revision"]
        if served != document["revision"]:
            text = f"{type_}: revision {document['revision']} is active, {served} is served"
            yield [Cell(text, BUSY)]
    columns = ("ALGORITHM", "ACTIVE", "SERVED", "SINCE", "BY", "")
    yield from _section(columns, _algorithms(status, now))
    yield from _section(("BAD VERSION", "SINCE", "BY", "REASON"), _bad(status, now))
    yield from _section(("RELEASE", "CHANGE", "STATE", "REQUESTED", "ID"), _releases(status, now))
    heads = ("EXECUTION", "STATE", "STARTED", "URL" if urls else "")
    yield from _section(heads, _executions(status, now, urls=urls))


def _section(heads: Iterable[str], rows: Iterable[TableRow]) -> Iterator[Line]:
    if rows := list(rows):
        yield ""
        yield from table([[Cell(head, STRONG) for head in heads], *rows])


def _served(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    nothing: Mapping[str, Any] = {"revision": "nothing", "versions": {}}
    shown: Mapping[str, Any] = status["served"]["documents"].get(type_, nothing)
    return shown


def _algorithms(status: Mapping[str, Any], now: str) -> Iterator[TableRow]:
    for type_, document in status["documents"].items():
        served = _served(status, type_)["versions"]
        if document["freeze"]:
            yield [f"{type_} (the whole type)", "", "", "", "", _hold(document["freeze"])]
        for name in sorted(document["versions"].keys() | document["holds"].keys()):
            version, entry = document["versions"].get(name), document["entries"].get(name, {})
            is_served = served.get(name) == version
            yield [
                f"{type_}/{name}",
                version or "nothing",
                Cell(served.get(name) or "nothing", "" if is_served else BUSY),
                age(entry.get("since"), now),
                (entry.get("who") or TEST_FLOW) if entry else "",
                _hold(document["holds"].get(name)),
            ]


def _bad(status: Mapping[str, Any], now: str) -> Iterator[TableRow]:
    for type_, document in status["documents"].items():
        for name, marks in sorted(document["bad"].items()):
            for version, mark in sorted(marks.items()):
                subject = Cell(f"{type_}/{name} {version}", BAD)
                yield [subject, age(mark["since"], now), mark["who"], mark["reason"]]


def _releases(status: Mapping[str, Any], now: str) -> Iterator[TableRow]:
    for change in status["waiting"]:
        verb = "promote" if change["action"] == "promote" else "withdraw"
        subject, words = f"{change['type']}/{change['algorithm']}", f"{verb} {change['version']}"
        asked, id_ = age(change["requested_at"], now), digest(change["release_id"])
        yield [subject, words, state("waiting"), asked, id_]
    for release in status["open_releases"]:
        subject = f"{release['type']}/{release['algorithm']}"
        words = f"{release['previous'] or 'nothing'} -> {release['version'] or 'nothing'}"
        asked, id_ = age(release["requested_at"], now), digest(release["release_id"])
        yield [subject, words, state(release["state"]), asked, id_]


def _executions(status: Mapping[str, Any], now: str, *, urls: bool) -> Iterator[TableRow]:
    for one in status["executions"]:
        id_ = Cell(one["id"][:8], url=one["url"])
        started = age(one["started"], now)
        yield [id_, state(one["status"]), started, one["url"] if urls else ""]


def _hold(hold: Mapping[str, Any] | None) -> Cell:
    if hold is None:
        return Cell("")
    when = f" until {hold['until']}" if hold["until"] else ""
    when += f" at {hold['window']}" if hold["window"] else ""
    return Cell(f"on hold{when} by {hold['who']}: {hold['reason']}", BUSY)
