"""Pure: a release, its states and its steps."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WAITING, OPEN, VERIFIED, SUPERSEDED = "waiting", "open", "verified", "superseded"
"""The states of a release: behind a hold; in a document and not yet seen on the website; seen
there; overtaken by another release.
"""


@dataclass(frozen=True)
class Step:
    """One step of a release: when it ended, when it began (if known), and where to look.

    Times are ISO 8601, UTC. `link` is a URL, or the id of the execution or object version.
    """

    at: str
    started: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Release:
    """One change of one algorithm's active version, from the request to the website.

    `release_id` is the correlation id. `version` becomes active in place of `previous`; None stands
    for no version. `sequence` is the stream record's sequence number; `requested_at` is when the
    item changed, or a person asked (ISO 8601, UTC). `who` is that person, None for the table's
    stream, and `run_url` the workflow run that carried the request. `document_version` and
    `revision` name the metadata document that carries the release. `steps` are the steps that the
    ledger has recorded, by name.
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
        """Whether a rollback may return to its version: it was verified and not withdrawn since.

        Which versions are marked bad stands in the document.
        """
        return self.state == VERIFIED and bool(self.version) and "withdrawn" not in self.steps

    @property
    def key(self) -> dict[str, Any]:
        """Its primary key in the ledger's table, as DynamoDB attribute values."""
        return {
            "pk": {"S": f"algorithm#{self.type}#{self.algorithm}"},
            # Stream times are whole seconds; within one, the sequence number is the order.
            "sk": {"S": f"release#{self.requested_at}#{self.sequence:0>40}#{self.release_id}"},
        }


def identify(type_: str, algorithm: str, version: str, cause: str) -> str:
    """The id of a release. The same cause gives the same id:

    >>> identify("opt", "route-planner", "2.1.0", "promote 7")
    'opt-route-planner-2.1.0-d0f5a4a9'
    """
    digest = hashlib.sha256(cause.encode()).hexdigest()
    return f"{type_}-{algorithm}-{version}-{digest[:8]}"
