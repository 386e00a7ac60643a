"""The flow of a drift check: its issue, its metric, its repairs and its exit codes."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from phaseline.deploy.environment import Environment
from phaseline.drift.deployed import Checkout
from phaseline.drift.report import Report
from phaseline.errors import ConfigurationError, DriftError, RemoteCallError
from scripts.cli.console import Console
from scripts.drift.flow import DriftCheck, raise_for
from scripts.github.issues import KeptIssue
from scripts.services import Services
from tests.builders.findings import CLEAN, FOUND
from tests.builders.issues import GitHub
from tests.builders.issues import served as served  # a fixture

COMPLETE = replace(FOUND, failures=())


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    """An account without an environment, so that the Slack channel is unknown."""
    with mock_aws():
        yield


@pytest.fixture
def check() -> DriftCheck:
    """The check of an environment without stacks."""
    console = Console(total=1, err=io.StringIO(), environ={})
    return DriftCheck(Services("demo"), console, Checkout({}, {}, {}), (), settle=0, timeout=1)


def counted_checks() -> float:
    """Return the number of checks that CloudWatch has counted."""
    now = datetime.now(UTC)
    statistics = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="Phaseline",
        MetricName="DriftChecked",
        Dimensions=[{"Name": "Environment", "Value": "demo"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in statistics["Datapoints"])


def test_complete_check_is_reported_and_counted(served: GitHub, check: DriftCheck) -> None:
    """With findings and without; the check does not fail although Slack is not reached."""
    report, kept = check.publish(served.issues, COMPLETE, ())
    assert (report, kept.change) == (COMPLETE, "opened")
    assert served.body().startswith(
        f"<!-- phaseline-drift environment=demo fingerprint={COMPLETE.fingerprint} -->\n"
    )
    assert check.publish(served.issues, CLEAN, ())[1].change == "recovered"
    assert counted_checks() == 2


def test_incomplete_check_is_reported_and_not_counted(served: GitHub, check: DriftCheck) -> None:
    """The alarm for missing checks goes off if checks stay incomplete."""
    assert check.publish(served.issues, FOUND, ())[1].change == "opened"
    incomplete = replace(CLEAN, failures=FOUND.failures)
    assert check.publish(served.issues, incomplete, ())[1].change == "unchanged"
    assert (served.states(), counted_checks()) == ({1: "open"}, 0)


def test_failed_report_keeps_the_findings_and_adds_a_failure(
    served: GitHub, check: DriftCheck
) -> None:
    """The check is not counted, because nobody was told of its findings."""
    served.fails(method="POST", path="/issues", status=502, count=9)
    report, kept = check.publish(served.issues, COMPLETE, ())
    assert (report.findings, kept) == (COMPLETE.findings, KeptIssue("unchanged"))
    assert [failure.subject for failure in report.failures] == ["report"]
    assert "GitHub answers 502" in report.failures[0].sentence
    assert counted_checks() == 0


class WithoutStacks(Services):
    """An environment that has no stacks."""

    @property
    def environment(self) -> Environment:
        raise ConfigurationError("stack phaseline-demo-site", "it does not exist", "Deploy.")


def test_repair_without_stacks_repairs_nothing(check: DriftCheck) -> None:
    """The comparison reports the missing stacks."""
    assert replace(check, services=WithoutStacks("demo")).repair(COMPLETE) == ()


def test_findings_exit_with_5_and_are_named() -> None:
    """Findings take precedence over checks that could not run."""
    with pytest.raises(DriftError, match="demo: not as declared: stack demo-site, opt") as caught:
        raise_for(FOUND)
    assert caught.value.exit_code == 5


def test_failed_check_exits_with_1_and_names_the_reason() -> None:
    with pytest.raises(RemoteCallError, match=r"website: it was not reached\. Co") as caught:
        raise_for(Report("demo", "", failures=FOUND.failures))
    assert caught.value.exit_code == 1


def test_explained_differences_are_no_error() -> None:
    """Neither are resources that have no check."""
    raise_for(Report("demo", "", explained=FOUND.explained, unchecked=FOUND.unchecked))
