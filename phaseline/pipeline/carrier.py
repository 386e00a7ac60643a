"""Ensures that an execution carries a version of a document.

EventBridge starts an execution for each version of a document. So this module first waits for that
execution, as long as the event may take. Only then it starts an execution, which takes the newest
documents, as each execution does: one that took an older version could supersede one that has a
newer version (docs/decisions/0029-executions-supersede-each-other.md). An execution carries a
version if it has this version or a later one. Callers that see the same executions use the same
token, so two callers start one execution.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phaseline.aws.wait import poll
from phaseline.pipeline.executions import (
    RUNNING,
    SOURCES,
    SUCCEEDED,
    SUPERSEDED,
    Execution,
    Executions,
)


@dataclass(frozen=True)
class Adopted:
    """An execution that carries the version. If `done`, it need not be followed."""

    execution: str
    done: bool


@dataclass(frozen=True)
class Missing:
    """No execution carries the version.

    `token` is the client request token to start one with. If `expected`, EventBridge may still
    start one.
    """

    token: str
    expected: bool


@dataclass(frozen=True)
class Ensured:
    """The execution that carries a version: `started` by this call, or `done` before it."""

    execution: str
    started: bool
    done: bool


def carrier(
    action: str,
    version: str,
    revision: int,
    executions: Sequence[Execution],
    covered_by: str | None,
) -> Adopted | Missing:
    """Pure: return which of `executions` (newest first) carries a document's version.

    `action` is the document's source action, and `revision` the revision of the `version`.
    `covered_by` is the execution whose verified publication shows this version or a later one.
    Executions that failed, were stopped or were superseded do not count. Their IDs are a part of
    the token, so that another execution can be started after each of them. After one that was
    superseded, the execution that superseded it is expected.
    """
    carrying = [each for each in executions if each.carries(action, version, revision)]
    succeeded = [each for each in carrying if each.status == SUCCEEDED]
    running = [each for each in carrying if each.status == RUNNING]
    if succeeded:
        return Adopted(succeeded[0].id, done=True)
    if covered_by is not None:
        return Adopted(covered_by, done=True)
    if running:
        return Adopted(running[-1].id, done=False)
    in_vain = [
        each.id
        for each in executions
        if each in carrying or (each.status != RUNNING and action not in each.revisions)
    ]
    digest = hashlib.sha256(" ".join([action, version, *sorted(in_vain)]).encode()).hexdigest()
    expected = all(each.status == SUPERSEDED for each in carrying)
    return Missing(f"phaseline-{digest[:32]}", expected=expected)


def look(
    executions: Executions,
    type_: str,
    version: str,
    revision: int,
    covered_by: Callable[[], str | None],
) -> Adopted | Missing:
    """Return the execution that carries `version` of a type's document now, if there is one."""
    return carrier(SOURCES[type_], version, revision, executions.newest(), covered_by())


def ensure(
    executions: Executions,
    type_: str,
    version: str,
    revision: int,
    covered_by: Callable[[], str | None],
) -> Ensured:
    """Return the execution that carries `version` of a type's document. Start one if necessary.

    `revision` is that of the version. `covered_by` returns the execution whose verified publication
    shows this version or a later one. Raises RemoteCallError if the pipeline accepts no execution
    now.
    """
    result: Adopted | Missing | None = None

    def final_result() -> Adopted | Missing | None:
        nonlocal result
        result = look(executions, type_, version, revision, covered_by)
        return None if isinstance(result, Missing) and result.expected else result

    poll(
        final_result,
        clock=executions.clock,
        sleep=executions.sleep,
        limit=executions.patience,
        pauses=executions.polls,
    )
    assert result is not None  # noqa: S101 - poll calls final_result at least once
    if isinstance(result, Adopted):
        return Ensured(result.execution, started=False, done=result.done)
    return Ensured(executions.start(result.token), started=True, done=False)
