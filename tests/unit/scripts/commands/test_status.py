"""The lines of the status command."""

from dataclasses import asdict
from typing import Any

from phaseline.documents.document import Hold
from scripts.commands import status


def test_withdrawn_algorithm_on_hold_is_listed() -> None:
    document: dict[str, Any] = {
        "revision": 7,
        "versions": {"a": "1.0"},
        "holds": {"late": asdict(Hold("rolled back: it is slow", "ana", "2026-11-24T20:00:00Z"))},
        "freeze": None,
        "bad": {},
    }
    found = {
        "environment": "demo",
        "site_url": "https://x",
        "documents": {"opt": document},
        "served": {"documents": {"opt": {"revision": 7, "versions": {"a": "1.0"}}}},
        "waiting": [],
        "open_releases": [],
        "executions": [],
    }
    assert list(status.lines(found))[2:] == [
        "  a 1.0",
        "  late nothing, on hold by ana: rolled back: it is slow",
    ]
