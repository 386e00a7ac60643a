"""`make demo CI=1`, as it runs for a new user."""

import re
from pathlib import Path

import pytest

from local.demo import demo


def test_demo_ends_well(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It deploys by workflow, releases by the listener's dispatch, tells each step, and ends."""
    assert demo.run(ci=True, folder=tmp_path / "state") == 0
    told = capfd.readouterr().out
    for step in ("deploy.yml: success", "Build.Build", "edge", "verified", "on-version-tested.yml"):
        assert step in told
    assert "route-planner 2.1.0 is live" in told
    for type_, algorithm, version, *_ in demo.ALGORITHMS:
        for stage in ("listener", "Build.Build", "verified"):
            assert re.search(rf" s +{type_} +{algorithm} {re.escape(version)} +{stage}", told)
