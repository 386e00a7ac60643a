"""Shows the four DORA metrics: deployments, lead time, failure rate and time to restore.

\b
deployment frequency   verified publications per day
lead time              of verified promotions: from the request, or the change of the
                       item, until the version was verified
change failure rate    promotions that were rolled back, or whose first pipeline
                       execution failed for any reason, as a share of the promotions
                       whose outcome is known
time to restore        from this failure, or from the verification of the version that
                       was rolled back, until a release of the same algorithm was
                       verified

https://dora.dev/guides/dora-metrics/ explains the metrics.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

import click

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.history import dora
from phaseline.history.dora import DeliveryMetrics
from scripts.cli import invocation
from scripts.cli.console import Console, duration, json_option
from scripts.cli.options import environment_option
from scripts.services import Services


@click.command(name="dora", help=__doc__)
@environment_option()
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=30,
    show_default=True,
    help="Number of days until now.",
)
@json_option
def command(environment: str, days: int, as_json: bool) -> None:
    services, until = Services(environment), invocation.now()
    began = datetime.fromisoformat(until) - timedelta(days=days)
    since = times.second(began)
    found = dora.delivery_metrics(
        (release for type_ in TYPES for release in services.ledger.between(type_, since, until)),
        services.recorder.between(since, until),
        deployments=sum(1 for _ in services.lives.between(since, until)),
        days=days,
    )
    value = {"environment": environment, "since": since, "until": until} | asdict(found)
    Console(as_json=as_json).result(value, lines(found))


def lines(found: DeliveryMetrics) -> Iterator[str]:
    """The figures for people."""
    yield (
        f"deployment frequency  {found.deployments_per_day:.2f} per day"
        f" ({found.deployments} in {found.days:g} days)"
    )
    yield (
        f"lead time             {_took(found.lead_time_median)} median,"
        f" {_took(found.lead_time_p90)} for 9 of 10"
    )
    rate = "-" if found.change_failure_rate is None else f"{found.change_failure_rate:.1%}"
    yield f"change failure rate   {rate} ({found.failed} of {found.promotions} promotions)"
    yield (
        f"time to restore       {_took(found.time_to_restore_median)} median"
        f" ({found.restored} of {found.failed} restored)"
    )


def _took(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)
