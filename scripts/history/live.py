"""The publication that was live at a time, with its versions."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from phaseline.documents.document import Document
from phaseline.site.live import Live
from scripts.history.result import Result
from scripts.services import Services


def live_at(services: Services, types: Sequence[str], algorithm: str | None, at: str) -> Result:
    """Return the publication that was live at a time, and its versions."""
    live = services.lives.at(at)
    if live is None:
        return {"at": at, "live": None}, [f"{at}: nothing was live yet"]
    documents = {
        type_: {
            "revision": live.documents[type_].revision,
            "version_id": live.documents[type_].version_id,
            "versions": {
                name: entry.version
                for name, entry in document_of(services, live, type_).algorithms.items()
                if algorithm in {None, name}
            },
        }
        for type_ in types
        if type_ in live.documents
    }
    shown = asdict(live) | {"documents": documents, "url": services.executions.url(live.execution)}
    return {"at": at, "live": shown}, _live_lines(at, shown)


def _live_lines(at: str, live: dict[str, Any]) -> Iterator[str]:
    yield f"{at}: commit {live['commit']}, live since {live['at']}"
    yield f"execution {live['execution']}: {live['url']}"
    for type_, document in live["documents"].items():
        yield f"{type_}: revision {document['revision']}, version {document['version_id']}"
        yield from (f"  {name} {version}" for name, version in sorted(document["versions"].items()))


def document_of(services: Services, live: Live | None, type_: str) -> Document:
    """Return the document of a type that was live, or an empty one."""
    if live is None or type_ not in live.documents:
        return Document(type=type_)
    return services.documents.read_version(type_, live.documents[type_].version_id).document
