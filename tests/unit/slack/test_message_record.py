"""The names of message records."""

import pytest

from phaseline.slack import message_record


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        (message_record.of_revision("opt", 7), ("opt", 7)),
        (message_record.of_execution("e1"), "e1"),
    ],
)
def test_name_tells_the_subject(name: str, subject: object) -> None:
    assert message_record.subject(name) == subject
