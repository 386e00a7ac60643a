"""Pure: compares the documents with Phaseline's own writes, the ledger and GitHub."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from phaseline.documents import diff
from phaseline.documents.document import Document
from phaseline.documents.store import Stored
from phaseline.drift.report import Explained, Finding, Repair
from phaseline.github.outbox import Dispatch, Settled
from phaseline.releases.release import Release
from phaseline.site.manifests import ServedManifest
from phaseline.site.verdict import compare

SHOWN = 5
"""Maximum number of differences or files that a sentence names; it counts the others."""


def edited(stored: Stored, made: Stored, base: Stored | None) -> Finding | None:
    """Return a finding if somebody else wrote the version `made`, and `stored` still contains its
    changes.

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
        f"compared with version {base.version_id}, the last before it that Phaseline wrote"
        if base
        else "no earlier version that Phaseline wrote exists to compare it with"
    )
    return Finding(
        kind="edited-document",
        subject=f"document {type_}",
        found=where,
        sentence=f"{where} of the document was not written by Phaseline{found} ({against})."
        " Promote or roll back the algorithms to replace it; no repair overwrites it.",
    )


def _still(base: Document, made: Document, now: Document) -> Document:
    """Return `base` with those changes of `made` that `now` still contains."""
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


def unclosed(manifest: ServedManifest, releases: Iterable[Release]) -> Iterator[Finding]:
    """Yield the open releases that the served `manifest` proves to be verified or superseded."""
    verdict = compare(manifest, releases)
    for release in (*verdict.verified, *verdict.superseded):
        yield Finding(
            kind="open-release",
            subject=f"{release.type}/{release.algorithm}",
            found=release.release_id,
            sentence=f"Release {release.release_id} is open in the ledger, but the website shows"
            f" revision {release.revision} of its document, or a later one. Close it.",
            repair=_close(release),
        )


def unsettled(stored: Stored, settled: Settled) -> Iterator[Finding]:
    """Yield a finding if the newest write of a document was not recorded completely."""
    document = stored.document
    write = document.write_after(settled.revision)
    if write is None:
        return
    ids = [release.release_id for release in write.releases]
    yield Finding(
        kind="unsettled-document",
        subject=f"document {document.type}",
        found=f"revision {write.revision}",
        sentence=f"Revision {write.revision} of the document was written, but the ledger does"
        f" not have its releases ({listed(ids)}): the writer died in between. Record them.",
        repair=Repair("settle", {"type": document.type}),
    )


def _close(release: Release) -> Repair:
    return Repair("close", {"type": release.type, "release": release.release_id})


def owed(dispatch: Dispatch) -> Finding:
    """Return the finding of an overdue dispatch."""
    return Finding(
        kind="owed-dispatch",
        subject=f"document {dispatch.type}",
        found=f"revision {dispatch.revision}",
        sentence=f"GitHub did not accept the dispatch for revision {dispatch.revision}"
        f" ({listed(dispatch.releases)}). The listener sends it again every few minutes: read its"
        " log, and check the token. The release continues without the dispatch.",
    )


def under_way(finding: Finding, execution: str) -> Explained:
    """Return the finding as explained by an execution in progress, which will fix it."""
    return Explained(finding.subject, f"{finding.found}; execution {execution} is in progress")


def listed(values: Sequence[object]) -> str:
    """Return the first of `values` as text, and the number of the others."""
    names = [str(value) for value in values[:SHOWN]]
    more = [f"and {len(values) - SHOWN} more"] if len(values) > SHOWN else []
    return ", ".join([*names, *more])
