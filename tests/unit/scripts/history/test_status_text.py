"""The tables of the status command."""

from dataclasses import asdict
from typing import Any

from phaseline.documents.document import Mark
from phaseline.documents.hold import Hold
from scripts.cli.text import render
from scripts.history.status_text import lines

AT, NOW = "2026-11-24T20:00:00Z", "2026-11-24T22:00:30Z"
URL = "https://console/00000001"


def status() -> dict[str, Any]:
    """An environment with a version that is not served yet, a hold, a mark and a release."""
    opt: dict[str, Any] = {
        "revision": 7,
        "versions": {"a": "1.0", "planner": "2.1"},
        "entries": {
            "a": {"since": AT, "who": None, "release": "r"},
            "planner": {"since": NOW, "who": "ana", "release": "opt-planner-2.1-0123abcd"},
        },
        "holds": {"late": asdict(Hold("rolled back: slow", "ana", AT, until=NOW))},
        "freeze": None,
        "bad": {"late": {"3.0": asdict(Mark("slow", "ana", AT))}},
    }
    return {
        "environment": "demo",
        "site_url": "https://x",
        "documents": {"opt": opt},
        "served": {"documents": {"opt": {"revision": 6, "versions": {"a": "1.0"}}}},
        "waiting": [
            {
                "type": "opt", "algorithm": "late", "version": "3.1", "action": "withdraw",
                "requested_at": AT, "release_id": "opt-late-3.1-aaaabbbb",
            }
        ],
        "open_releases": [
            {
                "type": "opt", "algorithm": "planner", "previous": None, "version": "2.1",
                "requested_at": NOW, "release_id": "opt-planner-2.1-0123abcd", "state": "open",
            }
        ],
        "executions": [
            {"id": "00000001-0000", "status": "InProgress", "started": AT, "url": URL}
        ],
    }  # fmt: skip


def test_status_is_aligned_with_ages_and_short_ids() -> None:
    assert [render(line) for line in lines(status(), NOW)] == [
        "demo: https://x",
        "opt: revision 7 is active, 6 is served",
        "",
        "ALGORITHM    ACTIVE   SERVED   SINCE    BY",
        "opt/a        1.0      1.0      2 h ago  the test flow",
        "opt/late     nothing  nothing                          on hold until"
        " 2026-11-24T22:00:30Z by ana: rolled back: slow",
        "opt/planner  2.1      nothing  0 s ago  ana",
        "",
        "BAD VERSION   SINCE    BY   REASON",
        "opt/late 3.0  2 h ago  ana  slow",
        "",
        "RELEASE      CHANGE          STATE    REQUESTED  ID",
        "opt/late     withdraw 3.1    waiting  2 h ago    aaaabbbb",
        "opt/planner  nothing -> 2.1  open     0 s ago    0123abcd",
        "",
        "EXECUTION  STATE       STARTED",
        "00000001   InProgress  2 h ago",
    ]


def test_frozen_type_and_unknown_website_are_shown() -> None:
    found = status()
    found["documents"]["opt"]["freeze"] = asdict(Hold("holiday", "ben", AT))
    found["served"] = {"error": "https://x/phaseline.json: down", "documents": {}}
    shown = [render(line) for line in lines(found, NOW)]
    assert shown[1] == "served versions unknown: https://x/phaseline.json: down"
    assert any(line.startswith("opt (the whole type)") and "by ben" in line for line in shown)


def test_addresses_are_printed_on_demand() -> None:
    assert render([*lines(status(), NOW, urls=True)][-1]).endswith(f"2 h ago  {URL}")


def test_terminal_shows_states_in_colour_and_addresses_as_links() -> None:
    last = render([*lines(status(), NOW)][-1], is_terminal=True)
    assert f"\x1b]8;;{URL}\x1b\\00000001\x1b]8;;\x1b\\" in last
    assert "\x1b[33mInProgress\x1b[0m" in last
