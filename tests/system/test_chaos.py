"""Releases while AWS, GitHub and Slack have faults, as a short part of `make chaos`."""

import pytest

from local.system import System
from tests.chaos.judge import judge, unfinished
from tests.chaos.promotions import Promotion
from tests.chaos.trial import Trial
from tests.system.conftest import settle

NEVER = Promotion("opt", "never-written", "1.0.0")


def test_releases_arrive_once_in_spite_of_faults(system: System) -> None:
    """Every version is served and told, and each release is in the ledger once."""
    settle(system)
    trial = Trial(system, seed=1, share=0.05)
    trial.release(2)
    assert trial.fates.faults > 5
    assert trial.count["releases"] == len(trial.promoted) == 3
    # A late event may still look at a message, which then is unfinished for a moment.
    missing = unfinished(system, [*trial.promoted, NEVER])
    assert "opt never-written 1.0.0 is not on the website" in missing
    for wrong in ([*trial.promoted, NEVER], [*trial.promoted, trial.promoted[0]]):
        with pytest.raises(AssertionError):
            judge(system, wrong, trial.fates.doubtful)
