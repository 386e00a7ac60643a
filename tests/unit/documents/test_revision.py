"""The revisions in the output variables of an action."""

import json

import pytest

from phaseline.documents import revision


@pytest.mark.parametrize(
    ("revisions", "text"),
    [({}, "none"), ({"opt": 7}, "opt=7"), ({"out": 2, "in": 3}, "in=3,out=2")],
)
def test_revisions_are_sorted_text_that_is_never_empty_and_fits_into_json(
    revisions: dict[str, int], text: str
) -> None:
    assert revision.render(revisions) == text
    assert json.loads(f'{{"revisions":"{text}"}}')["revisions"] == text
