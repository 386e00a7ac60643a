"""The pipeline execution of a release: ensured, or foreseen by a dry run."""

from collections.abc import Callable

from phaseline.pipeline import ensure as pipeline_ensure
from phaseline.pipeline.ensure import Adopted, Ensured
from scripts.services import Services


def foresee(services: Services, type_: str | None, version: str | None) -> str:
    """What would be done, in a sentence; nothing is changed."""
    if type_ is None or version is None:
        return "would start an execution with the newest of everything"
    revision = services.documents.read_version(type_, version).document.revision
    found = pipeline_ensure.look(
        services.executions, type_, version, covered_by(services, type_, revision)
    )
    if isinstance(found, Adopted):
        ended = "has done it already" if found.done else "would be adopted"
        return f"execution {found.execution} {ended}"
    return f"would start an execution pinned to {type_} {version}"


def ensure(services: Services, type_: str, version: str, revision: int) -> Ensured:
    """The execution that takes a version of a document to the website."""
    return pipeline_ensure.ensure(
        services.executions, type_, version, covered_by(services, type_, revision)
    )


def covered_by(services: Services, type_: str, revision: int) -> Callable[[], str | None]:
    """Finds the execution whose verified publication shows this revision or a later one."""

    def find() -> str | None:
        published = services.site.published()[0]
        if published is None or published.revisions.get(type_, -1) < revision:
            return None
        return published.execution

    return find


def describe(found: Ensured) -> str:
    """What came of it, in a few words."""
    if found.started:
        return "started"
    return "already done" if found.done else "under way already, adopted"
