"""Items that are older than the stream are released by `backfill`."""

from collections.abc import Iterator
from contextlib import contextmanager

from local.system import System, table, website
from tests.system.conftest import COMPLETE, promote, settle
from tests.system.scripts import Scripts
from tests.system.scripts import scripts as scripts  # a fixture


@contextmanager
def without_stream(system: System) -> Iterator[None]:
    """Let the stream invoke nothing for a time; its records come afterwards."""
    client, name = system.client("lambda"), system.function("StreamListener")
    (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def test_highest_version_of_older_items_is_live_and_stays_live(
    system: System, scripts: Scripts
) -> None:
    """Also after records of them that come later, in their order."""
    promote(system, "opt", "regular", "1.0.0")
    settle(system)
    with without_stream(system):
        for version in ("1.9.0", "1.10.0"):
            table.write_algorithm(
                system, "older", version, type_="opt", phase=COMPLETE, title="t", summary="s"
            )
        foreseen = scripts.run("backfill", "--dry-run")
        assert foreseen.code == 0, foreseen.err
        assert "opt/older  1.10.0 is tested, nothing is active" in foreseen.out
        assert "older" not in scripts.document().document.versions()
        ran = scripts.run("backfill", "--json", run="2")
        assert ran.code == 0, ran.err
        assert [one["algorithm"] for one in ran.json["promotions"]] == ["older"]
        assert website.versions(system, "opt")["older"] == "1.10.0"
        again = scripts.run("backfill", "--json", run="3")
        assert (again.code, again.json["promotions"]) == (0, [])
    promote(system, "opt", "regular", "1.1.0")  # its record follows those of the older items
    settle(system)
    assert website.versions(system, "opt")["older"] == "1.10.0"
