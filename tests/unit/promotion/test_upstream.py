"""Promotions from the upstream environment."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from phaseline.algorithms.schema import Schema
from phaseline.errors import RefusedError
from phaseline.promotion.listener import Listener
from phaseline.promotion.upstream import Upstream
from phaseline.releases.release import VERIFIED
from tests.builders.requests import NAME, ask, moved
from tests.builders.requests import listener as listener  # a fixture
from tests.events import stream_record

AT = "2026-11-24T22:00:00Z"


def promote(listener: Listener, number: int, version: str, at: str, **display: Any) -> None:
    """Release a version in the upstream environment, and mark it as verified at a time."""
    record = stream_record(number, version=version)
    record["dynamodb"]["NewImage"]["display"] = {
        "M": {name: {"S": value} for name, value in display.items()}
    }
    listener.process([record], Schema())
    for each in list(listener.commits.ledger.open_releases("opt")):
        listener.commits.ledger.stamp(each, "verified", at=at, state=VERIFIED)


@pytest.fixture
def upstream(listener: Listener) -> Upstream:
    """Version 1.0 was live for an hour, 2.0 is live for half an hour, and 3.0 is not live yet."""
    promote(listener, 1, "1.0", "2026-11-24T20:30:00Z", title="One")
    promote(listener, 2, "2.0", "2026-11-24T21:30:00Z", title="Two")
    listener.process([stream_record(3, version="3.0")], Schema())
    return Upstream("staging", listener.commits.documents, listener.commits.ledger, timedelta())


@pytest.mark.parametrize(
    ("version", "soak", "expected"),
    [
        ("1.0", 0, "1.0"),
        ("1.0", 60, "1.0"),
        ("1.0", 61, "live in staging for 60 min of the required 61 min"),
        ("2.0", 30, "2.0"),
        ("2.0", 45, r"for 30 min of the required 45 min.*at 2026-11-24T22:15:00Z"),
        ("3.0", 0, "not known as verified in staging"),
        ("9.0", 0, "not known as verified in staging"),
        (None, 0, "opt/route-planner 3.0: it is not known as verified in staging"),
    ],
)
def test_version_is_promoted_once_it_was_verified_and_live_upstream_for_long_enough(
    upstream: Upstream, version: str | None, soak: int, expected: str
) -> None:
    strict = replace(upstream, soak=timedelta(minutes=soak))
    if expected == version:
        assert strict.verified("opt", NAME, version, at=AT).version == version
        return
    with pytest.raises(RefusedError, match=expected):
        strict.verified("opt", NAME, version, at=AT)


def test_version_that_is_bad_upstream_is_refused(upstream: Upstream, listener: Listener) -> None:
    ask(listener, "rollback", "1.0")
    with pytest.raises(RefusedError, match="marked bad there"):
        upstream.verified("opt", NAME, "3.0", at=AT)


def test_version_that_was_withdrawn_upstream_is_refused(
    upstream: Upstream, listener: Listener
) -> None:
    left = stream_record(9, version="2.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    listener.process([left], Schema())
    with pytest.raises(RefusedError, match="withdrawn"):
        upstream.verified("opt", NAME, "2.0", at=AT)


def test_algorithm_without_upstream_version_is_refused(upstream: Upstream) -> None:
    with pytest.raises(RefusedError, match="no active version in staging"):
        upstream.verified("in", NAME, None, at=AT)


def test_promotion_copies_version_and_display_from_upstream(
    upstream: Upstream, listener: Listener
) -> None:
    outcome = ask(listener, "promote", "1.0", upstream=upstream)
    assert moved(outcome) == {NAME: ("3.0", "1.0")}
    entry = outcome.document.document.algorithms[NAME]
    assert (entry.version, entry.display) == ("1.0", {"title": "One"})
