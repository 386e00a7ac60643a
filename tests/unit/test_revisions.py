"""The revisions that travel between the pipeline's actions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline import revisions
from phaseline.errors import InputError
from tests.unit.test_announce import release


@given(st.dictionaries(st.sampled_from(["in", "opt", "out"]), st.integers(0, 10**9)))
def test_parse_reads_what_render_writes(known: dict[str, int]) -> None:
    """Any revisions survive the way, also inside of another action's JSON."""
    text = revisions.render(known)
    assert text
    assert json.loads(f'{{"revisions":"{text}"}}')["revisions"] == text
    assert revisions.parse(text) == known


@pytest.mark.parametrize("text", ["", "in", "in=", "in=x", "in=1,", "#{Publish.revisions}"])
def test_what_is_no_revisions_is_refused(text: str) -> None:
    """The error shows what came instead."""
    with pytest.raises(InputError, match="expected such as"):
        revisions.parse(text)


def test_only_what_the_documents_hold_counts() -> None:
    """A release of a newer document is left out; of two for one algorithm, the last counts."""
    older, newer = release(1, revision=2), release(1, revision=3, version="2.1.0")
    waiting, unwritten = release(2, revision=4), release(3, revision=None)
    other = release(1, type="in", revision=1)
    found = revisions.newest_covered([older, newer, waiting, unwritten, other], {"opt": 3})
    assert found == [newer]
