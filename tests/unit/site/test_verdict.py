"""An open release is verified, superseded or waits, as the website's manifest says."""

from typing import Any

import pytest

from phaseline.site.manifests import ServedDocument, ServedManifest
from phaseline.site.verdict import compare
from tests.builders.releases import release

SERVED = ServedManifest(
    "c0ffee",
    "e1",
    {"in": ServedDocument("v0", 0, {}), "opt": ServedDocument("v7", 7, {"a": "1.0.0"})},
    digest="",
)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "verified"),
        ({"revision": 3}, "verified"),
        ({"version": "0.9.0", "revision": 6}, "superseded"),
        ({"version": None}, "superseded"),
        ({"algorithm": "gone", "version": None}, "verified"),
        ({"algorithm": "gone"}, "superseded"),
        ({"revision": 8}, "waiting"),
        ({"revision": None}, "waiting"),
        ({"type": "in"}, "waiting"),
        ({"type": "other"}, "waiting"),
    ],
)
def test_release_of_a_built_revision_is_verified_if_served_and_else_superseded(
    changes: dict[str, Any], outcome: str
) -> None:
    """A release of a later revision waits."""
    compared = release(**changes)
    verdict = compare(SERVED, [compared])
    assert getattr(verdict, outcome) == (compared,)
    assert len(verdict.verified + verdict.superseded + verdict.waiting) == 1
