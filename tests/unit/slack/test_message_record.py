"""The names of message records."""

import pytest

from phaseline.releases.waiting import Waiting
from phaseline.slack import message_record
from phaseline.slack.message_record import HoldSubject

HELD = Waiting("opt", "a", "ana", "2026-11-24T20:00:00Z", "why", None, None, (), 1)
FROZEN = Waiting("opt", None, "ana", "2026-11-24T20:00:00Z", "why", None, None, (), 1)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        (message_record.of_revision("opt", 7), ("opt", 7)),
        (message_record.of_execution("e1"), "e1"),
        (message_record.of_hold(HELD), HoldSubject("opt", "a", "2026-11-24T20:00:00Z")),
        (message_record.of_hold(FROZEN), HoldSubject("opt", "", "2026-11-24T20:00:00Z")),
    ],
)
def test_name_tells_the_subject(name: str, subject: object) -> None:
    assert message_record.subject(name) == subject
