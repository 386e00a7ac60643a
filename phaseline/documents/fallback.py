"""Pure: chooses the release to which a withdrawal returns.

`phaseline.documents.commit` reads the candidates from the ledger before each attempt to write, and
`phaseline.documents.merge` chooses among them while it applies the changes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document
from phaseline.releases.release import Release

Fallbacks = Mapping[str, Sequence[Release]]
"""Maps the release id of a withdrawal to the releases to which it may return, newest first."""


def candidates(
    releases: Iterable[Release], withdrawal: Change, document: Document, number: int
) -> tuple[Release, ...]:
    """Return the releases to which a withdrawal may return, newest first.

    `releases` are those of its algorithm, newest first. Each version has one candidate, its newest
    release, and no more than `number` versions have one: the rest is not read.
    """
    newest: dict[str | None, Release] = {}
    for release in releases:
        is_other = release.version != withdrawal.version
        is_bad = document.mark(withdrawal.algorithm, release.version)
        if release.can_return and is_other and not is_bad:
            newest.setdefault(release.version, release)
        if len(newest) == number:
            break
    return tuple(newest.values())


def fallback(
    fallbacks: Fallbacks,
    withdrawal: Change,
    document: Document,
    withdrawn: Collection[tuple[str, str]],
) -> Release | None:
    """Return the release to which a withdrawal returns, or None.

    It is the newest candidate whose version is not marked bad in `document`, and was not
    `withdrawn` (algorithm and version) by a change that is applied together with this one.
    """
    for release in fallbacks.get(withdrawal.release_id, ()):
        name, version = withdrawal.algorithm, str(release.version)
        if (name, version) not in withdrawn and not document.mark(name, version):
            return release
    return None
