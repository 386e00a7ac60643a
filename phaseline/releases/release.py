"""Pure: a release, its states and its steps."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

OPEN, VERIFIED, SUPERSEDED = "open", "verified", "superseded"
"""The states of a release: a metadata document carries it, visitors were served its version, or a
newer release replaced it before that.
"""
WAITING, DOCUMENT, WITHDRAWN = "waiting", "document", "withdrawn"
"""The names of steps: the release waited behind a hold, a document was stored with it, and its
version was withdrawn later.
"""


@dataclass(frozen=True)
class Step:
    """One step of a release, which ended `at` a time and, if known, `started` at another.

    Times are ISO 8601, UTC. `link` is a URL, a pipeline execution id or an S3 object version id.
    """

    at: str
    started: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Release:
    """A change of the active version of one algorithm, from the request to the website.

    `release_id` is the correlation id. `version` becomes active in place of `previous`; None stands
    for no version. `sequence` is the sequence number of the stream record. `requested_at` is the
    time of the change in the table or of the request (ISO 8601, UTC). `who` made the request; None
    stands for the table's stream. `run_url` is the workflow run that carried the request.
    `document_version` (an S3 object version id) and `revision` identify the metadata document that
    carries the release, or that superseded it. The revision orders the releases of a type: times
    come from several clocks. `steps` are the recorded steps by name.
    """

    release_id: str
    type: str
    algorithm: str
    version: str | None
    action: str
    previous: str | None
    requested_at: str
    sequence: str
    reason: str
    who: str | None = None
    display: Mapping[str, Any] = field(default_factory=dict)
    state: str = OPEN
    document_version: str | None = None
    revision: int | None = None
    run_url: str | None = None
    steps: Mapping[str, Step] = field(default_factory=dict, compare=False)

    @property
    def can_return(self) -> bool:
        """Whether a rollback may return to this version: it was verified and never withdrawn.

        The metadata document holds the versions that are marked bad; check them as well.
        """
        return self.state == VERIFIED and bool(self.version) and WITHDRAWN not in self.steps

    @property
    def key(self) -> dict[str, Any]:
        """The primary key in the ledger table, as DynamoDB attribute values.

        Raises ValueError for a release that no document carries or superseded yet.
        """
        if self.revision is None:
            raise ValueError(f"release {self.release_id} has no revision")
        return {
            "pk": {"S": f"algorithm#{self.type}#{self.algorithm}"},
            "sk": {"S": f"release#{self.revision:012}#{self.release_id}"},
        }

    @property
    def recorded_at(self) -> str:
        """The time at which the document was stored that carries the release, or superseded it.

        It is the time by which the ledger's index sorts releases, since the first stamp of a step
        stays. Raises KeyError for a release that was not recorded.
        """
        first = DOCUMENT if DOCUMENT in self.steps else self.state
        return self.steps[first].at


@dataclass(frozen=True)
class Position:
    """The position of a release in the lists of the ledger, from which a list can go on.

    `at` is the release's `recorded_at`; the other fields are those of the release.
    """

    type: str
    algorithm: str
    revision: int
    release_id: str
    at: str

    @classmethod
    def of(cls, release: Release) -> "Position":
        """Return the position of a release that the ledger holds."""
        if release.revision is None:
            raise ValueError(f"release {release.release_id} has no revision")
        return cls(
            release.type,
            release.algorithm,
            release.revision,
            release.release_id,
            release.recorded_at,
        )

    @property
    def key(self) -> dict[str, Any]:
        """The primary key of the release in the ledger table, as DynamoDB attribute values."""
        return _key(self.type, self.algorithm, self.revision, self.release_id)


def _key(type_: str, algorithm: str, revision: int, release_id: str) -> dict[str, Any]:
    return {
        "pk": {"S": f"algorithm#{type_}#{algorithm}"},
        "sk": {"S": f"release#{revision:012}#{release_id}"},
    }


@dataclass(frozen=True)
class RequestRecord:
    """A request that was carried out. `key` identifies the request and all that it asks for.

    `at` is the time of the request (ISO 8601, UTC), and `algorithms` are those that it named.
    """

    key: str
    action: str
    algorithms: tuple[str, ...]
    who: str
    reason: str
    at: str


def identify(type_: str, algorithm: str, version: str, cause: str) -> str:
    """Return the id of a release. The same cause always gives the same id.

    >>> identify("opt", "route-planner", "2.1.0", "promote 7")
    'opt-route-planner-2.1.0-eb519411'
    """
    digest = hashlib.sha256(cause.encode()).hexdigest()
    return f"{type_}-{algorithm}-{version}-{digest[:8]}"


def scope_of(type_: str, algorithms: Iterable[str]) -> str:
    """Return a whole type, or algorithms of the type, as people read it.

    >>> scope_of("opt", ("lane-change", "route-planner"))
    'opt/lane-change, route-planner'
    """
    names = ", ".join(algorithms)
    return f"{type_}/{names}" if names else type_
