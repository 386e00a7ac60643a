"""The invalidation of one execution's publication, ensured from outside of the pipeline.

It is the one that the pipeline's Invalidate action makes: found by the action's result, or made
with the same reference, which CloudFront answers with the invalidation that exists.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from phaseline.errors import DeploymentError
from phaseline.pipeline import actions, jobs
from phaseline.pipeline.jobs import Artifact
from phaseline.site import cdn, publication
from phaseline.site.cdn import Cdn, Completed, Progress
from phaseline.site.outcomes import SUPERSEDED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef
    from mypy_boto3_s3 import S3Client

ACTION = "Invalidate"
ARTIFACT = "Publication"


@dataclass(frozen=True)
class Invalidated:
    """A completed invalidation; no `id` where the publication changed nothing, or where it was
    only looked at. `found` is set where the pipeline's action had seen to it."""

    id: str | None
    paths: tuple[str, ...]
    found: bool


def ensure(
    execution: str, *, codepipeline: "CodePipelineClient", name: str, s3: "S3Client", cdn_: Cdn
) -> Invalidated:
    """See to the invalidation of an execution of the pipeline `name`, and wait until it is done.

    Raises DeploymentError for an execution that has published nothing, and TimedOutError.
    """
    planned = look(execution, codepipeline=codepipeline, name=name, s3=s3)
    if planned.found or not planned.paths:
        return planned
    progress: Completed | Progress = Progress(started=cdn_.clock())
    while isinstance(progress, Progress):
        progress = cdn_.advance(execution, planned.paths, progress)
    return replace(planned, id=progress.invalidation)


def look(
    execution: str, *, codepipeline: "CodePipelineClient", name: str, s3: "S3Client"
) -> Invalidated:
    """What the pipeline has invalidated already, or which paths are to be; changes nothing.

    Raises DeploymentError for an execution that has published nothing.
    """
    details = actions.details(codepipeline, name, execution)
    for detail in details:
        if detail["actionName"] == ACTION and detail["status"] == "Succeeded":
            variables = detail.get("output", {}).get("outputVariables", {})
            return Invalidated(variables.get("invalidation"), (), found=True)
    artifact = _publication(details)
    if artifact is None:
        raise DeploymentError(
            f"pipeline {name}, execution {execution}",
            "it has published nothing, so there is nothing to invalidate",
            f"Follow it first: python -m scripts follow-pipeline --execution {execution}",
        )
    done = publication.parse(jobs.read(s3, artifact) or b"", artifact.where)
    paths = cdn.paths(done.changed)
    if done.outcome == SUPERSEDED:
        return Invalidated(None, (), found=False)
    return Invalidated(None, paths, found=False)


def _publication(details: "Iterable[ActionExecutionDetailTypeDef]") -> Artifact | None:
    """Where the newest successful action with this output put it."""
    for detail in details:
        if detail["status"] == "Succeeded":
            for made in detail.get("output", {}).get("outputArtifacts", []):
                if made.get("name") == ARTIFACT and "s3location" in made:
                    place = made["s3location"]
                    return Artifact(ARTIFACT, place["bucket"], place["key"])
    return None
