"""The revisions that an action's output variables tell."""

import json

import pytest

from phaseline.documents import revision


@pytest.mark.parametrize(
    ("known", "text"), [({}, "none"), ({"opt": 7}, "opt=7"), ({"out": 2, "in": 3}, "in=3,out=2")]
)
def test_revisions_are_sorted_text_that_is_never_empty_and_fits_into_json(
    known: dict[str, int], text: str
) -> None:
    assert revision.render(known) == text
    assert json.loads(f'{{"revisions":"{text}"}}')["revisions"] == text
