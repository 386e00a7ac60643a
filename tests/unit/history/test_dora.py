"""The DORA metrics of releases and executions."""

from dataclasses import replace

import pytest

from phaseline.history import dora
from phaseline.history.dora import DeliveryMetrics
from phaseline.pipeline.recorder import RecordedExecution
from phaseline.releases.release import Release, Step
from tests.builders.counting import calls
from tests.builders.pipeline import at, execution


def release(
    second: int,
    version: str,
    revision: int,
    *,
    action: str = "promote",
    previous: str | None = None,
    took: int | None = 60,
    algorithm: str = "a",
) -> Release:
    """A release that was requested at a second and verified `took` seconds later."""
    steps = {"document": Step(at(second + 1))}
    if took is not None:
        steps["verified"] = Step(at(second + took))
    return Release(
        release_id=f"opt-{algorithm}-{version}-{second}",
        type="opt",
        algorithm=algorithm,
        version=version,
        action=action,
        previous=previous,
        requested_at=at(second),
        sequence=str(second),
        reason="x",
        state="open" if took is None else "verified",
        document_version=f"v{revision}",
        revision=revision,
        steps=steps,
    )


def count(releases: list[Release], executions: list[RecordedExecution]) -> DeliveryMetrics:
    """Return the metrics of two days with three publications."""
    return dora.delivery_metrics(releases[::-1], executions[::-1], deployments=3, days=2)


def test_metrics_without_data_are_none() -> None:
    assert dora.delivery_metrics([], [], deployments=0, days=30) == DeliveryMetrics(
        30, 0, 0.0, None, None, 0, 0, None, 0, None
    )


def test_lead_time_ends_with_the_verification() -> None:
    """The 90th percentile is a measured time."""
    releases = [release(100 * n, f"{n}", n, took=10 * n, algorithm=f"a{n}") for n in range(1, 11)]
    metrics = count(releases, [execution(100 * n + 2, n, id_=f"e{n}") for n in range(1, 11)])
    assert metrics == DeliveryMetrics(2, 3, 1.5, 55, 90, 10, 0, 0.0, 0, None)


def test_failed_execution_counts_for_each_promotion_that_it_carried_first() -> None:
    """The next verified release of the algorithm restores it."""
    releases = [
        release(0, "1", 1, took=600),
        release(10, "1", 2, took=None, algorithm="b"),
        release(700, "2", 3, took=100, algorithm="b"),
        release(800, "1", 4, algorithm="c"),
    ]
    executions = [
        execution(12, 2, failed=True),
        execution(540, 2, id_="e2"),
        execution(702, 3, id_="e3"),
        execution(802, 4, id_="e4"),
    ]
    metrics = count(releases, executions)
    assert (metrics.promotions, metrics.failed, metrics.change_failure_rate) == (4, 2, 0.5)
    # Build failed at 44; a was verified at 600, b at 800.
    assert (metrics.restored, metrics.time_to_restore_median) == (2, (556 + 756) / 2)


def test_failure_after_a_superseded_execution_counts() -> None:
    """A superseded execution has no result. The one that superseded it carried the promotion on."""
    superseded = replace(execution(2, 1), state="Superseded")
    executions = [superseded, execution(20, 2, id_="e2", failed=True)]
    assert count([release(0, "1", 1, took=None)], executions).failed == 1


def test_later_failed_execution_does_not_count_for_an_earlier_promotion() -> None:
    metrics = count([release(0, "1", 1)], [execution(2, 1), execution(100, 2, failed=True)])
    assert (metrics.promotions, metrics.failed) == (1, 0)


def test_rolled_back_promotion_failed_from_its_verification_until_the_rollback_was_verified() -> (
    None
):
    """The rollback itself is not a promotion."""
    releases = [
        release(0, "1", 1),
        release(1000, "2", 2, took=50, previous="1"),
        release(2000, "1", 3, took=70, action="rollback", previous="2"),
    ]
    executions = [execution(s + 2, n, id_=f"e{n}") for n, s in ((1, 0), (2, 1000), (3, 2000))]
    metrics = count(releases, executions)
    assert (metrics.promotions, metrics.failed, metrics.restored) == (2, 1, 1)
    assert metrics.time_to_restore_median == 2070 - 1050
    assert metrics.lead_time_median == (60 + 50) / 2


def test_release_that_waits_behind_a_hold_does_not_hide_a_rollback() -> None:
    waits = release(1500, "3", 9, took=None, previous="2")
    releases = [
        release(0, "1", 1),
        release(1000, "2", 2, previous="1"),
        replace(waits, state="waiting", revision=None, document_version=None, steps={}),
        release(2000, "1", 3, action="rollback", previous="2"),
    ]
    assert count(releases, []).failed == 1


def test_rollback_of_another_version_is_no_failure() -> None:
    releases = [
        release(0, "1", 1),
        release(1000, "2", 2, previous="1"),
        release(2000, "1", 3, action="rollback", previous="9"),
    ]
    assert count(releases, []).failed == 0


def test_failure_that_is_not_restored_has_no_time_to_restore() -> None:
    metrics = count([release(0, "1", 1, took=None)], [execution(2, 1, failed=True)])
    assert (metrics.failed, metrics.restored, metrics.time_to_restore_median) == (1, 0, None)


@pytest.mark.parametrize("executions", [[], [replace(execution(2, 1), state="InProgress")]])
def test_promotion_without_result_is_not_counted(executions: list[RecordedExecution]) -> None:
    assert count([release(0, "1", 1, took=None)], executions).promotions == 0


def test_execution_that_succeeds_after_a_retry_counts_as_failed() -> None:
    failed, mended = execution(2, 1, failed=True), execution(300, 1)
    both = replace(mended, started=failed.started, actions=(*failed.actions, *mended.actions))
    metrics = count([release(0, "1", 1, took=400)], [both])
    assert (metrics.failed, metrics.restored, metrics.time_to_restore_median) == (1, 1, 400 - 34)


def test_cost_is_linear_in_the_number_of_releases() -> None:
    """Twice as many releases and executions need at most about twice as many function calls."""

    def month(size: int) -> None:
        releases = [
            release(10 * n, f"{n}", n // 10 + 1, algorithm=f"a{n % 50}") for n in range(size)
        ]
        executions = [execution(100 * n + 95, n + 1, id_=f"e{n}") for n in range(size // 10)]
        assert count(releases, executions).promotions == size

    assert calls(lambda: month(4000)) < 2.5 * calls(lambda: month(2000))
