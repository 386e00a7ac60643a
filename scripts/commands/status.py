"""Shows the state of an environment: its versions, holds, open releases and executions.

Prints the active and the served version of each algorithm with its hold, the bad marks, the waiting
and the open releases, and the newest executions of the pipeline.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from phaseline.algorithms.names import TYPES
from phaseline.documents.store import Stored
from phaseline.errors import PhaselineError
from phaseline.site import manifests
from scripts.cli.console import Console, json_option
from scripts.cli.options import environment_option
from scripts.services import Services

EXECUTIONS_SHOWN = 5


@click.command(name="status", help=__doc__)
@environment_option()
@json_option
def command(environment: str, as_json: bool) -> None:
    services = Services(environment)
    documents = {type_: services.documents.read(type_) for type_ in TYPES}
    status = {
        "environment": environment,
        "site_url": services.environment.site_url,
        "documents": {type_: _document(stored) for type_, stored in documents.items()},
        "served": _served(services.environment.site_url),
        "waiting": [
            asdict(change) | {"release_id": change.release_id}
            for stored in documents.values()
            for change in stored.document.waiting()
        ],
        "open_releases": [
            asdict(release) for type_ in TYPES for release in services.ledger.open_releases(type_)
        ],
        "executions": [
            {
                "id": execution.id,
                "status": execution.status,
                "started": execution.started.isoformat() if execution.started else None,
                "revisions": dict(execution.revisions),
                "url": services.executions.url(execution.id),
            }
            for execution in services.executions.newest()[:EXECUTIONS_SHOWN]
        ],
    }
    Console(as_json=as_json).result(status, lines(status))


def _document(stored: Stored) -> dict[str, Any]:
    document = stored.document
    return {
        "revision": document.revision,
        "version_id": stored.version_id,
        "versions": document.versions(),
        "holds": {name: asdict(hold) for name, hold in document.holds.items()},
        "freeze": asdict(document.freeze) if document.freeze else None,
        "bad": {
            name: {version: asdict(mark) for version, mark in marks.items()}
            for name, marks in document.bad.items()
        },
    }


def _served(site_url: str) -> dict[str, Any]:
    """Return the documents that visitors are served, or the reason why they are unknown."""
    try:
        manifest = manifests.fetch(site_url)
    except PhaselineError as error:
        return {"error": str(error), "documents": {}}
    return {
        "commit": manifest.commit,
        "execution": manifest.execution,
        "documents": {name: asdict(document) for name, document in manifest.documents.items()},
    }


def lines(status: Mapping[str, Any]) -> Iterator[str]:
    """Return the status as lines for people."""
    yield f"{status['environment']}: {status['site_url']}"
    if "error" in status["served"]:
        yield f"served versions unknown: {status['served']['error']}"
    for type_, document in status["documents"].items():
        shown = status["served"]["documents"].get(type_, {"revision": "nothing", "versions": {}})
        yield f"{type_}: revision {document['revision']} is active, {shown['revision']} is served"
        for name in sorted(document["versions"].keys() | document["holds"].keys()):
            version, served_version = document["versions"].get(name), shown["versions"].get(name)
            served_note = (
                "" if served_version == version else f", served: {served_version or 'nothing'}"
            )
            hold = document["holds"].get(name)
            yield f"  {name} {version or 'nothing'}{served_note}{_hold_note(hold)}"
        if document["freeze"]:
            yield f"  the whole type{_hold_note(document['freeze'])}"
        for name, marks in sorted(document["bad"].items()):
            for version, mark in sorted(marks.items()):
                yield f"  {name} {version} is marked as bad by {mark['who']}: {mark['reason']}"
    for state, releases in (("waiting", status["waiting"]), ("open", status["open_releases"])):
        for release in releases:
            yield f"{state}: {release['release_id']}, since {release['requested_at']}"
    for execution in status["executions"]:
        yield f"execution {execution['id']}: {execution['status']}, {execution['url']}"


def _hold_note(hold: Mapping[str, Any] | None) -> str:
    if hold is None:
        return ""
    when = f" until {hold['until']}" if hold["until"] else ""
    when += f" at {hold['window']}" if hold["window"] else ""
    return f", on hold{when} by {hold['who']}: {hold['reason']}"
