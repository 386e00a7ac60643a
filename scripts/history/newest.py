"""The newest releases of an environment."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

from phaseline.releases.release import Release
from scripts.cli import invocation
from scripts.history import release_text
from scripts.history.requests import quiet_requests
from scripts.history.result import Result
from scripts.services import Services


def newest(services: Services, types: Sequence[str], algorithm: str | None, limit: int) -> Result:
    """Return the newest releases, holds, resumptions and clearings, the newest first."""
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
    requests = islice(quiet_requests(services, types, algorithm), limit * len(types))
    events = release_text.merged(release_text.in_order(found), requests)[-limit:][::-1]
    value = {
        "releases": [asdict(event) for event in events if isinstance(event, Release)],
        "requests": [asdict(event) for event in events if not isinstance(event, Release)],
    }
    return value, release_text.rows(events, invocation.now())
