"""Pure: compares open releases with the website's manifest."""

from collections.abc import Iterable
from dataclasses import dataclass

from phaseline.releases.release import SUPERSEDED, VERIFIED, Release
from phaseline.site.manifests import ServedManifest


@dataclass(frozen=True)
class Verdict:
    """The open releases by the result of their comparison with a manifest."""

    verified: tuple[Release, ...]
    superseded: tuple[Release, ...]
    waiting: tuple[Release, ...]

    @property
    def ends(self) -> tuple[tuple[tuple[Release, ...], str], ...]:
        """The releases that end, with their new state."""
        return (self.verified, VERIFIED), (self.superseded, SUPERSEDED)


def compare(manifest: ServedManifest, releases: Iterable[Release]) -> Verdict:
    """Compare open `releases` with `manifest`.

    A release waits until the website is built from its document's revision or a later one. It is
    verified if the manifest has its version (after a withdrawal without a version: if it has none),
    and superseded if the manifest has another version.
    """
    verified, superseded, waiting = [], [], []
    for release in releases:
        document = manifest.documents.get(release.type)
        if document is None or release.revision is None or release.revision > document.revision:
            waiting.append(release)
        elif document.versions.get(release.algorithm) == release.version:
            verified.append(release)
        else:
            superseded.append(release)
    return Verdict(tuple(verified), tuple(superseded), tuple(waiting))
