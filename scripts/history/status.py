"""The state of an environment: versions, holds, bad marks, releases and executions."""

from dataclasses import asdict
from typing import Any

from phaseline.algorithms.names import TYPES
from phaseline.documents.store import Stored
from phaseline.errors import PhaselineError
from phaseline.site import manifests
from scripts.services import Services

EXECUTIONS_SHOWN = 5


def status(services: Services) -> dict[str, Any]:
    """Return the state of an environment, as --json prints it."""
    documents = {type_: services.documents.read(type_) for type_ in TYPES}
    return {
        "environment": services.name,
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


def _document(stored: Stored) -> dict[str, Any]:
    document = stored.document
    return {
        "revision": document.revision,
        "version_id": stored.version_id,
        "versions": document.versions(),
        "entries": {
            name: {"since": entry.since, "who": entry.who, "release": entry.release}
            for name, entry in document.algorithms.items()
        },
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
