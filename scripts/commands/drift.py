"""Compares what is declared, recorded and served: stacks, code, pipeline, documents, website.

Each difference is told in a sentence, with what explains it or what to do. With --repair what is
safe to mend is mended: lost versions are promoted, the site is built or invalidated again, a
function gets its declared code; then all is compared again. Exit code 5 where something differs, 1
where something could not be compared, 0 where all is the same.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws import metrics
from phaseline.aws.caller import concerns_caller
from phaseline.deploy.plan import EVERY
from phaseline.drift import code_check
from phaseline.drift.deployed import Checkout, Clients, Deployed, checkout
from phaseline.drift.function_code import Redeployment
from phaseline.drift.infrastructure import InfrastructureCheck
from phaseline.drift.release_rules import listed
from phaseline.drift.releases import SETTLE, ReleaseCheck
from phaseline.drift.repair import Repaired, Repairs
from phaseline.drift.report import Failure, Report, together
from phaseline.errors import DriftError, PhaselineError, RemoteCallError
from phaseline.github.outbox import Outbox
from phaseline.slack import rendering
from scripts import services, slack
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    environment_option,
    parameter_option,
    parameters_option,
    timeout_option,
)
from scripts.commands.deploy import make_plan
from scripts.deploy import templates
from scripts.drift import report_text
from scripts.github import job
from scripts.github.issues import Issues, Kept, Wanted
from scripts.release.follow import FOLLOW_TIMEOUT, follow
from scripts.services import Services

ROUNDS = 2
"""Times that something is mended: what a build is about to change may be mended only after it."""


@click.command(name="drift", help=__doc__)
@environment_option("Which one to look at.")
@parameters_option
@parameter_option
@click.option(
    "--stack",
    "selected",
    type=click.Choice(EVERY),
    multiple=True,
    help="Look at this one, and at no release. May be repeated.",
)
@click.option("--repair", "mend", is_flag=True, help="Mend what is safe to mend.")
@click.option(
    "--report",
    is_flag=True,
    help="Keep an issue in GITHUB_REPOSITORY, with GITHUB_TOKEN, that says what differs; tell Slack"
    " where that changes; count the check for the alarm that misses it.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=SETTLE,
    show_default=True,
    help="Seconds between two looks at the releases, of which some may be on their way.",
)
@timeout_option("for one stack", 600)
@json_option
def command(
    environment: str,
    parameters_file: Path | None,
    overrides: tuple[tuple[str, str], ...],
    selected: tuple[str, ...],
    mend: bool,
    report: bool,
    settle: float,
    timeout: float,
    as_json: bool,
) -> None:
    if selected and (mend or report):
        raise click.UsageError("--stack is for a look: leave out --repair and --report.")
    issues = Issues.of(os.environ, "--report") if report else None
    plan = make_plan(environment, parameters_file, overrides, selected or EVERY)
    console = Console(as_json=as_json, total=(1 if selected else 2) + report)
    declared = checkout(plan, templates.read)
    drift = Drift(Services(environment), console, declared, selected, settle, timeout)
    found, kept = drift.look(), Kept("unchanged")
    repaired: tuple[Repaired, ...] = ()
    for _ in range(ROUNDS if mend else 0):
        if any(one.repair for one in found.findings):
            console.total += 3
            repaired += drift.repair(found)
            found = drift.look()
    if issues:
        found, kept = drift.report(issues, found, repaired)
    console.result(
        report_text.data(found, repaired, asdict(kept)), report_text.lines(found, repaired)
    )
    job.write_summary(os.environ, f"{report_text.markdown(found, repaired)}\n")
    for one in found.findings:
        if one.file:
            console.warn(one.kind, one.sentence, file=one.file, line=one.line)
    judge(found)


@dataclass(frozen=True)
class Drift:
    """Looks at one environment, and what is done about what they find.

    `selected` are the stacks to look at, all and the releases where it names none; `settle` and
    `timeout` are in seconds.
    """

    known: Services
    console: Console
    declared: Checkout
    selected: Sequence[str]
    settle: float
    timeout: float

    def look(self) -> Report:
        """All that differs now. What can't be looked at is a failure, and raises nothing."""
        with self.console.step("Compare stacks, code and pipeline"):
            found = self._stacks()
        if self.selected:
            return found
        with self.console.step("Compare table, documents and website"):
            try:
                return together([found, self.releases.run(self.settle)])
            except (PhaselineError, ClientError, BotoCoreError) as error:
                if concerns_caller(error):
                    raise
                return replace(found, failures=(*found.failures, Failure("releases", str(error))))

    def _stacks(self) -> Report:
        clients = Clients(
            cloudformation=services.client("cloudformation"),
            functions=services.client("lambda"),
            codepipeline=self.known.codepipeline,
            connections=services.client,
        )
        look = InfrastructureCheck(
            Deployed(self.known.name, self.declared, clients, templates.read),
            clock=time.monotonic,
            sleep=time.sleep,
            limit=self.timeout,
            selected=self.selected or EVERY,
        )
        found = look.run()
        return Report(
            self.known.name,
            services.now(),
            findings=found.findings,
            unchecked=found.unchecked,
            failures=found.failures,
        )

    @cached_property
    def releases(self) -> ReleaseCheck:
        """The check of the releases. Raises ConfigurationError where a stack of them is missing."""
        known = self.known
        return ReleaseCheck(
            environment=known.name,
            promotes_from=known.environment.promotes_from,
            documents=known.documents,
            registry=known.registry,
            ledger=known.ledger,
            outbox=Outbox(known.ledger.client, known.ledger.table),
            site=known.site,
            site_url=known.environment.site_url,
            executions=known.executions,
            now=lambda: datetime.now(UTC),
        )

    def repair(self, found: Report) -> tuple[Repaired, ...]:
        """Mend what has a repair, and follow to their ends the executions that this started."""
        with self.console.step("Repair"):
            try:
                repairs = Repairs(self.releases, self.known.cdn, self._redeploy)
            except (PhaselineError, ClientError, BotoCoreError) as error:
                self.console.progress(f"  {error}", "red")  # such as a stack that is missing
                return ()
            repaired = repairs.carry_out(found)
            for one in repaired:
                self.console.progress(f"  {one.sentence}", "" if one.done else "red")
            for execution in dict.fromkeys(one.execution for one in repaired if one.execution):
                try:
                    follow(self.known, self.console, execution, FOLLOW_TIMEOUT)
                except (PhaselineError, ClientError, BotoCoreError) as error:
                    self.console.progress(f"  {error}", "red")  # the next look finds what is left
        return repaired

    def _redeploy(self, target: Mapping[str, str]) -> str:
        redeployment = Redeployment(
            services.client("lambda"), self.known.s3, clock=time.monotonic, sleep=time.sleep
        )
        function = target["function"]
        changed = code_check.redeploy(
            services.client("cloudformation"), redeployment, self.known.name, function
        )
        return f"{function} {'has' if changed else 'had'} the code that its stack declares"

    def report(
        self, issues: Issues, found: Report, repaired: Sequence[Repaired]
    ) -> tuple[Report, Kept]:
        """Keep the issue, tell Slack where it changed, count the check; what was found, and why it
        could not be reported where that is so."""
        kept = Kept("unchanged")
        wanted = Wanted(
            title=f"{found.environment} is not as declared",
            fingerprint=found.fingerprint,
            text=report_text.markdown(found, repaired),
            complete=not found.failures,
            link=services.run_url(),
        )
        try:
            with self.console.step("Report"):
                kept = issues.keep(f"phaseline-drift environment={found.environment}", wanted)
                self.console.progress(f"  issue: {kept.change} {kept.url or ''}".rstrip())
                if kept.change != "unchanged":
                    self.console.progress(f"  Slack: {self._tell(found, kept).note}")
                if wanted.complete:
                    client = services.client("cloudwatch")
                    metrics.put(client, "DriftChecked", 1, environment=found.environment)
        except (PhaselineError, ClientError, BotoCoreError) as error:
            found = replace(found, failures=(*found.failures, Failure("report", str(error))))
        return found, kept

    def _tell(self, found: Report, kept: Kept) -> slack.Told:
        recovered = kept.change == "recovered"
        kinds = ", ".join(dict.fromkeys(one.kind for one in found.findings))
        message = rendering.reported(
            environment=found.environment,
            succeeded=recovered,
            title="nothing differs any more" if recovered else f"drift {kept.change}",
            what="what is declared, recorded and served is the same again"
            if recovered
            else f"{report_text.count(len(found.findings), 'difference')}: {kinds}",
            facts={},
            links={"Issue": kept.url, "Run": services.run_url()},
        )
        return slack.tell(self.known, message)


def judge(found: Report) -> None:
    """Raise DriftError where something differs, RemoteCallError where something is not known."""
    if found.findings:
        subjects = list(dict.fromkeys(one.subject for one in found.findings))
        raise DriftError(
            found.environment,
            f"not as declared: {listed(subjects)}",
            "Each has what to do above; --repair mends what is safe.",
        )
    for one in found.failures:
        raise RemoteCallError(
            one.subject,
            one.sentence.rstrip("."),
            "Correct that and look again: without it nobody knows whether all is the same.",
        )
