"""The changes that wait behind one hold, as the ledger keeps them for messages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from phaseline.releases.release import scope_of

HOLDS_LIMIT = 100
"""The most holds of one type with changes that are listed, so that they fit into an item."""
LISTED = 5
"""The most changes of one hold that are listed."""
REASON_LIMIT = 300
"""Characters of a hold's reason. The document has the whole reason."""


@dataclass(frozen=True)
class Waiting:
    """The changes that wait behind the hold of an algorithm, or of a whole type if it is None.

    `who` holds it since a time (ISO 8601, UTC) for a `reason`, `until` a time or during a `window`,
    if they are given. `changes` are the first LISTED of `count`, in order: each an action, an
    algorithm and a version.
    """

    type: str
    algorithm: str | None
    who: str
    since: str
    reason: str
    until: str | None
    window: str | None
    changes: tuple[tuple[str, str, str], ...]
    count: int

    @property
    def subject(self) -> str:
        """The algorithm or the type on hold, in the form of a command's argument."""
        return scope_of(self.type, [self.algorithm] if self.algorithm else [])

    def to_fields(self) -> dict[str, Any]:
        """Return the fields as the ledger stores them."""
        return asdict(self) | {"changes": [list(change) for change in self.changes]}

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Waiting":
        """Return what `to_fields` stored."""
        changes = tuple((action, name, version) for action, name, version in fields["changes"])
        return cls(**{**fields, "changes": changes, "count": int(fields["count"])})
