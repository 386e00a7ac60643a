"""Finds what a person names: an algorithm, a release or an execution, by its full or short ID.

The short ID of an execution is the beginning of its ID, and that of a release is its end, which
tells it from other releases of the same version: `eb519411` of `opt-route-planner-2.1.0-eb519411`.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.errors import InputError
from phaseline.pipeline.executions import RUNNING, SOURCES, SUCCEEDED, Execution
from phaseline.releases.release import Release
from scripts.cli.nearest import nearest
from scripts.cli.options import EXECUTION
from scripts.release.known import check_algorithm
from scripts.services import Services

SHORT = 8
"""Characters of a short ID."""
BEGUN = re.compile(r"[0-9a-f]{4,8}(-[0-9a-f-]{0,27})?")
"""The beginning of the ID of an execution."""
LOOKED_AT = 1_000
"""The newest releases of each type among which a short ID is looked for."""
PATH = re.compile(rf"({'|'.join(TYPES)})/({NAME_PATTERN.pattern})")


def short(execution: str) -> str:
    """Return the short ID of an execution."""
    return execution[:SHORT]


def find(services: Services, text: str) -> Release | Execution:
    """Return the newest release of an algorithm, the release or the execution that a text names.

    Raises InputError, which names what was meant, if there is none or if there are several.
    """
    if match := PATH.fullmatch(text):
        return newest_release(services, *match.groups())
    found: list[Release | Execution] = [
        one for one in _begun(services, text) if one.id.startswith(text)
    ]
    found = found or [*_releases(services, text)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = [one.id if isinstance(one, Execution) else one.release_id for one in found]
        raise _several(text, ids)
    raise unknown(services, text)


def find_execution(services: Services, text: str | None) -> Execution:
    """Return the execution that a text names, or that carries the release that it names.

    Without a text, return the newest one in progress or, if none is, the newest one.
    """
    if text is None:
        newest = services.executions.newest()
        if not newest:
            raise InputError(
                f"pipeline {services.environment.pipeline}",
                "it has no execution yet",
                "phaseline start-pipeline starts one.",
            )
        return next((one for one in newest if one.status == RUNNING), newest[0])
    found = find(services, text)
    if isinstance(found, Execution):
        return found
    if execution := carrier(services, found):
        return execution
    raise InputError(
        found.release_id,
        "no execution carries it",
        f"phaseline history {found.release_id} shows its steps.",
    )


def release_of(services: Services, text: str) -> Release:
    """Return the release that a text names by its full or short ID. Raises InputError."""
    found = [*_releases(services, text)]
    if len(found) != 1:
        raise (
            _several(text, [one.release_id for one in found]) if found else unknown(services, text)
        )
    return found[0]


def newest_release(services: Services, type_: str, name: str) -> Release:
    """Return the newest release of an algorithm. Raises InputError if it has none."""
    check_algorithm(services, [type_], name)
    release = next(services.ledger.releases(type_, name), None)
    if release is None:
        raise InputError(
            f"{type_}/{name}", "it has no release yet", "phaseline status shows what waits."
        )
    return release


def carrier(services: Services, release: Release) -> Execution | None:
    """Return the execution that carries a release: in progress, the one that brought it, or the
    newest."""
    found = carrying(services, release)
    running = [one for one in found if one.status == RUNNING]
    succeeded = [one for one in found if one.status == SUCCEEDED]
    # Later ones carry the release as well, which visitors were served already then.
    return next(iter([*running[-1:], *succeeded[-1:], *found]), None)


def carrying(services: Services, release: Release) -> list[Execution]:
    """Return the executions with the document of a release or a later one, newest first."""
    if release.revision is None:
        return []
    return [
        one
        for one in services.executions.newest()
        if one.carries(SOURCES[release.type], release.document_version, release.revision)
    ]


def unknown(services: Services, text: str) -> InputError:
    """Return the error for a text that names no release and no execution."""
    known = [
        release.release_id
        for type_ in TYPES
        for release in islice(services.ledger.newest(type_), LOOKED_AT)
    ]
    hint = nearest(text, known) if "-" in text and not EXECUTION.fullmatch(text) else ""
    return InputError(
        text,
        f"{services.name} has no release and no execution of this name",
        hint or "phaseline history lists the releases, and phaseline status the executions.",
    )


def _several(text: str, ids: Iterable[str]) -> InputError:
    return InputError(text, f"several IDs are meant: {', '.join(ids)}", "Name one of them in full.")


def _begun(services: Services, text: str) -> list[Execution]:
    """Return the executions among which one is looked for by the beginning of its ID."""
    if not BEGUN.fullmatch(text):
        return []
    newest = services.executions.newest()
    if EXECUTION.fullmatch(text) and all(one.id != text for one in newest):
        return [*_older(services, text)]
    return newest


def _older(services: Services, text: str) -> Iterator[Execution]:
    client = services.codepipeline
    try:
        answer = client.get_pipeline_execution(
            pipelineName=services.environment.pipeline, pipelineExecutionId=text
        )
    except client.exceptions.PipelineExecutionNotFoundException:
        return
    yield Execution(text, answer["pipelineExecution"]["status"], {}, None)


def _releases(services: Services, text: str) -> Iterable[Release]:
    if "-" in text:
        release = services.ledger.find(text)
        return [release] if release else []
    if len(text) < 4:
        return []
    return [
        release
        for type_ in TYPES
        for release in islice(services.ledger.newest(type_), LOOKED_AT)
        if release.release_id.rpartition("-")[2].startswith(text)
    ]
