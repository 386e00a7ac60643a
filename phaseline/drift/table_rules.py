"""Pure: compares the algorithms table with the documents.

The run time is linear in the number of algorithms.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.algorithms.table import Item
from phaseline.algorithms.versions import version_order
from phaseline.documents.document import Document
from phaseline.documents.entry import Entry
from phaseline.drift.report import Explained, Finding, Repair
from phaseline.errors import InputError
from phaseline.releases.release import WITHDRAWN, Release

ItemKey = tuple[str, str]
"""An algorithm: its type and its name."""


@dataclass
class Table:
    """The state of the algorithms table that the comparison needs.

    `newest` is the highest tested version of each algorithm without a bad mark. `active` are the
    algorithms whose active version is tested, `bad` the tested versions with a bad mark, and
    `malformed` the errors of invalid items.
    """

    newest: dict[ItemKey, str] = field(default_factory=dict)
    active: set[ItemKey] = field(default_factory=set)
    bad: list[tuple[ItemKey, str]] = field(default_factory=list)
    malformed: list[InputError] = field(default_factory=list)


@dataclass(frozen=True)
class Unreleased:
    """A tested version above the active one. `waits` says whether it waits behind a hold."""

    type: str
    algorithm: str
    version: str
    active: Entry | None
    waits: bool

    @property
    def subject(self) -> str:
        return f"{self.type}/{self.algorithm}"


@dataclass(frozen=True)
class Untested:
    """An active version that is not tested. `waits`: its withdrawal waits behind a hold."""

    type: str
    algorithm: str
    active: Entry
    waits: bool


def gather(
    items: Iterable[AlgorithmVersion | InputError], documents: Mapping[str, Document]
) -> Table:
    """Return the state of the table from its `items`, for the types in `documents`."""
    table = Table()
    for item in items:
        if isinstance(item, InputError):
            table.malformed.append(item)
            continue
        if item.type not in documents:
            continue
        key, document = (item.type, item.algorithm), documents[item.type]
        entry, newest = document.algorithms.get(item.algorithm), table.newest.get(key)
        if entry and entry.version == item.version:
            table.active.add(key)
        if document.mark(item.algorithm, item.version):
            table.bad.append((key, item.version))
        elif newest is None or version_order(newest) < version_order(item.version):
            table.newest[key] = item.version
    return table


def unreleased(documents: Mapping[str, Document], table: Table) -> Iterator[Unreleased]:
    """Yield the algorithms whose newest tested version is above the active one."""
    waiting = _waiting(documents, "promote")
    for (type_, name), version in table.newest.items():
        entry = documents[type_].algorithms.get(name)
        if entry is None or version_order(str(entry.version)) < version_order(version):
            yield Unreleased(type_, name, version, entry, (type_, name, version) in waiting)


def untested(documents: Mapping[str, Document], table: Table) -> Iterator[Untested]:
    """Yield the algorithms whose active version is not tested."""
    waiting = _waiting(documents, "withdraw")
    for type_, document in documents.items():
        for name, entry in document.algorithms.items():
            if (type_, name) not in table.active:
                yield Untested(type_, name, entry, (type_, name, entry.version) in waiting)


def _waiting(documents: Mapping[str, Document], action: str) -> set[tuple[str, str, str]]:
    return {
        (type_, change.algorithm, change.version)
        for type_, document in documents.items()
        for change in document.waiting()
        if change.action == action
    }


def marked(documents: Mapping[str, Document], table: Table) -> Iterator[Explained]:
    """Yield the tested versions above the active one that have a bad mark."""
    for (type_, name), version in table.bad:
        document = documents[type_]
        entry, mark = document.algorithms.get(name), document.mark(name, version)
        if mark and (entry is None or version_order(str(entry.version)) < version_order(version)):
            yield Explained(
                f"{type_}/{name}",
                f"{version} is tested, but {mark.who} marked it bad: {mark.reason}",
            )


def malformed(error: InputError) -> Finding:
    """Return the finding of an item that is tested but invalid."""
    return Finding("lost-promotion", error.where, error.found, str(error))


def decided(releases: Iterable[Release], version: str) -> Release | None:
    """Return the release of `version` among those of its algorithm; None if there is none since the
    version last entered the phase."""
    for release in releases:
        if release.version == version and WITHDRAWN not in release.steps:
            return release
    return None


def promotion(
    unreleased: Unreleased, document: Document, releases: Iterable[Release], at: datetime
) -> Finding | Explained:
    """Return whether the promotion of a version above the active one was lost.

    `releases` are the algorithm's, the newest first. They are read only as far as needed.
    """
    active = unreleased.active.version if unreleased.active else "nothing"
    if unreleased.waits:
        return Explained(
            unreleased.subject,
            f"{unreleased.version} is tested and waits behind a hold; {active} is active",
        )
    if release := decided(releases, unreleased.version):
        known = f"{unreleased.version} is tested and was released before ({release.release_id});"
        if unreleased.active and unreleased.active.who:
            return Explained(
                unreleased.subject,
                f"{known} {unreleased.active.who} made {active} active afterwards",
            )
        return Explained(unreleased.subject, f"{known} {active} became active afterwards")
    hold = document.hold(unreleased.algorithm, at)
    held = document.entry(unreleased.algorithm)
    remedy = (
        f"It is on hold by {hold.who} ({hold.reason}): resume it first."
        if hold
        else "Promote it, and read the log of the stream's listener."
    )
    return Finding(
        kind="lost-promotion",
        subject=unreleased.subject,
        found=f"{unreleased.version} is tested, {active} is active",
        sentence=f"{unreleased.version} is tested but was never released; {active} is active."
        f" {remedy}",
        repair=None
        if hold
        else Repair(
            "release",
            {
                "type": unreleased.type,
                "algorithm": unreleased.algorithm,
                "version": unreleased.version,
                "after": held.release if held else "",
            },
        ),
    )


def withdrawal(untested: Untested, item: Item | None, schema: Schema) -> Finding | Explained | None:
    """Return whether the withdrawal of an active version was lost.

    `item` is the version's item in the table now; the result is None if it is in the phase. The
    removal of an item withdraws nothing (algorithms/changes.py), so that it is explained if a
    person made the version active.
    """
    subject, version = f"{untested.type}/{untested.algorithm}", untested.active.version
    if untested.waits:
        return Explained(subject, f"the withdrawal of {version} waits behind a hold")
    if item is None:
        if untested.active.who:
            return Explained(
                subject, f"{untested.active.who} made {version} active; its item was removed"
            )
        why, state = "has no item", "the algorithms table no longer has its item"
    elif item.type != untested.type:
        why, state = "is of another type", f"its item is of the type {item.type!r}"
    elif item.phase != schema.phase:
        state = f"its item has the phase {item.phase!r}, not {schema.phase!r}"
        if not schema.withdraws_on_leave:
            return Explained(subject, f"{version} is active, and {state}, which withdraws nothing")
        why = "has left the phase"
    else:
        return None
    return Finding(
        kind="lost-withdrawal",
        subject=subject,
        found=f"{version} is active and {why}",
        sentence=f"{version} is active, but {state}. Roll back the algorithm, or correct the item"
        " if the version should stay active.",
    )


def why_not(document: Document, name: str, entry: Entry, after: str, at: datetime) -> str | None:
    """Return why the entry of a lost version must not become active; None if it may, or already did
    by the same release. `after` is the release in effect at the check, or "".
    """
    active, version = document.algorithms.get(name), entry.version
    held = document.entry(name)
    if held and held.release == entry.release:
        return None
    if active and active.version == version:
        return f"{version} is active already"
    if hold := document.hold(name, at):
        return f"it is on hold by {hold.who}: {hold.reason}"
    if mark := document.mark(name, version):
        return f"{version} was marked bad by {mark.who}: {mark.reason}"
    if (held.release if held else "") != after:
        return f"{active.version if active else 'nothing'} was made active meanwhile"
    return None
