"""The upstream environment, from which versions are promoted: for example staging for production.

A version must have been verified and live in the upstream environment for long enough. Its version
and display are copied from the ledger of that environment, so they are identical to the byte.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phaseline import times
from phaseline.documents.document import Document
from phaseline.documents.store import Documents
from phaseline.errors import RefusedError
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED, WITHDRAWN, Release


@dataclass(frozen=True)
class Upstream:
    """The upstream environment. A version must have been live there for `soak`."""

    name: str
    documents: Documents
    ledger: Ledger
    soak: timedelta

    def verified(self, type_: str, algorithm: str, version: str | None, *, at: str) -> Release:
        """Return the upstream release of `version`, or of the active version if `version` is None.

        `at` is the present time (ISO 8601). Raises RefusedError if the upstream environment has not
        verified the version, has withdrawn it or marked it bad, or if the version was not live
        there for long enough.
        """
        document = self.documents.read(type_).document
        version = version or document.version(algorithm)
        where = f"{type_}/{algorithm} {version or ''}".rstrip()
        if version is None:
            raise RefusedError(
                where, f"it has no active version in {self.name}", f"Release it in {self.name}."
            )
        releases = list(self.ledger.releases(type_, algorithm))
        live_times = _live_times(releases, document, version, datetime.fromisoformat(at))
        longest = max(live_times, key=lambda live_time: live_time[1], default=None)
        if longest is None:
            raise RefusedError(
                where,
                f"it is not known as verified in {self.name}, or was withdrawn or marked bad there",
                f"Release it in {self.name} first: phaseline history"
                f" --environment {self.name} --type {type_} --algorithm {algorithm}.",
            )
        release, duration = longest
        if duration < self.soak:
            ready = datetime.fromisoformat(at).astimezone(UTC) + self.soak - duration
            raise RefusedError(
                where,
                f"it was live in {self.name} for {duration.total_seconds() / 60:.0f} min of the"
                f" required {self.soak.total_seconds() / 60:.0f} min",
                f"Repeat the request at {times.second(ready)} if it is still live there then.",
            )
        return release


def _live_times(
    releases: Iterable[Release], document: Document, version: str, at: datetime
) -> Iterator[tuple[Release, timedelta]]:
    """Yield the releases of a good version, newest first, with the time for which each was live."""
    until = at
    for release in releases:
        if release.state != VERIFIED:
            continue
        since = datetime.fromisoformat(release.steps[VERIFIED].at)
        good = WITHDRAWN not in release.steps and not document.mark(release.algorithm, version)
        if release.version == version and good:
            yield release, max(until - since, timedelta())
        until = since
