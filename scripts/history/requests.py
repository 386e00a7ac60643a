"""The requests that release nothing by themselves: holds, resumptions and clearings."""

from collections.abc import Iterator, Sequence

from phaseline.releases.release import scope_of
from scripts.history.release_text import QuietRequest
from scripts.services import Services

QUIET = {"hold", "resume", "clear"}
"""The actions that no release records. The others are in the releases that they start."""


def quiet_requests(
    services: Services,
    types: Sequence[str],
    algorithm: str | None,
    since: str = "",
    until: str = "~",
) -> Iterator[QuietRequest]:
    """Return the requests about an algorithm, or about any, the newest of each type first.

    A request about a whole type is about each of its algorithms.
    """
    for type_ in types:
        for request in services.ledger.requests(type_, since, until):
            names = request.algorithms
            if request.action in QUIET and (not algorithm or not names or algorithm in names):
                scope = scope_of(type_, names)
                yield QuietRequest(scope, request.action, request.who, request.reason, request.at)
