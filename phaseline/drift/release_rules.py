"""Where the algorithms table, the documents, the ledger and the website are not the same.

Pure: from what was read to findings, or to what explains a difference. Linear in the number of
algorithms.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from phaseline.algorithms.schema import AlgorithmVersion
from phaseline.algorithms.table import Item
from phaseline.algorithms.versions import version_order
from phaseline.documents import commit, diff
from phaseline.documents.document import Document, Entry
from phaseline.documents.merge import release_of
from phaseline.documents.store import Stored
from phaseline.drift.report import Explained, Finding, Repair
from phaseline.errors import InputError
from phaseline.github.outbox import Dispatch
from phaseline.releases.release import Release
from phaseline.site import manifests
from phaseline.site.manifests import ServedManifest
from phaseline.site.publication import Published

Key = tuple[str, str]
"""An algorithm: its type and its name."""
SHOWN = 5
"""Differences or files that a sentence names; it counts the others."""
WEBSITE = "website"
BUILD, INVALIDATE = Repair("build"), Repair("invalidate")


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


@dataclass(frozen=True)
class Website:
    """What was read of the website.

    `bucket` is its bucket's listing (key -> MD5), `manifest` the one there, `published` what was
    last verified. `served` is the manifest that visitors get, or what is wrong with it, or None
    where it could not be looked at; `pages` are the MD5s of pages as visitors get them. `sources`
    has the documents' versions that `manifest` names, where they exist.
    """

    bucket: Mapping[str, str]
    manifest: ServedManifest | None
    published: Published | None
    served: ServedManifest | InputError | None
    pages: Mapping[str, str]
    sources: Mapping[str, Document]


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


def edited(stored: Stored, made: Stored, base: Stored | None) -> Finding | None:
    """What somebody else wrote as the version `made`, where it still stands in what is `stored`.

    `base` is the last version before it that Phaseline wrote.
    """
    type_ = stored.document.type
    where = f"version {made.version_id}"
    before = base.document if base else Document(type_)
    left = _still(before, made.document, stored.document)
    if left == before:
        return None
    differences = diff.compare_documents(before, left)
    found = f": {listed(differences)}" if differences else ""
    against = (
        f"compared with version {base.version_id}, the last that Phaseline wrote before"
        if base
        else "none before it that Phaseline wrote is left to compare it with"
    )
    return Finding(
        kind="edited-document",
        subject=f"document {type_}",
        found=where,
        sentence=f"{where} of the document was not written by Phaseline{found} ({against})."
        " Promote or roll back what is wanted, which replaces it; no repair writes over it.",
    )


def _still(base: Document, made: Document, now: Document) -> Document:
    """`base` with those of the changes of `made` that `now` still has."""
    parts: dict[str, Any] = {}
    for part in ("algorithms", "withdrawn", "holds", "bad"):
        before, after, current = (getattr(one, part) for one in (base, made, now))
        changed = {
            name
            for name in before.keys() | after.keys()
            if before.get(name) != after.get(name) == current.get(name)
        }
        kept = {name: value for name, value in before.items() if name not in changed}
        parts[part] = kept | {name: after[name] for name in changed if name in after}
    if base.freeze != made.freeze == now.freeze:
        parts["freeze"] = made.freeze
    return replace(base, **parts)


def website(site: Website, newest: Mapping[str, Stored]) -> Iterator[Finding]:
    """What the website shows otherwise than the `newest` documents, its last verified state and
    its own bucket say."""
    yield from _bucket(site, newest)
    if site.manifest:
        for stored in newest.values():
            yield from _source(site, site.manifest, stored)
        yield from _cache(site, site.manifest)


def _bucket(site: Website, newest: Mapping[str, Stored]) -> Iterator[Finding]:
    expected = site.published.keys if site.published else {}
    found = ""
    if site.manifest is None:
        if site.published or any(stored.document.revision for stored in newest.values()):
            found = f"its bucket has no {manifests.NAME} that can be read"
    elif site.published and site.published.publishing:
        found = f"execution {site.published.publishing} began to publish, which was never verified"
    elif site.published and expected != site.bucket:
        names = {key for key, _ in expected.items() ^ site.bucket.items()}
        found = f"its bucket is not as it was published: {listed(sorted(names))}"
    if found:
        yield _built("wrong-site", found, f"The website is in doubt: {found}.")


def _source(site: Website, manifest: ServedManifest, stored: Stored) -> Iterator[Finding]:
    type_, document = stored.document.type, stored.document
    shown, source = manifest.documents.get(type_), site.sources.get(type_)
    revision = shown.revision if shown else 0
    if revision > document.revision:
        yield Finding(
            kind="edited-document",
            subject=f"document {type_}",
            found=f"revision {document.revision} after {revision}",
            sentence=f"An older document was put back: it has revision {document.revision}, the"
            f" website was built from {revision} and refuses a lower one. Put version"
            f" {shown.version_id if shown else ''} back, and roll back what is not wanted.",
        )
    elif document.revision and (shown is None or shown.version_id != stored.version_id):
        pending = diff.compare_website(manifest.versions, [document])
        yield _built(
            "old-site",
            f"{type_} {shown.version_id if shown else 'none'} instead of {stored.version_id}",
            f"The website was built from revision {revision} of the document '{type_}', the newest"
            f" is {document.revision}"
            f" ({listed(pending) or 'visitors would see no other version'}).",
        )
    if shown and source:
        wrong = diff.compare_website(manifest.versions, [source])
        if wrong or source.revision != revision:
            yield _built(
                "wrong-site",
                f"{type_} {shown.version_id}: {listed(wrong)}",
                f"The website's manifest is not what its version {shown.version_id} of the document"
                f" '{type_}' says ({listed(wrong) or f'revision {source.revision}'}).",
            )


def _cache(site: Website, manifest: ServedManifest) -> Iterator[Finding]:
    # Where the bucket was edited the edge may well hold what was published, which is right.
    published = site.published.keys if site.published else {}

    def is_stale(key: str, digest: str) -> bool:
        return digest not in {site.bucket.get(key), published.get(key)}

    if site.served is None:
        return
    if isinstance(site.served, InputError):
        found = f"no {manifests.NAME} that can be read"
    elif is_stale(manifests.NAME, site.served.digest):
        found = f"{manifests.NAME} of execution {site.served.execution}, not {manifest.execution}"
    else:
        stale = sorted(key for key, digest in site.pages.items() if is_stale(key, digest))
        if not stale:
            return
        found = f"other content than its bucket: {listed(stale)}"
    yield Finding(
        kind="old-cache",
        subject=WEBSITE,
        found=found,
        sentence=f"The CDN serves {found}. Invalidate it; then check the distribution's origin.",
        repair=INVALIDATE,
    )


def _built(kind: Any, found: str, sentence: str) -> Finding:
    """A finding that a build mends."""
    remedy = "No execution is under way: start the pipeline."
    return Finding(kind, WEBSITE, found, f"{sentence} {remedy}", BUILD)


def unclosed(manifest: ServedManifest, releases: Iterable[Release]) -> Iterator[Finding]:
    """The open `releases` that visitors are served, or were overtaken, by the served `manifest`."""
    verdict = manifests.compare(manifest, releases)
    for release in (*verdict.verified, *verdict.superseded):
        yield Finding(
            kind="open-release",
            subject=f"{release.type}/{release.algorithm}",
            found=release.release_id,
            sentence=f"Release {release.release_id} is open in the ledger, though the website shows"
            f" its document's revision {release.revision}, or a later one. Close it.",
            repair=_close(release),
        )


def carried(stored: Stored) -> Iterator[Release]:
    """The releases that are in effect by a document, as far as it knows them."""
    document = stored.document
    for name, entry in (*document.algorithms.items(), *document.withdrawn.items()):
        release = release_of(
            entry,
            document.type,
            name,
            action="promote" if entry.version else "withdraw",
            reason="not known: its writer died before the ledger had it",
        )
        yield commit.carry(release, stored)


def unrecorded(stored: Stored, known: Container[str], since: str) -> Iterator[Finding]:
    """The releases of a document from `since` on that are not among those `known` to the ledger."""
    for release in carried(stored):
        if release.requested_at < since or release.release_id in known:
            continue
        yield Finding(
            kind="open-release",
            subject=f"{release.type}/{release.algorithm}",
            found=f"{release.release_id} is not recorded",
            sentence=f"Release {release.release_id} is in the document, and the ledger does not"
            " know it: its writer died in between. Record it, so that it can be closed.",
            # What somebody wrote by hand is not made a release of ours.
            repair=None if stored.edited else _close(release),
        )


def _close(release: Release) -> Repair:
    return Repair("close", {"type": release.type, "release": release.release_id})


def owed(dispatch: Dispatch) -> Finding:
    """A dispatch that GitHub should have by now."""
    return Finding(
        kind="owed-dispatch",
        subject=f"document {dispatch.type}",
        found=f"revision {dispatch.revision}",
        sentence=f"GitHub was not told of revision {dispatch.revision}"
        f" ({listed(dispatch.releases)}). The listener's schedule tells it every few minutes:"
        " look at its log and at the token. The release goes on without.",
    )


def under_way(finding: Finding, execution: str) -> Explained:
    """What an execution that runs or waits is about to mend."""
    return Explained(finding.subject, f"{finding.found}; execution {execution} is under way")


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


def listed(values: Sequence[object]) -> str:
    """The first of `values`, and how many there are beside."""
    names = [str(value) for value in values[:SHOWN]]
    more = [f"and {len(values) - SHOWN} more"] if len(values) > SHOWN else []
    return ", ".join([*names, *more])
