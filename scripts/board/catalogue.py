"""Pure: the algorithms of an environment, with the search and the filters of the board.

Everything that costs time for each algorithm is computed once for each state of the documents, so
that a page costs the same for 50,000 algorithms.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold

MOVING, HELD, WAITING, BAD = "moving", "held", "waiting", "bad"
"""The filters: the active version is not served yet, a hold is in force, a change waits behind a
hold, and a version is marked as bad."""
FILTERS = (MOVING, HELD, WAITING, BAD)
PAGE = 50
"""Algorithms on one page."""


@dataclass(frozen=True)
class AlgorithmStatus:
    """One algorithm as its document and the website have it.

    `served` is the version that visitors are served, and `active` the one of the document; None
    stands for no version. `hold` keeps its changes back now, `is_frozen` if it holds the whole
    type. `waiting` are the changes behind its holds. `bad` are the marks by version.
    """

    type: str
    name: str
    served: str | None
    entry: Entry | None
    hold: Hold | None
    is_frozen: bool
    waiting: tuple[Change, ...]
    bad: Mapping[str, Mark]

    @property
    def active(self) -> str | None:
        """The active version of the document."""
        return self.entry.version if self.entry else None

    @property
    def is_known(self) -> bool:
        """Whether a document or the website names the algorithm."""
        own_hold = self.hold and not self.is_frozen
        return bool(self.entry or self.served or self.waiting or self.bad or own_hold)

    @property
    def is_moving(self) -> bool:
        """Whether visitors are not served the active version yet."""
        return self.served != self.active


@dataclass(frozen=True)
class HoldInForce:
    """A hold of an algorithm, or of a whole type if `algorithm` is None, with what waits."""

    type: str
    algorithm: str | None
    hold: Hold
    is_in_force: bool


@dataclass(frozen=True)
class Listing:
    """One page of a list: its items, its number from 1, the number of pages and of all items."""

    items: Sequence[AlgorithmStatus]
    number: int
    pages: int
    total: int


class Catalogue:
    """All algorithms of `documents`, by type, at the time `at`.

    `served` has the versions that visitors are served, by type and algorithm, or is None if they
    are unknown; then the active versions stand for them.
    """

    def __init__(
        self,
        documents: Mapping[str, Document],
        served: Mapping[str, Mapping[str, str]] | None,
        at: datetime,
    ) -> None:
        self.documents, self.at = documents, at
        active = {type_: document.versions() for type_, document in documents.items()}
        self._served = active if served is None else served
        self._waiting = _waiting(documents)
        self._index = sorted(
            (type_, name, _searched(type_, name, document.entry(name)))
            for type_, document in documents.items()
            for name in document.names() | self._served.get(type_, {}).keys()
        )
        self._by_state = {
            MOVING: {(type_, name) for type_, name, _ in self._index if self._moves(type_, name)},
            HELD: self._held(),
            WAITING: set(self._waiting),
            BAD: {
                (type_, name)
                for type_, document in documents.items()
                for name, marks in document.bad.items()
                if marks
            },
        }

    def later(self, at: datetime) -> "Catalogue":
        """Return the same algorithms at a later time, at which other holds may be in force."""
        later = copy.copy(self)
        later.at = at
        later._by_state = self._by_state | {HELD: later._held()}
        return later

    def status(self, type_: str, name: str) -> AlgorithmStatus:
        """Return the status of an algorithm, also of one that nothing is known about."""
        document = self.documents.get(type_, Document(type_))
        hold = document.hold(name, self.at)
        return AlgorithmStatus(
            type=type_,
            name=name,
            served=self._served.get(type_, {}).get(name),
            entry=document.entry(name),
            hold=hold,
            is_frozen=hold is not None and hold is document.freeze,
            waiting=self._waiting.get((type_, name), ()),
            bad=document.bad.get(name, {}),
        )

    def find(
        self, text: str, type_: str | None, state: str | None, page: int, size: int = PAGE
    ) -> Listing:
        """Return a page of the algorithms that have `text` in their name, version or person.

        `type_` and `state`, one of FILTERS, restrict them. A page has `size` algorithms; one beyond
        the last is the last.
        """
        rows: Sequence[tuple[str, str, str]] = self._index
        if type_ is not None:
            rows = [row for row in rows if row[0] == type_]
        if state is not None:
            wanted = self._by_state[state]
            rows = [row for row in rows if row[:2] in wanted]
        for word in text.lower().split():
            rows = [row for row in rows if word in row[2]]
        pages = max(1, -(-len(rows) // size))
        number = min(max(1, page), pages)
        shown = rows[(number - 1) * size : number * size]
        statuses = [self.status(key, name) for key, name, _ in shown]
        return Listing(statuses, number, pages, len(rows))

    @property
    def counts(self) -> dict[str, int]:
        """The number of algorithms in each of FILTERS."""
        return {state: len(self._by_state[state]) for state in FILTERS}

    @property
    def size(self) -> int:
        """The number of all algorithms."""
        return len(self._index)

    @property
    def holds(self) -> Sequence[HoldInForce]:
        """All holds, also those that have ended or whose window is closed now."""
        return [
            HoldInForce(type_, name, hold, hold.in_force(self.at))
            for type_, document in sorted(self.documents.items())
            for name, hold in _holds(document)
        ]

    def _held(self) -> set[tuple[str, str]]:
        frozen = {
            type_
            for type_, document in self.documents.items()
            if document.freeze and document.freeze.in_force(self.at)
        }
        held = {
            (type_, name)
            for type_, document in self.documents.items()
            for name, hold in document.holds.items()
            if hold.in_force(self.at)
        }
        return held | {(type_, name) for type_, name, _ in self._index if type_ in frozen}

    def _moves(self, type_: str, name: str) -> bool:
        return self._served.get(type_, {}).get(name) != self.documents[type_].version(name)


def _waiting(documents: Mapping[str, Document]) -> dict[tuple[str, str], tuple[Change, ...]]:
    waiting: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
    for type_, document in documents.items():
        for change in document.waiting():
            waiting[type_, change.algorithm].append(change)
    return {key: tuple(changes) for key, changes in waiting.items()}


def _holds(document: Document) -> Iterator[tuple[str | None, Hold]]:
    if document.freeze:
        yield None, document.freeze
    yield from sorted(document.holds.items())


def _searched(type_: str, name: str, entry: Entry | None) -> str:
    version, who = (entry.version, entry.who) if entry else (None, None)
    return f"{type_}/{name} {version or ''} {who or ''}".lower()
