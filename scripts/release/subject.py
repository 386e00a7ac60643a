"""What is released: a version of a document, and the active versions that it changes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from phaseline.documents.document import Document
from phaseline.promotion.carry_out import Outcome
from phaseline.promotion.request import Request
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release
from phaseline.slack.rendering import TEST_FLOW
from scripts.services import Services

MOVES_LIMIT = 100
"""Algorithms of one document's version that are looked up in the ledger and told."""


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
    """What is released: a version of a document, `after`, and what it changes of the one `before`.

    `changed` is set where this run has written it; `document_version` is None where a dry run would
    have. `releases` are those of the ledger that it is about.
    """

    before: Document
    after: Document
    document_version: str | None
    moves: tuple[Move, ...]
    changed: bool
    note: str
    releases: tuple[Release, ...] = ()

    @property
    def type(self) -> str:
        return self.after.type

    @property
    def revision(self) -> int:
        return self.after.revision

    def data(self) -> dict[str, Any]:
        """What --json prints of it."""
        return {
            "type": self.type,
            "document_version": self.document_version,
            "revision": self.revision,
            "moves": [asdict(move) for move in self.moves],
            "changed": self.changed,
            "note": self.note,
        }


def of_request(request: Request, outcome: Outcome, *, dry_run: bool) -> Subject:
    """What a request made, or found made already."""
    stored = outcome.document
    return Subject(
        before=outcome.before.document,
        after=stored.document,
        document_version=None if dry_run and outcome.changed else stored.version_id,
        moves=tuple(
            Move(**vars(move), who=request.who, reason=request.reason) for move in outcome.moves
        ),
        changed=outcome.changed,
        note=outcome.note,
        releases=outcome.releases,
    )


def of_version(services: Services, type_: str, version_id: str) -> Subject:
    """What a version of a document changed, by the version before it. Raises RefusedError for one
    that does not exist."""
    stored = services.documents.read_version(type_, version_id)
    earlier = services.documents.before(stored)
    before = earlier.document if earlier else Document(type_)
    found = list(_moves(services.ledger, before, stored.document))
    return Subject(
        before=before,
        after=stored.document,
        document_version=version_id,
        moves=tuple(move for move, _ in found),
        changed=False,
        note=f"document {type_}, revision {stored.document.revision}",
        releases=tuple(release for _, release in found if release),
    )


def _moves(
    ledger: Ledger, before: Document, after: Document
) -> Iterator[tuple[Move, Release | None]]:
    old, new = before.versions(), after.versions()
    entries = {**after.withdrawn, **after.algorithms}
    different = [name for name in sorted(entries) if old.get(name) != new.get(name)]
    for name in different[:MOVES_LIMIT]:
        released = (
            release
            for release in ledger.releases(after.type, name)
            if release.release_id == entries[name].release
        )
        release = next(released, None)
        move = Move(
            algorithm=name,
            before=old.get(name),
            after=new.get(name),
            release=entries[name].release,
            who=entries[name].who or TEST_FLOW,
            reason=release.reason if release else "",
        )
        yield move, release
