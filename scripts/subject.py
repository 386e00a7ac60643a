"""What is released: a version of a document, and the active versions that it changes."""

from collections.abc import Iterator
from dataclasses import dataclass

from phaseline.documents import Stored
from phaseline.ledger import Ledger
from phaseline.metadata import Document, Entry, Tombstone
from phaseline.requests import Outcome, Request
from scripts.services import Services

MOVES_LIMIT = 100
"""Algorithms of one document's version that are looked up in the ledger and told."""
TEST_FLOW = "the test flow"


@dataclass(frozen=True)
class Move:
    """One algorithm's active version, before and after; None where there is none."""

    algorithm: str
    before: str | None
    after: str | None
    release: str | None
    who: str
    reason: str

    def __str__(self) -> str:
        if self.before == self.after:
            return f"{self.algorithm} stays at {self.after or 'nothing'}"
        return f"{self.algorithm} {self.before or 'nothing'} -> {self.after or 'nothing'}"


@dataclass(frozen=True)
class Subject:
    """What is released: a version of a document, and what it changes. `changed` is set where this
    run has written it."""

    type: str
    document_version: str | None
    revision: int
    moves: tuple[Move, ...]
    changed: bool
    note: str


def of_request(request: Request, outcome: Outcome, *, dry_run: bool) -> Subject:
    """What a request made, or found made already."""
    stored = outcome.document
    known = stored.document.algorithms.get(request.algorithm)
    move = Move(
        algorithm=request.algorithm,
        before=outcome.before,
        after=outcome.after,
        release=known.release if known else None,
        who=request.who,
        reason=request.reason,
    )
    return Subject(
        type=request.type,
        document_version=None if dry_run and outcome.changed else stored.version_id,
        revision=stored.document.revision,
        moves=(move,),
        changed=outcome.changed,
        note=outcome.note,
    )


def of_version(known: Services, type_: str, version_id: str) -> Subject:
    """What a version of a document changed, by the version before it. Raises RefusedError for one
    that does not exist."""
    stored = known.documents.read_version(type_, version_id)
    moves = tuple(_moves(known.ledger, stored, known.documents.before(stored)))
    return Subject(
        type=type_,
        document_version=version_id,
        revision=stored.document.revision,
        moves=moves,
        changed=False,
        note=f"document {type_}, revision {stored.document.revision}",
    )


def _moves(ledger: Ledger, stored: Stored, earlier: Stored | None) -> Iterator[Move]:
    document = stored.document
    old, new = _versions(earlier.document if earlier else Document(document.type)), document
    held: dict[str, Entry | Tombstone] = {**new.withdrawn, **new.algorithms}
    different = [name for name in sorted(held) if old.get(name) != _versions(new).get(name)]
    for name in different[:MOVES_LIMIT]:
        released = (
            release
            for release in ledger.releases(document.type, name)
            if release.release_id == held[name].release
        )
        release = next(released, None)
        yield Move(
            algorithm=name,
            before=old.get(name),
            after=_versions(new).get(name),
            release=held[name].release,
            who=(release.who if release else None) or TEST_FLOW,
            reason=release.reason if release else "",
        )


def _versions(document: Document) -> dict[str, str]:
    return {name: entry.version for name, entry in document.algorithms.items()}
