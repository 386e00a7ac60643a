"""The invalidation of an execution's publication, for an environment."""

from phaseline.site import invalidation
from phaseline.site.invalidation import Invalidated
from scripts.services import Services


def look(services: Services, execution: str) -> Invalidated:
    """What the invalidation of an execution's publication is or would be."""
    return invalidation.look(
        execution,
        codepipeline=services.codepipeline,
        name=services.environment.pipeline,
        s3=services.s3,
    )


def ensure(services: Services, execution: str) -> Invalidated:
    """See to the invalidation of an execution's publication."""
    return invalidation.ensure(
        execution,
        codepipeline=services.codepipeline,
        name=services.environment.pipeline,
        s3=services.s3,
        cdn_=services.cdn,
    )


def describe(found: Invalidated) -> str:
    """What came of it, in a few words."""
    if found.found:
        return f"{found.id}: already done by the pipeline"
    if found.id is None:
        return f"would invalidate {', '.join(found.paths)}" if found.paths else "nothing to do"
    return f"{found.id}: completed, {len(found.paths)} paths"
