"""Fixtures of the drift tests."""

from collections.abc import Iterator

import pytest

from tests.builders import drift
from tests.builders.drift import World


@pytest.fixture
def world() -> Iterator[World]:
    with drift.world() as made:
        yield made
