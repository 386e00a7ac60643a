"""A drift check of one environment: compare, repair and report."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws import metrics
from phaseline.aws.caller import concerns_caller
from phaseline.aws.wording import wording
from phaseline.deploy.plan import EVERY
from phaseline.drift import code_check
from phaseline.drift.deployed import Checkout, Clients, Deployed
from phaseline.drift.function_code import Redeployment
from phaseline.drift.infrastructure import InfrastructureCheck
from phaseline.drift.lost_versions import Repaired
from phaseline.drift.release_rules import listed
from phaseline.drift.releases import ReleaseCheck
from phaseline.drift.repair import Repairs
from phaseline.drift.report import Failure, Report, together
from phaseline.errors import DriftError, PhaselineError, RemoteCallError
from phaseline.slack import rendering
from scripts import slack
from scripts.cli import aws, interruption, invocation
from scripts.cli.console import Console
from scripts.deploy import templates
from scripts.drift import report_text
from scripts.github.issues import Issues, KeptIssue, WantedIssue
from scripts.release.follow import FOLLOW_TIMEOUT, follow
from scripts.services import Services

ROUNDS = 2
"""Rounds of repairs. Some findings can be repaired only after a build of the first round."""
REPAIR_STEPS = 3
"""Steps that the console shows for each round: the repairs, and both comparisons again."""


@dataclass(frozen=True)
class DriftCheck:
    """A drift check of one environment.

    `selected` names the stacks to compare. If it is empty, all stacks and the releases are
    compared. `settle` and `timeout` are in seconds.
    """

    services: Services
    console: Console
    declared: Checkout
    selected: Sequence[str]
    settle: float
    timeout: float

    def compare(self) -> Report:
        """Return all present differences. A check that could not run is a failure in the report."""
        with self.console.step("Compare stacks, code and pipeline"):
            report = self._compare_stacks()
        if self.selected:
            return report
        with self.console.step("Compare table, documents and website"):
            try:
                return together([report, self.releases.run(self.settle)])
            except (PhaselineError, ClientError, BotoCoreError) as error:
                if concerns_caller(error):
                    raise
                return replace(
                    report, failures=(*report.failures, Failure("releases", wording(error)))
                )

    def compare_and_repair(self) -> tuple[Report, tuple[Repaired, ...]]:
        """Repair until nothing can be repaired, for at most ROUNDS rounds.

        Return the differences that are left, and what was repaired.
        """
        report = self.compare()
        repaired: tuple[Repaired, ...] = ()
        for _ in range(ROUNDS):
            if any(finding.repair for finding in report.findings):
                self.console.total += REPAIR_STEPS
                repaired += self.repair(report)
                report = self.compare()
        return report, repaired

    def _compare_stacks(self) -> Report:
        clients = Clients(
            cloudformation=aws.client("cloudformation"),
            functions=aws.client("lambda"),
            codepipeline=self.services.codepipeline,
            connections=aws.client,
        )
        check = InfrastructureCheck(
            Deployed(self.services.name, self.declared, clients, templates.read),
            clock=time.monotonic,
            sleep=interruption.process.sleep,
            limit=self.timeout,
            selected=self.selected or EVERY,
        )
        infrastructure = check.run()
        return Report(
            self.services.name,
            invocation.now(),
            findings=infrastructure.findings,
            unchecked=infrastructure.unchecked,
            failures=infrastructure.failures,
        )

    @cached_property
    def releases(self) -> ReleaseCheck:
        """The check of the releases. Raises ConfigurationError if a stack is missing."""
        return release_check(self.services)

    def repair(self, report: Report) -> tuple[Repaired, ...]:
        """Carry out the repairs of a report, and follow the executions that they started."""
        with self.console.step("Repair"):
            try:
                repairs = Repairs(self.releases, self.services.cdn, self._redeploy)
            except (PhaselineError, ClientError, BotoCoreError) as error:
                # For example, a stack is missing.
                self.console.progress(f"  {wording(error)}", "red")
                return ()
            repaired = repairs.carry_out(report)
            for result in repaired:
                self.console.progress(f"  {result.sentence}", "" if result.done else "red")
            executions = (result.execution for result in repaired if result.execution)
            for execution in dict.fromkeys(executions):
                try:
                    follow(self.services, self.console, execution, FOLLOW_TIMEOUT)
                except (PhaselineError, ClientError, BotoCoreError) as error:
                    # The next comparison reports what is still different.
                    self.console.progress(f"  {wording(error)}", "red")
        return repaired

    def _redeploy(self, target: Mapping[str, str]) -> str:
        redeployment = Redeployment(
            aws.client("lambda"), self.services.s3, clock=time.monotonic, sleep=time.sleep
        )
        function = target["function"]
        changed = code_check.redeploy(
            aws.client("cloudformation"), redeployment, self.services.name, function
        )
        return f"{function} {'has' if changed else 'had'} the code that its stack declares"

    def publish(
        self, issues: Issues, report: Report, repaired: Sequence[Repaired]
    ) -> tuple[Report, KeptIssue]:
        """Update the issue, tell Slack if it changed, and count the check in a metric.

        Return the report, with a failure added if it could not be published, and the issue.
        """
        kept = KeptIssue("unchanged")
        wanted = WantedIssue(
            title=f"{report.environment} is not as declared",
            fingerprint=report.fingerprint,
            text=report_text.markdown(report, repaired),
            complete=not report.failures,
            link=invocation.run_url(),
        )
        try:
            with self.console.step("Report"):
                kept = issues.keep(f"phaseline-drift environment={report.environment}", wanted)
                self.console.progress(f"  issue: {kept.change} {kept.url or ''}".rstrip())
                if kept.change != "unchanged":
                    self.console.progress(f"  Slack: {self._notify(report, kept).note}")
                if wanted.complete:
                    client = aws.client("cloudwatch")
                    metrics.put(client, "DriftChecked", 1, environment=report.environment)
        except (PhaselineError, ClientError, BotoCoreError) as error:
            report = replace(report, failures=(*report.failures, Failure("report", wording(error))))
        return report, kept

    def _notify(self, report: Report, kept: KeptIssue) -> slack.PostResult:
        recovered = kept.change == "recovered"
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in report.findings))
        message = rendering.reported(
            environment=report.environment,
            succeeded=recovered,
            title="no drift any more" if recovered else f"drift {kept.change}",
            what="the declared, the recorded and the deployed state agree again"
            if recovered
            else f"{report_text.count(len(report.findings), 'difference')}: {kinds}",
            facts={},
            links={"Issue": kept.url, "Run": invocation.run_url()},
        )
        return slack.post(self.services, message)


def release_check(services: Services) -> ReleaseCheck:
    """Return the check of an environment's releases, which only reads.

    Raises ConfigurationError if a stack is missing.
    """
    return ReleaseCheck(
        environment=services.name,
        promotes_from=services.environment.promotes_from,
        commits=services.commits,
        registry=services.registry,
        site=services.site,
        site_url=services.environment.site_url,
        executions=services.executions,
        now=lambda: datetime.now(UTC),
    )


def raise_for(report: Report) -> None:
    """Raise DriftError for findings, else RemoteCallError for a check that could not run."""
    if report.findings:
        subjects = list(dict.fromkeys(finding.subject for finding in report.findings))
        raise DriftError(
            report.environment,
            f"not as declared: {listed(subjects)}",
            "Each difference above names its remedy; --repair fixes those that are safe to repair.",
        )
    for failure in report.failures:
        raise RemoteCallError(
            failure.subject,
            failure.sentence.rstrip("."),
            "Correct this and check again: the result is incomplete without this check.",
        )
