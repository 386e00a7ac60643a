"""Ensures the invalidation of an execution's publication from outside of the pipeline.

It is the invalidation of the pipeline's Invalidate action. Its ID is read from the action's result.
If the action has no result, the request has the same reference, for which CloudFront returns the
existing invalidation.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from phaseline.errors import DeploymentError
from phaseline.pipeline import actions, jobs
from phaseline.pipeline.jobs import Artifact
from phaseline.site import invalidation_paths, publication
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
    """The invalidation of an execution's publication.

    `id` is None if the publication changed nothing, or if the invalidation was not created yet.
    `found` means that the pipeline's action has completed it.
    """

    id: str | None
    paths: tuple[str, ...]
    found: bool


def ensure(
    execution: str, *, codepipeline: "CodePipelineClient", name: str, s3: "S3Client", cdn_: Cdn
) -> Invalidated:
    """Ensure the invalidation of an execution of the pipeline `name`, and wait until it completes.

    Raises DeploymentError if the execution has published nothing, and TimedOutError.
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
    """Return the pipeline's invalidation, or the paths that are still to be invalidated.

    This changes nothing. Raises DeploymentError if the execution has published nothing.
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
            "it has published nothing that could be invalidated",
            f"Follow it first: phaseline follow-pipeline --execution {execution}",
        )
    done = publication.parse(jobs.read(s3, artifact) or b"", artifact.where)
    paths = invalidation_paths.paths(done.changed)
    if done.outcome == SUPERSEDED:
        return Invalidated(None, (), found=False)
    return Invalidated(None, paths, found=False)


def _publication(details: "Iterable[ActionExecutionDetailTypeDef]") -> Artifact | None:
    """Return the artifact Publication of the newest successful action, or None."""
    for detail in details:
        if detail["status"] == "Succeeded":
            for output in detail.get("output", {}).get("outputArtifacts", []):
                if output.get("name") == ARTIFACT and "s3location" in output:
                    location = output["s3location"]
                    return Artifact(ARTIFACT, location["bucket"], location["key"])
    return None
