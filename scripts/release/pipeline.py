"""The pipeline execution of a release: the one that a run ensures or that a dry run predicts."""

from collections.abc import Callable

from phaseline.pipeline import carrier
from phaseline.pipeline.carrier import Adopted, Ensured
from scripts.services import Services


def predict(services: Services, type_: str | None, version: str | None) -> str:
    """Return in one sentence which execution a run would start or adopt."""
    if type_ is None or version is None:
        return "would start an execution of the newest commit and documents"
    revision = services.documents.read_version(type_, version).document.revision
    decision = carrier.look(
        services.executions, type_, version, revision, covered_by(services, type_, revision)
    )
    if isinstance(decision, Adopted):
        effect = "has published it already" if decision.done else "would be adopted"
        return f"execution {decision.execution} {effect}"
    return f"would start an execution for {type_} {version}"


def ensure(services: Services, type_: str, version: str, revision: int) -> Ensured:
    """Return the execution that takes a document version to the website; start one if necessary."""
    return carrier.ensure(
        services.executions, type_, version, revision, covered_by(services, type_, revision)
    )


def covered_by(services: Services, type_: str, revision: int) -> Callable[[], str | None]:
    """Return a function that finds the execution whose verified publication has the revision.

    A later revision counts too.
    """

    def find() -> str | None:
        published = services.site.published()[0]
        if published is None or published.revisions.get(type_, -1) < revision:
            return None
        return published.execution

    return find


def describe(ensured: Ensured) -> str:
    """Return the result in a few words."""
    if ensured.started:
        return "started"
    return "already done" if ensured.done else "already running, adopted"
