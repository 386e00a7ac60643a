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
from datetime import timedelta

import click

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.history import dora
from phaseline.history.dora import DeliveryMetrics
from scripts.cli import invocation
from scripts.cli.console import Console, duration, json_option
from scripts.cli.options import PAST, environment_option
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
@click.option("--since", type=PAST, help="Begin at this time instead; 12h is twelve hours ago.")
@json_option
def command(environment: str, days: float, since: str | None, as_json: bool) -> None:
    services, until = Services(environment), invocation.now()
    now = times.parse(until, "now")
    if since is None:
        since = times.second(now - timedelta(days=days))
    elif since >= until:
        raise click.UsageError(f"--since {since} is not before now.")
    else:
        days = (now - times.parse(since, "--since")) / timedelta(days=1)
    delivery = dora.delivery_metrics(
        (release for type_ in TYPES for release in services.ledger.between(type_, since, until)),
        services.recorder.between(since, until),
        deployments=sum(1 for _ in services.lives.between(since, until)),
        days=days,
    )
    value = {"environment": environment, "since": since, "until": until} | asdict(delivery)
    Console(as_json=as_json).result(value, lines(delivery))


def lines(delivery: DeliveryMetrics) -> Iterator[str]:
    """Return the metrics as lines for people."""
    yield (
        f"deployment frequency  {delivery.deployments_per_day:.2f} per day"
        f" ({delivery.deployments} in {delivery.days:.3g} days)"
    )
    yield (
        f"lead time             {_duration(delivery.lead_time_median)} median,"
        f" {_duration(delivery.lead_time_p90)} for 9 of 10"
    )
    rate = "-" if delivery.change_failure_rate is None else f"{delivery.change_failure_rate:.1%}"
    yield f"change failure rate   {rate} ({delivery.failed} of {delivery.promotions} promotions)"
    yield (
        f"time to restore       {_duration(delivery.time_to_restore_median)} median"
        f" ({delivery.restored} of {delivery.failed} restored)"
    )


def _duration(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)
