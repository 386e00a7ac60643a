"""The dispatches that GitHub is owed, in the ledger table."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from phaseline.github.outbox import Dispatch, Outbox
from tests.builders.stores import make_table


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    with mock_aws():
        client = boto3.client("dynamodb")
        make_table(client, "ledger")
        yield Outbox(client, "ledger")


def test_outbox_keeps_the_newest_dispatch_until_it_is_sent(outbox: Outbox) -> None:
    empty = outbox.read("opt")
    assert (empty.revision, empty.owed) == (-1, None)
    old = empty.following("opt", "v1", 1, ["r1"], ())
    new = old.following("opt", "v2", 2, ["r2"], ())
    assert old.owed
    assert new.owed == Dispatch("opt", "v2", 2, ("r1", "r2"), 2)
    outbox.settle("opt", new)
    outbox.settle("opt", old)
    outbox.mark_sent(old.owed)
    assert outbox.read("opt") == new
    outbox.mark_sent(new.owed)
    assert outbox.read("opt").owed is None
    outbox.settle("opt", outbox.read("opt").following("opt", "v3", 3, [], ()))
    assert (outbox.read("opt").revision, outbox.read("opt").owed) == (3, None)


def test_outbox_stays_small_while_github_is_down(outbox: Outbox) -> None:
    state = outbox.read("opt")
    for revision in range(3):
        ids = [f"{revision}-{number}" for number in range(10_000)]
        state = state.following("opt", "v", revision, ids, ())
    assert state.owed
    assert (len(state.owed.releases), state.owed.release_count) == (150, 30_000)
    assert state.owed.releases[-1] == "2-9999"
