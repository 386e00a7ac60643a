"""The environment that versions come from: staging before production, where there is such an order.

What is promoted was verified there, for long enough, and is taken from its ledger as it was shown:
version and display are the same to the byte.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phaseline import times
from phaseline.documents.document import Document
from phaseline.documents.store import Documents
from phaseline.errors import RefusedError
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED, Release


@dataclass(frozen=True)
class Upstream:
    """The environment of this `name`; `soak` is how long a version must have been live there."""

    name: str
    documents: Documents
    ledger: Ledger
    soak: timedelta

    def verified(self, type_: str, algorithm: str, version: str | None, *, at: str) -> Release:
        """The release there of `version`, or of the one that is active there.

        Raises RefusedError for a version that was not verified there, is bad there, was withdrawn
        there, or was not live there for long enough.
        """
        document = self.documents.read(type_).document
        active = document.algorithms.get(algorithm)
        wanted = version or (active.version if active else None)
        where = f"{type_}/{algorithm} {wanted or ''}".rstrip()
        if wanted is None:
            raise RefusedError(
                where, f"it has no active version in {self.name}", f"Release it in {self.name}."
            )
        releases = list(self.ledger.releases(type_, algorithm))
        spans = _spans(releases, document, wanted, datetime.fromisoformat(at))
        longest = max(spans, key=lambda span: span[1], default=None)
        if longest is None:
            raise RefusedError(
                where,
                f"it is not known as verified in {self.name}, or is withdrawn or marked bad there",
                f"Release it in {self.name} first: python -m scripts history"
                f" --environment {self.name} --type {type_} --algorithm {algorithm}.",
            )
        release, lived = longest
        if lived < self.soak:
            ready = datetime.fromisoformat(at).astimezone(UTC) + self.soak - lived
            raise RefusedError(
                where,
                f"it was live in {self.name} for {lived.total_seconds() / 60:.0f} min of the"
                f" {self.soak.total_seconds() / 60:.0f} that it must be",
                f"Ask again at {times.second(ready)}, if it is live there until then.",
            )
        return release


def _spans(
    releases: Iterable[Release], document: Document, version: str, at: datetime
) -> Iterator[tuple[Release, timedelta]]:
    """The releases of a good version and how long each was live, from `releases`, newest first."""
    until = at
    for release in releases:
        if release.state != VERIFIED:
            continue
        since = datetime.fromisoformat(release.steps[VERIFIED].at)
        good = "withdrawn" not in release.steps and not document.mark(release.algorithm, version)
        if release.version == version and good:
            yield release, max(until - since, timedelta())
        until = since
