"""Rolls back the promotions of a failed pipeline execution.

A rollback restores the versions that are live, or does nothing. It happens only if promotions are
the only difference between the failed execution and the live publication: only then are they known
to be the cause, and only then is the state without them known to be good. Therefore a rollback is
never rolled back. A failure that no version can have caused, such as one of a package registry or
of AWS, counts against none (docs/decisions/0027-which-failures-count-against-a-version.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from phaseline import times
from phaseline.documents.commit import Commits
from phaseline.documents.document import Document
from phaseline.documents.store import Stored
from phaseline.errors import RefusedError
from phaseline.pipeline import actions
from phaseline.pipeline.actions import FAILED, Action
from phaseline.pipeline.blame import why_no_version
from phaseline.pipeline.executions import SOURCES, Execution, Executions
from phaseline.pipeline.recorder import FRONTEND
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.request import ALGORITHMS_LIMIT, Request
from phaseline.releases.release import Release
from phaseline.site.live import Live, Lives

WHO = "phaseline (automatic)"
TOO_LATE = timedelta(minutes=20)
"""The age of a failure after which it is left to people, who already work on it by then."""
REASON_LIMIT = 300
"""The number of characters of a failed action's message that each release keeps."""


@dataclass(frozen=True)
class FailedExecution:
    """An execution that failed `at` a time, and the action that failed."""

    execution: Execution
    at: datetime
    action: Action


def changed_documents(
    failed: FailedExecution, live: Live | None, *, now: datetime
) -> dict[str, tuple[str, str]]:
    """Pure: return the types whose document differs between the failed execution and the website.

    The values are the version id of the document that the execution carried, and of the document
    that is live. Raises RefusedError, which gives the reason, if the documents may not be the
    cause of the failure.
    """
    revisions = failed.execution.revisions
    if now - failed.at > TOO_LATE:
        raise _refusal(
            failed.execution.id, f"it failed at {failed.at:%H:%M} UTC, which is too long ago"
        )
    if live is None:
        raise _refusal(failed.execution.id, "no publication was verified yet")
    if why := why_no_version(failed.action):
        raise _refusal(failed.execution.id, why)
    if not {FRONTEND, *SOURCES.values()} <= revisions.keys():
        raise _refusal(failed.execution.id, "CodePipeline does not tell which documents it took")
    if revisions[FRONTEND] != live.commit:
        raise _refusal(
            failed.execution.id,
            f"it is the first with the frontend's commit {revisions[FRONTEND][:7]}, which may be"
            f" the cause; commit {live.commit[:7]} is live",
        )
    return {
        type_: (revisions[action], live.documents[type_].version_id)
        for type_, action in SOURCES.items()
        if revisions[action] != live.documents[type_].version_id
    }


def promoted_algorithms(
    failed: FailedExecution, carried: Document, live: Document, releases: Mapping[str, Release]
) -> tuple[str, ...]:
    """Pure: return the algorithms that were promoted between the `live` and the `carried` document.

    `releases` maps the ids of the type's open releases to the releases. Raises RefusedError if an
    algorithm was changed in another way than by a promotion, or has no version to return to.
    """
    names = []
    for name in sorted(carried.algorithms.keys() | live.algorithms.keys()):
        entry, before = carried.algorithms.get(name), live.algorithms.get(name)
        if entry and before and (entry.version, entry.display) == (before.version, before.display):
            continue
        release = releases.get(entry.release) if entry else None
        if release is None or release.action != "promote":
            cause = f"a {release.action}" if release else "a withdrawal or an unknown release"
            raise _refusal(
                failed.execution.id,
                f"{carried.type}/{name} was changed by {cause}, not by a promotion",
            )
        if before is None or before.version == release.version:
            change = "is live with another display" if before else "was not live before"
            raise _refusal(failed.execution.id, f"{carried.type}/{name} {release.version} {change}")
        names.append(name)
    return tuple(names)


def refuse_overtaken(
    failed: FailedExecution, newest: Sequence[Execution], changed_types: Sequence[str]
) -> None:
    """Pure: raise RefusedError if a later event may repair the failure.

    `newest` are the executions of the pipeline, newest first. `changed_types` are the types whose
    document has changed since the failed execution took it.
    """
    if newest[0].id != failed.execution.id:
        raise _refusal(
            failed.execution.id,
            f"execution {newest[0].id} follows it and may repair the failure",
        )
    if newest[0].status != FAILED:
        raise _refusal(failed.execution.id, "somebody retries it")
    if changed_types:
        raise _refusal(
            failed.execution.id,
            f"the document of {' and '.join(changed_types)} has changed since",
        )


@dataclass(frozen=True)
class AutomaticRollback:
    """Rolls back the promotions of failed executions. `now` returns the present time."""

    executions: Executions
    commits: Commits
    sources: Sources
    lives: Lives
    now: Callable[[], datetime]

    def roll_back(self, execution: str, *, failed_at: datetime) -> tuple[Outcome, ...]:
        """Roll back the promotions of a failed execution, with one request for each type.

        `execution` is the id of the execution. Raises RefusedError, which gives the reason, if
        nothing is rolled back. A repeated call completes an interrupted rollback, and changes
        nothing after a complete one.
        """
        newest = self.executions.newest()
        failed = self._failed_execution(execution, failed_at, newest)
        requests = self._requests(failed)
        previews = [self._carry_out(*each, dry_run=True) for each in requests]
        if all(preview.changed for preview in previews):  # no earlier call has begun the rollback
            changed_types = [
                request.type
                for (request, carried), preview in zip(requests, previews, strict=True)
                if preview.before.version_id != carried.version_id
            ]
            refuse_overtaken(failed, newest, changed_types)
        return tuple(self._carry_out(*each, dry_run=False) for each in requests)

    def _failed_execution(
        self, id_: str, at: datetime, newest: Sequence[Execution]
    ) -> FailedExecution:
        details = actions.details(self.executions.client, self.executions.pipeline, id_)
        action = actions.newest_failure(details)
        for execution in newest:
            if execution.id == id_ and action:
                return FailedExecution(execution, at, action)
        raise _refusal(id_, "CodePipeline no longer lists it or its failed action")

    def _requests(self, failed: FailedExecution) -> list[tuple[Request, Stored]]:
        """Return a request for each type with promotions, and the document that carried them."""
        requests = []
        live = self.lives.newest()
        changed = changed_documents(failed, live, now=self.now())
        for type_, (carried_version, live_version) in changed.items():
            carried = self.commits.documents.read_version(type_, carried_version)
            live_document = self.commits.documents.read_version(type_, live_version).document
            open_releases = self.sources.ledger.open_releases(type_)
            releases = {release.release_id: release for release in open_releases}
            if names := promoted_algorithms(failed, carried.document, live_document, releases):
                request = self._request(failed, type_, names)
                number = live.number if live else None
                requests.append((replace(request, publication=number), carried))
        if not requests:
            raise _refusal(failed.execution.id, "every version that it carried is already live")
        return requests

    def _request(self, failed: FailedExecution, type_: str, algorithms: tuple[str, ...]) -> Request:
        execution, action = failed.execution.id, failed.action
        if len(algorithms) > ALGORITHMS_LIMIT:
            raise _refusal(
                execution,
                f"{len(algorithms)} algorithms of '{type_}' were promoted; at most"
                f" {ALGORITHMS_LIMIT} are rolled back at once",
            )
        message = " ".join(str(action.reason).split())[:REASON_LIMIT]
        return Request(
            action="rollback",
            type=type_,
            algorithms=algorithms,
            reason=f"{action.stage} failed in execution {execution}: {message}",
            who=WHO,
            at=times.second(self.now()),
            id=f"automatic-{execution}",
        )

    def _carry_out(self, request: Request, carried: Stored, *, dry_run: bool) -> Outcome:
        return carry_out(
            request,
            commits=self.commits,
            sources=self.sources,
            seen=carried.document,
            dry_run=dry_run,
        )


def _refusal(execution: str, reason: str) -> RefusedError:
    return RefusedError(
        f"execution {execution}",
        f"there is no automatic rollback: {reason}",
        "Find the cause of the failure, and roll back by hand if a version caused it.",
    )
