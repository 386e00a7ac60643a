"""Compares a look at drift with the same done by the AWS CLI in a loop, against one local AWS.

    make bench
    make bench BENCH="--environments 200 --algorithms 50000"

Each look is made at the size that is given and at twice that size, which shows how what it takes
grows; peaks of memory are Python's own, in a run that is not timed. The CLI's loop runs at
the size that is given, over a sample of the algorithms: what it would take for all of them follows
from that.
"""

import os
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import click

from benchmarks import algorithms, stacks
from benchmarks.algorithms import Algorithms
from local.system import deployment, start
from phaseline.deploy.plan import FUNCTIONS, STACKS
from scripts.cli.aws import CONFIG

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".phaseline/benchmark"
CLI = ROOT / ".phaseline/awscli/bin"
SCRIPT = Path(__file__).with_name("drift.sh")


@dataclass(frozen=True)
class Measured:
    """What something took: `calls` to AWS, `seconds`, the seconds that this process worked (`cpu`),
    and its `peak` of memory in bytes."""

    calls: int
    seconds: float
    cpu: float = 0.0
    peak: int = 0


class Session:
    """Makes clients of a local AWS, and counts each request that they send, retries too."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.calls = 0
        known = botocore.session.get_session()
        known.register("before-send", self._count)
        self._session = boto3.Session(
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            region_name=environ["AWS_REGION"],
            botocore_session=known,
        )
        self._endpoint = environ["AWS_ENDPOINT_URL"]

    def client(self, service: Any) -> Any:
        """A client with the settings of the commands."""
        return self._session.client(service, endpoint_url=self._endpoint, config=CONFIG)

    def _count(self, **_: Any) -> None:
        self.calls += 1

    def measure(self, look: Callable[[], Any]) -> Measured:
        """What a look takes: its memory in one run, its calls and time in another."""
        tracemalloc.start()
        look()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        calls, began, worked = self.calls, time.perf_counter(), time.process_time()
        look()
        return Measured(
            self.calls - calls, time.perf_counter() - began, time.process_time() - worked, peak
        )


def loop(environ: dict[str, str], *arguments: str) -> Measured:
    """What the AWS CLI takes for the same."""
    path = f"{CLI}{os.pathsep}{environ['PATH']}"
    began = time.perf_counter()
    done = subprocess.run(
        ["sh", str(SCRIPT), *arguments],
        env={**environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measured(len(done.stdout.splitlines()), time.perf_counter() - began)


@click.command(help=__doc__)
@click.option("--environments", default=4, show_default=True, help="Of five stacks each.")
@click.option("--algorithms", "count", default=5_000, show_default=True)
@click.option(
    "--sample", default=30, show_default=True, help="Algorithms that the CLI's loop asks about."
)
def command(environments: int, count: int, sample: int) -> None:
    """Measure, and print a table."""
    names = [f"benchmark-{number}" for number in range(2 * environments)]
    with start.running(FOLDER) as running:
        session = Session(running.environ)
        _say(f"make {len(names) * len(STACKS)} stacks")
        stacks.create(session, names)
        stacks.look(session, names[:1])  # what every look has to load is measured in none
        of_stacks = [
            session.measure(partial(stacks.look, session, known))
            for known in (names[:environments], names)
        ]
        _say(f"the AWS CLI's loop over {environments * len(STACKS)} stacks")
        cli_stacks = loop(running.environ, "stacks", *names[:environments])
        deployment.run_deploy(running, "deploy.log", {}, "--stack=registry", "--stack=site")
        deployment.follow_stacks(running)
        table = Algorithms(running, session)
        of_algorithms = []
        for first, end in ((0, count), (count, 2 * count)):
            _say(f"make {end} algorithms")
            table.grow(first, end)
            of_algorithms.append(session.measure(table.look))
        _say(f"the AWS CLI's loop over {sample} algorithms")
        asked = [f"{algorithms.name(one)}={algorithms.active(one)}" for one in range(sample)]
        cli_sample = loop(running.environ, "algorithms", table.table, table.ledger, *asked)
    stacked = f"{environments * len(STACKS)} stacks, {environments * len(FUNCTIONS)} functions"
    _report(stacked, of_stacks, cli_stacks)
    each = count / sample
    whole = Measured(round(cli_sample.calls * each), cli_sample.seconds * each)
    _report(f"{count} algorithms, the loop measured over {sample} of them", of_algorithms, whole)


def _report(what: str, ours: Sequence[Measured], cli: Measured) -> None:
    once, twice = ours
    click.echo(f"\n{what}\n")
    click.echo("| | calls | seconds | of its own CPU | peak memory |")
    click.echo("|---|---|---|---|---|")
    for title, one in (("look", once), ("look at twice as many", twice)):
        click.echo(
            f"| {title} | {one.calls} | {one.seconds:.1f} | {one.cpu:.1f}"
            f" | {one.peak / 1e6:.1f} MB |"
        )
    click.echo(f"| AWS CLI in a loop | {cli.calls} commands | {cli.seconds:.0f} | | |")
    click.echo(
        f"\nThe loop takes {cli.seconds / once.seconds:.0f} times as long. Twice as many take"
        f" {twice.calls / once.calls:.2f} times the calls, {twice.cpu / once.cpu:.2f} times the CPU"
        f" and {twice.peak / once.peak:.2f} times the memory."
    )


def _say(doing: str) -> None:
    """Progress, apart from the result."""
    click.echo(f"... {doing}", err=True)


if __name__ == "__main__":
    command()
