"""Pure: the algorithms table against the documents. Linear in the number of algorithms."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from phaseline.algorithms.schema import AlgorithmVersion
from phaseline.algorithms.table import Item
from phaseline.algorithms.versions import version_order
from phaseline.documents.document import Document, Entry
from phaseline.drift.report import Explained, Finding, Repair
from phaseline.errors import InputError
from phaseline.releases.release import Release

Key = tuple[str, str]
"""An algorithm: its type and its name."""


@dataclass
class Table:
    """What the algorithms table has, by algorithm: no more than one version of each, and what can't
    be told from the documents.

    `newest` is the highest tested version that is not bad, `bad` are the tested ones that are,
    `active` the algorithms whose active version is tested, `malformed` the items that are none.
    """

    newest: dict[Key, str] = field(default_factory=dict)
    active: set[Key] = field(default_factory=set)
    bad: list[tuple[Key, str]] = field(default_factory=list)
    malformed: list[InputError] = field(default_factory=list)


@dataclass(frozen=True)
class Unreleased:
    """A tested version above the active one. `waits` where it does so behind a hold."""

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
    """An active version that is not tested. `waits` where its withdrawal does so behind a hold."""

    type: str
    algorithm: str
    active: Entry
    waits: bool


def gather(
    items: Iterable[AlgorithmVersion | InputError], documents: Mapping[str, Document]
) -> Table:
    """What the table's `items` come to, for the types that there are documents of."""
    found = Table()
    for item in items:
        if isinstance(item, InputError):
            found.malformed.append(item)
            continue
        if item.type not in documents:
            continue
        key, document = (item.type, item.algorithm), documents[item.type]
        entry, newest = document.algorithms.get(item.algorithm), found.newest.get(key)
        if entry and entry.version == item.version:
            found.active.add(key)
        if document.mark(item.algorithm, item.version):
            found.bad.append((key, item.version))
        elif newest is None or version_order(newest) < version_order(item.version):
            found.newest[key] = item.version
    return found


def unreleased(documents: Mapping[str, Document], table: Table) -> Iterator[Unreleased]:
    """The algorithms whose newest tested version is above the active one."""
    waiting = _waiting(documents, "promote")
    for (type_, name), version in table.newest.items():
        entry = documents[type_].algorithms.get(name)
        if entry is None or version_order(str(entry.version)) < version_order(version):
            yield Unreleased(type_, name, version, entry, (type_, name, version) in waiting)


def untested(documents: Mapping[str, Document], table: Table) -> Iterator[Untested]:
    """The algorithms whose active version is not tested."""
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
    """The bad versions that are above the active one, and tested."""
    for (type_, name), version in table.bad:
        document = documents[type_]
        entry, mark = document.algorithms.get(name), document.mark(name, version)
        if mark and (entry is None or version_order(str(entry.version)) < version_order(version)):
            yield Explained(
                f"{type_}/{name}",
                f"{version} is tested, and {mark.who} marked it bad: {mark.reason}",
            )


def malformed(error: InputError) -> Finding:
    """An item that is in the phase and can be no release."""
    return Finding("lost-promotion", error.where, error.found, str(error))


def decided(releases: Iterable[Release], version: str) -> Release | None:
    """The release by which `version` had its turn, among an algorithm's; None where it had none
    since it last entered the phase."""
    for release in releases:
        if release.version == version and "withdrawn" not in release.steps:
            return release
    return None


def promotion(
    found: Unreleased, document: Document, releases: Iterable[Release], at: datetime
) -> Finding | Explained:
    """Whether the promotion of a version above the active one was lost, by the algorithm's
    `releases`, the newest first; they are read only as far as needed."""
    active = found.active.version if found.active else "nothing"
    if found.waits:
        return Explained(
            found.subject, f"{found.version} is tested and waits behind a hold; {active} is active"
        )
    if release := decided(releases, found.version):
        known = f"{found.version} is tested and had its turn ({release.release_id});"
        if found.active and found.active.who:
            return Explained(
                found.subject, f"{known} {found.active.who} made {active} active after it"
            )
        return Explained(found.subject, f"{known} {active} came after it")
    hold = document.hold(found.algorithm, at)
    held = document.entry(found.algorithm)
    remedy = (
        f"It is on hold by {hold.who} ({hold.reason}): resume it first."
        if hold
        else "Promote it; look whether the stream's listener is well."
    )
    return Finding(
        kind="lost-promotion",
        subject=found.subject,
        found=f"{found.version} is tested, {active} is active",
        sentence=f"{found.version} is tested and was never released, {active} is active. {remedy}",
        repair=None
        if hold
        else Repair(
            "release",
            {
                "type": found.type,
                "algorithm": found.algorithm,
                "version": found.version,
                "after": held.release if held else "",
            },
        ),
    )


def withdrawal(found: Untested, item: Item | None, phase: str) -> Finding | Explained | None:
    """Whether the withdrawal of an active version was lost, by the `item` that the table has of it
    now; None where that is in the `phase`.

    That an item is removed takes nothing off the website (algorithms/changes.py). Where a person
    made the version active, that explains it.
    """
    subject, version = f"{found.type}/{found.algorithm}", found.active.version
    if found.waits:
        return Explained(subject, f"{version} was withdrawn, which waits behind a hold")
    if item is None:
        if found.active.who:
            return Explained(
                subject, f"{found.active.who} made {version} active; its item is gone since"
            )
        why, state = "has no item", "the algorithms table has no item of it any more"
    elif item.type != found.type:
        why, state = "is of another type", f"its item is of the type {item.type!r}"
    elif item.phase != phase:
        why, state = "has left the phase", f"its item has the phase {item.phase!r}, not {phase!r}"
    else:
        return None
    return Finding(
        kind="lost-withdrawal",
        subject=subject,
        found=f"{version} is active and {why}",
        sentence=f"{version} is active, though {state}. Roll it back if it is not wanted; correct"
        " its item if it is.",
    )


def why_not(document: Document, name: str, entry: Entry, after: str, at: datetime) -> str | None:
    """Why `entry`, of a version that was found lost, is not to be made active; None where it is, or
    is so by this very release. `after` is the release in effect when it was found, or empty.
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
