"""The pipeline's Invalidate action: invalidates the changed files in CloudFront."""

import os
import time
from typing import Any

import boto3

from phaseline.aws import jitter
from phaseline.aws.config import config
from phaseline.pipeline import jobs
from phaseline.pipeline.jobs import Continue, Done, Job
from phaseline.site import cdn, invalidation_paths, publication
from phaseline.site.cdn import Cdn, Completed, Progress
from phaseline.site.outcomes import SUPERSEDED

_DISTRIBUTION_ID = os.environ["DISTRIBUTION_ID"]
_ORIGIN_DOMAIN = os.environ["ORIGIN_DOMAIN"]
_CONFIG = config()
_CODEPIPELINE = boto3.client("codepipeline", config=_CONFIG)
_S3 = boto3.client("s3", config=_CONFIG)
_CLOUDFRONT = boto3.client("cloudfront", config=_CONFIG)


def handler(event: dict[str, Any], context: object) -> None:
    """Invalidate the files that the publication of a CodePipeline job changed."""
    del context
    jobs.answer(event, _invalidate, client=_CODEPIPELINE)


def _invalidate(job: Job) -> Done | Continue:
    source = job.input("Publication")
    published = publication.parse(jobs.read(_S3, source) or b"", source.where)
    paths = invalidation_paths.paths(published.changed)
    if published.outcome == SUPERSEDED or not paths:
        return Done({"outcome": "nothing to invalidate"})
    result = Cdn(
        client=_CLOUDFRONT,
        distribution=_DISTRIBUTION_ID or cdn.find(_CLOUDFRONT, _ORIGIN_DOMAIN),
        pause=jitter.pause,
        clock=time.time,
    ).advance(
        job.parameter("execution"),
        paths,
        Progress(**job.progress) if job.progress else Progress(started=time.time()),
    )
    if isinstance(result, Completed):
        return Done({"outcome": "completed", "invalidation": result.invalidation})
    return Continue(result.token())
