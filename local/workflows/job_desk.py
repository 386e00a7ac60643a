"""Accepts the reports of jobs before their first and after their last step.

It adds the features that act lacks: environments with approvals and deployments, concurrency
groups, and the permission to request an OIDC token.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.github.hub import BOT, Access, Deployable, Hub
from local.github.oidc import Job
from local.workflows.runs import Run
from local.workflows.turns import Turns

WAITING, GO, REFUSED = "waiting", "go", "refused"
BRANCH_REFUSED = '"{}" is not allowed to deploy to {} due to environment protection rules.'


@dataclass
class Visit:
    """A job that has reported its beginning, and not yet its end.

    `refused` is the reason why it does not begin. A newer job of its group cancels it.
    """

    run: Run
    token: str
    job: Job | None
    environment: str
    group: str
    records: bool
    deployment: int = 0
    started: bool = False
    decided: bool | None = None
    refused: str = ""
    is_cancelled: bool = False


class JobDesk:
    """Decides when jobs may begin, and records their results.

    `cancel` ends the running step of a job, which has a token, of a run.
    """

    def __init__(self, hub: Hub, turns: Turns, cancel: Callable[[int, str], None]) -> None:
        self._hub = hub
        self._turns = turns
        self._cancel = cancel
        self._visits: dict[str, Visit] = {}
        self._lock = threading.RLock()

    def begin(self, run: Run, report: Mapping[str, Any], url: str) -> dict[str, Any]:
        """Return whether a job may begin. A waiting job asks again with the `token` of the answer.

        `report` contains the values that job.py sends, and `url` is the page of the run. The token
        is also that of the job for the API, with the permissions of the job. With it, the job
        requests OIDC tokens if `id_token` of the answer is true.
        """
        with self._lock:
            visit = self._visits.get(report.get("token", "")) or self._arrive(run, report)
            if not visit.started and not visit.refused:
                self._admit(visit, url)
            state = REFUSED if visit.refused else GO if visit.started else WAITING
            self._show(run)
            return {
                "state": state,
                "reason": visit.refused,
                "token": visit.token,
                "id_token": visit.job is not None,
            }

    def end(self, token: str, status: str, environment_url: str, url: str) -> bool:
        """Record the result of a job: `status` is success, failure or cancelled. Return whether a
        newer job of its group has cancelled it."""
        with self._lock:
            visit = self._visits.pop(token, None)
            self._hub.tokens.pop(token, None)
            if visit is None:
                return False
            self._turns.leave(visit.group, token)
            if visit.deployment:
                status = "cancelled" if visit.is_cancelled else visit.run.ending(status)
                state = status if status in ("success", "failure") else "error"
                self._report(visit, state, url, environment_url)
            return visit.is_cancelled

    def close(self, run: Run, url: str) -> None:
        """End the jobs of a finished run that could not report, because they were killed."""
        with self._lock:
            for token in [token for token, visit in self._visits.items() if visit.run is run]:
                self.end(token, "cancelled", "", url)

    def decide(self, run: Run, *, approve: bool, environment: str = "") -> int:
        """Approve or reject the waiting jobs of a run or environment. Return their number."""
        with self._lock:
            waiting = [
                visit
                for visit in self._visits.values()
                if visit.run is run
                and self._awaits_approval(visit)
                and environment in ("", visit.environment)
            ]
            for visit in waiting:
                visit.decided = approve
            return len(waiting)

    def job(self, token: str) -> Job | None:
        """Return the job that may request OIDC tokens with this token."""
        visit = self._visits.get(token)
        return visit.job if visit else None

    def _arrive(self, run: Run, report: Mapping[str, Any]) -> Visit:
        group = f"{run.event.repository}/{report['group']}" if report["group"] else ""
        called = report["workflow"] != run.origin.workflow_ref
        allowed = (
            called and run.lends_id_token if report["id_token"] is None else report["id_token"]
        )
        visit = Visit(
            run=run,
            token=secrets.token_urlsafe(24),
            job=_identity(run, report) if allowed and not run.event.from_fork else None,
            environment=report["environment"],
            group=group,
            records=report["deployment"],
        )
        self._visits[visit.token] = visit
        self._hub.tokens[visit.token] = Access(BOT, not run.event.from_fork, report["permissions"])
        if group:
            gone = self._turns.join(
                group, visit.token, patient=report["patient"], cancel=report["cancel"]
            )
            for token in gone:
                self._displace(self._visits[token])
        return visit

    def _displace(self, visit: Visit) -> None:
        """Cancel a job in favour of a newer one of its group. The other jobs of its run go on."""
        visit.is_cancelled = True
        if visit.started:
            self._cancel(visit.run.id, visit.token)
        else:
            visit.refused = "A newer job of the same concurrency group cancelled this one."

    def _admit(self, visit: Visit, url: str) -> None:
        """Let a job begin if its branch may deploy, it is approved and it has its turn."""
        environment = self._environment(visit)
        if environment and not environment.allows(visit.run.event.ref):
            visit.refused = BRANCH_REFUSED.format(visit.run.branch, environment.name)
            return
        if self._awaits_approval(visit):
            return
        if visit.decided is False:
            visit.refused = "The deployment was rejected by a reviewer."
            return
        if visit.group and not self._turns.has(visit.group, visit.token):
            return
        visit.started = True
        if visit.environment and visit.records:
            repository = self._hub.repository(visit.run.event.repository)
            deployed = {
                "ref": visit.run.branch,
                "sha": visit.run.event.sha,
                "environment": visit.environment,
            }
            visit.deployment = self._hub.deploy(repository, deployed, BOT)["id"]
            self._report(visit, "in_progress", url)

    def _awaits_approval(self, visit: Visit) -> bool:
        environment = self._environment(visit)
        return environment is not None and bool(environment.reviewers) and visit.decided is None

    def _environment(self, visit: Visit) -> Deployable | None:
        """Return the environment of a job. The first job that names one creates it.

        https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/manage-environments
        """
        repository = self._hub.repository(visit.run.event.repository)
        return repository.environment(visit.environment) if visit.environment else None

    def _report(self, visit: Visit, state: str, url: str, environment_url: str = "") -> None:
        repository = self._hub.repository(visit.run.event.repository)
        status = {"state": state, "log_url": url, "environment_url": environment_url}
        self._hub.set_status(repository, visit.deployment, status, BOT)

    def _show(self, run: Run) -> None:
        if run.conclusion is None:
            waits = any(
                visit.run is run and self._awaits_approval(visit) for visit in self._visits.values()
            )
            run.move("waiting" if waits else "in_progress")


def _identity(run: Run, report: Mapping[str, Any]) -> Job:
    return Job(
        event=run.event,
        run_id=run.id,
        run_number=run.number,
        workflow=run.name,
        workflow_ref=run.origin.workflow_ref,
        job_workflow_ref=report["workflow"],
        job_workflow_sha=report["sha"],
        environment=report["environment"],
    )
