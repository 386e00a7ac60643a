"""promote.yml: what people ask for, by hand, on the whole system."""

import re
from datetime import UTC, datetime
from typing import Any

from local.system import System, table, website
from phaseline.site import manifests
from tests.system.conftest import COMPLETE, promote
from tests.waiting import a_second, eventually
from tests.workflows.conftest import by_hand, succeeded

NAMES = ("delivery-forecast", "stock-forecast")


def shown(system: System) -> dict[str, str | None]:
    """The versions of the algorithms that the website shows."""
    versions = website.versions(system, "out")
    return {name: versions.get(name) for name in NAMES}


def ask(system: System, action: str, algorithm: str = "", version: str = "", **more: str) -> Any:
    """Run promote.yml, which has to end well; the run."""
    fields = {name.replace("_", "-"): value for name, value in more.items()}
    return succeeded(by_hand(system, action, algorithm, version, **fields))


def refused(system: System, *asked: str, **more: str) -> str:
    """The log of a run of promote.yml that has to be refused."""
    run = by_hand(system, *asked, **more)
    assert run["conclusion"] == "failure"
    return str(run["summary"])


def test_website_follows_every_action(system: System) -> None:
    """A version is rolled back, stays out until it is cleared, and is promoted again; the website
    follows each of them, and the summary says what and why."""
    one = NAMES[0]
    promote(system, "out", one, "1.0.0")
    promote(system, "out", one, "1.1.0")

    foreseen = ask(system, "rollback", one, dry_run="true")["summary"]
    assert "delivery-forecast 1.1.0 -\\> 1.0.0" in foreseen
    assert re.search(r'^-\s*"version": "1.1.0"', foreseen, re.MULTILINE)
    assert shown(system)[one] == "1.1.0"

    assert "To rollback it" in ask(system, "rollback", one)["summary"]
    assert shown(system)[one] == "1.0.0"
    assert "on hold" in refused(system, "promote", one, "1.1.0")
    ask(system, "resume", one)
    assert "marked bad" in refused(system, "promote", one, "1.1.0")
    ask(system, "clear", one, "1.1.0")
    ask(system, "promote", one, "1.1.0")
    assert shown(system)[one] == "1.1.0"


def test_algorithms_return_to_a_time_in_one_write(system: System) -> None:
    """Several algorithms go back to what was before, then all of a type to what was live at a time;
    each time in one write."""
    for name in NAMES:
        promote(system, "out", name, "3.0.0")
    then = a_second()
    for name in NAMES:
        promote(system, "out", name, "3.1.0")

    both = ", ".join(NAMES)
    before = manifests.fetch(system.edge_url).documents["out"].revision
    ask(system, "rollback", both)
    assert shown(system) == dict.fromkeys(NAMES, "3.0.0")
    assert manifests.fetch(system.edge_url).documents["out"].revision == before + 1
    ask(system, "resume", both)
    for name in NAMES:
        promote(system, "out", name, "3.2.0")
    ask(system, "rollback", as_of=then)
    assert shown(system) == dict.fromkeys(NAMES, "3.0.0")
    ask(system, "resume", both)


def test_versions_wait_until_a_freeze_ends(system: System) -> None:
    """Every type is held, in a window and until a time; what is tested meanwhile waits, and is
    released when the freeze is ended."""
    name = NAMES[0]
    window = f"0 {datetime.now(UTC).hour} * * * for 23h in UTC"
    ask(system, "hold", type="all", until="2999-01-01T00:00:00Z", window=window)
    table.write_algorithm(
        system, name, "4.0.0", type_="out", phase=COMPLETE, title=name, summary="4.0.0"
    )
    eventually(lambda: system.document("out").waiting())
    assert "on hold" in refused(system, "promote", name, "4.0.0")
    assert shown(system)[name] != "4.0.0"
    ask(system, "resume", type="all")
    assert shown(system)[name] == "4.0.0"
    assert system.document("out").waiting() == ()
