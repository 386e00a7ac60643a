"""The subject of a release: a document version, and the active versions that it changes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from phaseline.documents.document import Document
from phaseline.promotion.carry_out import Move, Outcome
from phaseline.promotion.request import Request
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release
from phaseline.slack.rendering import TEST_FLOW
from scripts.services import Services

MOVES_LIMIT = 100
"""Number of algorithms of a document version that are read from the ledger and printed."""


@dataclass(frozen=True)
class AttributedMove(Move):
    """The change of an algorithm's active version, with the person who made it and the reason."""

    who: str
    reason: str

    def __str__(self) -> str:
        if self.before == self.after:
            return f"{self.algorithm} stays at {self.after or 'nothing'}"
        return f"{self.algorithm} {self.before or 'nothing'} -> {self.after or 'nothing'}"


@dataclass(frozen=True)
class Subject:
    """A document version, `after`, and the changes that it makes to the one `before`.

    `changed` is True if this run wrote it. `document_version` is its S3 version ID, or None in a
    dry run that would write it. `releases` are its releases in the ledger.
    """

    before: Document
    after: Document
    document_version: str | None
    moves: tuple[AttributedMove, ...]
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
        """Return the subject as --json prints it."""
        return {
            "type": self.type,
            "document_version": self.document_version,
            "revision": self.revision,
            "moves": [asdict(move) for move in self.moves],
            "changed": self.changed,
            "note": self.note,
        }


def of_request(request: Request, outcome: Outcome, *, dry_run: bool) -> Subject:
    """Return the document version that a request wrote or found."""
    stored = outcome.document
    return Subject(
        before=outcome.before.document,
        after=stored.document,
        document_version=None if dry_run and outcome.changed else stored.version_id,
        moves=tuple(
            AttributedMove(**vars(move), who=request.who, reason=request.reason)
            for move in outcome.moves
        ),
        changed=outcome.changed,
        note=outcome.note,
        releases=outcome.releases,
    )


def of_version(services: Services, type_: str, version_id: str) -> Subject:
    """Return a document version, and its changes to the version before it.

    Raises RefusedError if the version does not exist.
    """
    stored = services.documents.read_version(type_, version_id)
    earlier = services.documents.before(stored)
    before = earlier.document if earlier else Document(type_)
    moves = list(_moves(services.ledger, before, stored.document))
    return Subject(
        before=before,
        after=stored.document,
        document_version=version_id,
        moves=tuple(move for move, _ in moves),
        changed=False,
        note=f"document {type_}, revision {stored.document.revision}",
        releases=tuple(release for _, release in moves if release),
    )


def _moves(
    ledger: Ledger, before: Document, after: Document
) -> Iterator[tuple[AttributedMove, Release | None]]:
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
        move = AttributedMove(
            algorithm=name,
            before=old.get(name),
            after=new.get(name),
            release=entries[name].release,
            who=entries[name].who or TEST_FLOW,
            reason=release.reason if release else "",
        )
        yield move, release
