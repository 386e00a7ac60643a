"""What the drift command reports: an issue, and a heartbeat that counts complete checks."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from phaseline.deploy.environment import Environment
from phaseline.drift.deployed import Checkout
from phaseline.errors import ConfigurationError
from scripts.cli.console import Console
from scripts.commands.drift import Drift
from scripts.github.issues import Kept
from scripts.services import Services
from tests.builders.findings import CLEAN, FOUND
from tests.builders.issues import GitHub
from tests.builders.issues import served as served  # a fixture

WHOLE = replace(FOUND, failures=())


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    """An account without an environment, so that Slack's channel is not known."""
    with mock_aws():
        yield


@pytest.fixture
def drift() -> Drift:
    """The command, for an environment that has no stacks."""
    console = Console(total=1, err=io.StringIO(), environ={})
    return Drift(Services("demo"), console, Checkout({}, {}, {}), (), settle=0, timeout=1)


def counted() -> float:
    """How many checks CloudWatch was told of."""
    now = datetime.now(UTC)
    got = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="Phaseline",
        MetricName="DriftChecked",
        Dimensions=[{"Name": "Environment", "Value": "demo"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(one["Sum"] for one in got["Datapoints"])


def test_a_complete_check_is_reported_and_counted(served: GitHub, drift: Drift) -> None:
    """Whether something differs or not; a Slack that is not reached is no reason to fail."""
    found, kept = drift.report(served.issues, WHOLE, ())
    assert (found, kept.change) == (WHOLE, "opened")
    assert served.body().startswith(
        f"<!-- phaseline-drift environment=demo fingerprint={WHOLE.fingerprint} -->\n"
    )
    assert drift.report(served.issues, CLEAN, ())[1].change == "recovered"
    assert counted() == 2


def test_an_incomplete_check_is_reported_and_not_counted(served: GitHub, drift: Drift) -> None:
    """The alarm is to miss the check that can't look."""
    assert drift.report(served.issues, FOUND, ())[1].change == "opened"
    nothing = replace(CLEAN, failures=FOUND.failures)
    assert drift.report(served.issues, nothing, ())[1].change == "unchanged"
    assert (served.states(), counted()) == ({1: "open"}, 0)


def test_a_report_that_fails_is_a_failure_beside_what_was_found(
    served: GitHub, drift: Drift
) -> None:
    """Which is told all the same, and is not counted: nobody else has heard of it."""
    served.fails(method="POST", path="/issues", status=502, count=9)
    found, kept = drift.report(served.issues, WHOLE, ())
    assert (found.findings, kept) == (WHOLE.findings, Kept("unchanged"))
    assert [one.subject for one in found.failures] == ["report"]
    assert "GitHub answers 502" in found.failures[0].sentence
    assert counted() == 0


class Bare(Services):
    """An environment that has no stacks."""

    @property
    def environment(self) -> Environment:
        raise ConfigurationError("stack phaseline-demo-site", "it does not exist", "Deploy.")


def test_a_repair_without_stacks_is_none(drift: Drift) -> None:
    """What is missing is told by the look and its issue, which come all the same."""
    assert replace(drift, known=Bare("demo")).repair(WHOLE) == ()
