"""Takes back the promotions of an execution that failed.

It restores what visitors still get, or does nothing. Only where the failed execution differs from
the live one by promotions, and by nothing else, are these known to be the cause, and is what is
left without them known to be good. So a rollback is never rolled back
(docs/decisions/0011-automatic-rollback.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from phaseline import times
from phaseline.documents.document import Document
from phaseline.documents.store import Documents, Stored
from phaseline.errors import RefusedError
from phaseline.pipeline import actions
from phaseline.pipeline.actions import FAILED, Action
from phaseline.pipeline.executions import SOURCES, Execution, Executions
from phaseline.pipeline.recorder import FRONTEND
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.request import ALGORITHMS_LIMIT, Request
from phaseline.releases.release import Release
from phaseline.site.live import Live, Lives

WHO = "phaseline (automatic)"
TOO_LATE = timedelta(minutes=20)
"""A failure that is older is left to the people who are at it by now."""
UNRELATED = {"Source", "Announce"}
"""Stages whose actions do the same whatever a document says: no version makes them fail."""
REASON_LIMIT = 300
"""Characters of what a failed action says that are kept with each release."""


@dataclass(frozen=True)
class Failure:
    """An execution that failed at a time, what it carried, and which action failed in it."""

    execution: Execution
    at: datetime
    action: Action


def suspects(failure: Failure, live: Live | None, *, now: datetime) -> dict[str, tuple[str, str]]:
    """Pure: the versions of the failed and of the live document, of each type whose differ.

    Raises RefusedError, saying why, where the cause may be another than the documents.
    """
    carried, stage = failure.execution.revisions, failure.action.stage
    if now - failure.at > TOO_LATE:
        raise _left(
            failure.execution.id, f"it failed at {failure.at:%H:%M} UTC, which is too long ago"
        )
    if live is None:
        raise _left(failure.execution.id, "nothing was ever verified that could be gone back to")
    if stage in UNRELATED or not {FRONTEND, *SOURCES.values()} <= carried.keys():
        raise _left(failure.execution.id, f"it failed in {stage}, which no version is to blame for")
    if carried[FRONTEND] != live.commit:
        raise _left(
            failure.execution.id,
            f"it is the first with the frontend's commit {carried[FRONTEND][:7]}, which may be the"
            f" cause; visitors get {live.commit[:7]}",
        )
    return {
        type_: (carried[action], live.documents[type_].version_id)
        for type_, action in SOURCES.items()
        if carried[action] != live.documents[type_].version_id
    }


def promoted(
    failure: Failure, carried: Document, shown: Document, releases: Mapping[str, Release]
) -> tuple[str, ...]:
    """Pure: the algorithms whose version was promoted between what is `shown` and `carried`.

    `releases` are those of the type that nobody has seen served yet, by their ids. Raises
    RefusedError for another change, or where there is no version to go back to.
    """
    names = []
    for name in sorted(carried.algorithms.keys() | shown.algorithms.keys()):
        entry, before = carried.algorithms.get(name), shown.algorithms.get(name)
        if entry and before and (entry.version, entry.display) == (before.version, before.display):
            continue
        release = releases.get(entry.release) if entry else None
        if release is None or release.action != "promote":
            what = f"a {release.action}" if release else "a withdrawal, or what is not known"
            raise _left(
                failure.execution.id, f"{carried.type}/{name} was changed by {what}, no promotion"
            )
        if before is None or before.version == release.version:
            what = "is shown otherwise" if before else "was not shown before"
            raise _left(failure.execution.id, f"{carried.type}/{name} {release.version} {what}")
        names.append(name)
    return tuple(names)


def refuse_overtaken(failure: Failure, newest: Sequence[Execution], moved: Sequence[str]) -> None:
    """Pure: raise RefusedError where something came after the failure that may mend it.

    `newest` are the pipeline's executions, newest first; `moved` are the types whose document has
    changed since the failed execution took it.
    """
    if newest[0].id != failure.execution.id:
        raise _left(
            failure.execution.id,
            f"execution {newest[0].id} follows it, and shows what is left to do",
        )
    if newest[0].status != FAILED:
        raise _left(failure.execution.id, "somebody has it go on")
    if moved:
        raise _left(
            failure.execution.id, f"the document of {' and '.join(moved)} has changed since"
        )


@dataclass(frozen=True)
class AutomaticRollback:
    """Rolls back what an execution failed for. `now` gives the time."""

    executions: Executions
    documents: Documents
    sources: Sources
    lives: Lives
    now: Callable[[], datetime]

    def react(self, execution: str, *, failed_at: datetime) -> tuple[Outcome, ...]:
        """Roll back the promotions that `execution` failed for, with one request for each type.

        Raises RefusedError, saying why, where nothing is rolled back. Repeated, it goes on with
        what it has begun, and changes nothing of what it has done.
        """
        newest = self.executions.newest()
        failure = self._failure(execution, failed_at, newest)
        wanted = self._wanted(failure)
        previews = [self._carry_out(*each, dry_run=True) for each in wanted]
        if all(preview.changed for preview in previews):  # nothing of it was begun before
            moved = [
                request.type
                for (request, seen), preview in zip(wanted, previews, strict=True)
                if preview.before.version_id != seen.version_id
            ]
            refuse_overtaken(failure, newest, moved)
        return tuple(self._carry_out(*each, dry_run=False) for each in wanted)

    def _failure(self, execution: str, at: datetime, newest: Sequence[Execution]) -> Failure:
        details = actions.details(self.executions.client, self.executions.pipeline, execution)
        action = actions.newest_failure(details)
        for found in newest:
            if found.id == execution and action:
                return Failure(found, at, action)
        raise _left(execution, "what failed in it, or what it carried, is not known any more")

    def _wanted(self, failure: Failure) -> list[tuple[Request, Stored]]:
        """A request for each type that has promotions to take back, and the document that carried
        them."""
        wanted = []
        live = self.lives.newest()
        differing = suspects(failure, live, now=self.now())
        for type_, (version, live_version) in differing.items():
            carried = self.documents.read_version(type_, version)
            shown = self.documents.read_version(type_, live_version).document
            releases = {one.release_id: one for one in self.sources.ledger.open_releases(type_)}
            if names := promoted(failure, carried.document, shown, releases):
                request = self._request(failure, type_, names)
                wanted.append((replace(request, as_of=live.at if live else None), carried))
        if not wanted:
            raise _left(failure.execution.id, "it carried nothing that visitors do not get already")
        return wanted

    def _request(self, failure: Failure, type_: str, algorithms: tuple[str, ...]) -> Request:
        execution, action = failure.execution.id, failure.action
        if len(algorithms) > ALGORITHMS_LIMIT:
            raise _left(execution, f"{len(algorithms)} of '{type_}' would go back at once")
        said = " ".join(str(action.reason).split())[:REASON_LIMIT]
        return Request(
            action="rollback",
            type=type_,
            algorithms=algorithms,
            reason=f"{action.stage} failed in execution {execution}: {said}",
            who=WHO,
            at=times.second(self.now()),
            id=f"automatic-{execution}",
        )

    def _carry_out(self, request: Request, seen: Stored, *, dry_run: bool) -> Outcome:
        return carry_out(
            request,
            documents=self.documents,
            sources=self.sources,
            seen=seen.document,
            dry_run=dry_run,
        )


def _left(execution: str, why: str) -> RefusedError:
    return RefusedError(
        f"execution {execution}",
        f"nothing is rolled back by itself: {why}",
        "Look at what failed; roll back by hand what caused it.",
    )
