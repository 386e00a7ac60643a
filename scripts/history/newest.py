"""The newest releases of an environment."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

from scripts.cli import invocation
from scripts.history import release_text
from scripts.history.result import Result
from scripts.services import Services


def newest(services: Services, types: Sequence[str], algorithm: str | None, limit: int) -> Result:
    """Return the newest releases, the newest first."""
    found = [
        release
        for type_ in types
        for release in islice(
            services.ledger.releases(type_, algorithm)
            if algorithm
            else services.ledger.newest(type_),
            limit,
        )
    ]
    found = release_text.in_order(found)[-limit:][::-1]
    return {"releases": list(map(asdict, found))}, release_text.rows(found, invocation.now())
