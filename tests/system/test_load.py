"""The loads of `make load`, with few records: what they count, never how long they take."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.system import System
from tests.chaos.fates import Fates
from tests.chaos.functions import through_proxies
from tests.load.loads import Load
from tests.system.conftest import settle

WRITE = "s3", "PUT of a document"
DISPATCH = "github", "dispatches"


@pytest.fixture(scope="module")
def load(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """The loads, with all calls counted."""
    settle(system)
    fates = Fates(seed=0, share=0)
    with through_proxies(system, fates):
        yield Load(system, fates.calls, Path(tmp_path_factory.mktemp("load")))


def test_backlog_is_taken_in_one_write_of_each_document(load: Load) -> None:
    found = load.backlog(30)
    assert found.records == 30
    assert (found.calls[WRITE], found.calls[DISPATCH]) == (3, 3)
    assert found.executions["Succeeded"] >= 1
    assert 0 < found.written <= found.recorded <= found.served
    assert found.memory > 20


def test_promotions_during_a_build_are_brought_by_one_execution(load: Load) -> None:
    found = load.queue(3)
    assert (found.calls[WRITE], found.calls[DISPATCH]) == (3, 3)
    assert found.executions == {"Succeeded": 2, "Superseded": 2}
