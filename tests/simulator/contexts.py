"""What an actor does while it makes remote calls: whose write it is, is judged by this."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from phaseline.promotion.request import Request
from tests.simulator.model import Asked, Position

Partition = list[dict[str, Any]]
"""The items of an algorithm in the ledger's table."""


@dataclass(frozen=True, eq=False)
class Reader:
    """A context that reads the ledger. `reads` has what it found, by algorithm."""

    reads: defaultdict[str, list[Partition]] = field(
        default_factory=lambda: defaultdict(list), kw_only=True
    )


@dataclass(frozen=True, eq=False)
class Invocation(Reader):
    """An invocation of the listener for records, in their order, or without any by the schedule."""

    positions: Sequence[Position] = ()


@dataclass(frozen=True, eq=False)
class Run(Reader):
    """One run of a person's request, at a time (ISO 8601, UTC)."""

    request: Request

    @property
    def asked(self) -> Asked:
        """The request as the model has it."""
        request = self.request
        algorithm = request.algorithms[0] if request.algorithms else None
        return Asked(
            request.action, request.type, algorithm, request.version, request.until, request.id
        )


@dataclass(frozen=True)
class Edit:
    """Somebody breaks a document, or puts a good version over it."""


Context = Invocation | Run | Edit | None
