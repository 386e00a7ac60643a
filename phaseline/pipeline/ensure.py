"""Ensures that an execution carries a version of a document.

EventBridge starts an execution for each version of a document. So one is looked for first, for as
long as that event may take, and only then started: with the version pinned, and with a token that
is the same for everybody who finds the same situation, so that two callers at once start one.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phaseline.aws.wait import poll
from phaseline.pipeline.executions import RUNNING, SOURCES, SUCCEEDED, Execution, Executions

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import SourceRevisionOverrideTypeDef


@dataclass(frozen=True)
class Adopted:
    """An execution that does what is wanted; `done` where nothing is left to follow."""

    execution: str
    done: bool


@dataclass(frozen=True)
class Missing:
    """No execution does what is wanted. `token` starts one, `expected` is set where the event
    that starts one may be on its way."""

    token: str
    expected: bool


@dataclass(frozen=True)
class Ensured:
    """The execution that carries a version; `started` here, or `done` before."""

    execution: str
    started: bool
    done: bool


def carrier(
    action: str, version: str, executions: Sequence[Execution], covered_by: str | None
) -> Adopted | Missing:
    """Pure: which of `executions` (newest first) carries `version` of the source `action`.

    `covered_by` is the execution whose verified publication shows this version or a later one.
    One that failed or was stopped is no help; another is started, once for each such end.
    """
    carrying = [found for found in executions if found.revisions.get(action) == version]
    succeeded = [found for found in carrying if found.status == SUCCEEDED]
    running = [found for found in carrying if found.status == RUNNING]
    if succeeded:
        return Adopted(succeeded[0].id, done=True)
    if covered_by is not None:
        return Adopted(covered_by, done=True)
    if running:
        return Adopted(running[-1].id, done=False)
    ends = sorted(found.id for found in carrying)
    digest = hashlib.sha256(" ".join([action, version, *ends]).encode()).hexdigest()
    return Missing(f"phaseline-{digest[:32]}", expected=not carrying)


def look(
    executions: Executions, type_: str, version: str, covered_by: Callable[[], str | None]
) -> Adopted | Missing:
    """The execution that carries `version` of a type's document now, or what would start one."""
    return carrier(SOURCES[type_], version, executions.newest(), covered_by())


def ensure(
    executions: Executions, type_: str, version: str, covered_by: Callable[[], str | None]
) -> Ensured:
    """The execution that takes `version` of a type's document to the website.

    `covered_by` finds the execution whose verified publication shows this version or a later one.
    Raises RemoteCallError where the pipeline takes no execution now.
    """
    found: Adopted | Missing | None = None

    def settled() -> Adopted | Missing | None:
        nonlocal found
        found = look(executions, type_, version, covered_by)
        return None if isinstance(found, Missing) and found.expected else found

    poll(
        settled,
        clock=executions.clock,
        sleep=executions.sleep,
        limit=executions.patience,
        pauses=executions.polls,
    )
    assert found is not None  # noqa: S101 - poll looks at least once
    if isinstance(found, Adopted):
        return Ensured(found.execution, started=False, done=found.done)
    pinned: SourceRevisionOverrideTypeDef = {
        "actionName": SOURCES[type_],
        "revisionType": "S3_OBJECT_VERSION_ID",
        "revisionValue": version,
    }
    return Ensured(executions.start(found.token, [pinned]), started=True, done=False)
