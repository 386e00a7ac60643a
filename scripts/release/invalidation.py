"""The invalidation of the files that an execution published."""

from phaseline.site import invalidation
from phaseline.site.invalidation import Invalidated
from scripts.services import Services


def look(services: Services, execution: str) -> Invalidated:
    """Return the finished invalidation of an execution, or the paths to invalidate."""
    return invalidation.look(
        execution,
        codepipeline=services.codepipeline,
        name=services.environment.pipeline,
        s3=services.s3,
    )


def ensure(services: Services, execution: str) -> Invalidated:
    """Invalidate the files that an execution published, and wait until this is complete."""
    return invalidation.ensure(
        execution,
        codepipeline=services.codepipeline,
        name=services.environment.pipeline,
        s3=services.s3,
        cdn_=services.cdn,
    )


def describe(invalidated: Invalidated) -> str:
    """Return the result in a few words."""
    if invalidated.found:
        return f"{invalidated.id}: already done by the pipeline"
    if invalidated.id is None:
        return (
            f"would invalidate {', '.join(invalidated.paths)}"
            if invalidated.paths
            else "nothing to do"
        )
    return f"{invalidated.id}: completed, {len(invalidated.paths)} paths"
