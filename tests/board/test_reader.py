"""The reader of the board asks AWS a bounded number of times. No page reads meanwhile."""

from datetime import timedelta

from phaseline.algorithms.names import TYPES
from phaseline.releases.release import Position
from scripts.services import Services
from tests.builders import board
from tests.builders.calls import Calls


def test_number_of_calls_is_independent_of_releases(services: Services) -> None:
    """A page of releases asks once for each type."""
    story = board.Story(services)
    for number in range(3):
        story.release("opt/a", "1", board.NOW - timedelta(minutes=number))
    reader = board.reader_of(services)
    position = Position.of(next(services.ledger.newest("opt")))
    queries = Calls(services.ledger.client, Query=lambda _: None, GetItem=lambda _: None)
    reader.newest_releases({}, TYPES)
    assert len(queries.asked) == len(TYPES)
    queries.asked.clear()
    assert len(reader.newest_releases({"opt": position}, ["opt"]).releases) == 2
    assert len(queries.asked) == 1
