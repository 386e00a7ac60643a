"""The pipeline's Publish action: uploads the build to the website's bucket, in order."""

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3

from phaseline.aws.config import config
from phaseline.pipeline import jobs
from phaseline.site import publisher
from phaseline.site.bucket import Site

if TYPE_CHECKING:
    from phaseline.aws.lambda_context import LambdaContext

MARGIN = 40.0
"""Seconds reserved for the last uploads and for the answer to CodePipeline."""


_CONFIG = config(read=20, connections=publisher.UPLOADS)
_CODEPIPELINE = boto3.client("codepipeline", config=_CONFIG)
_SITE = Site(
    s3=boto3.client("s3", config=_CONFIG),
    bucket=os.environ["SITE_BUCKET"],
    metadata_bucket=os.environ["METADATA_BUCKET"],
)


def handler(event: dict[str, Any], context: "LambdaContext") -> None:
    """Publish the build of a CodePipeline job."""
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    jobs.answer(
        event,
        lambda job: publisher.run(
            job,
            _SITE,
            time_left=lambda: until - time.monotonic(),
            now=lambda: datetime.now(UTC),
        ),
        client=_CODEPIPELINE,
    )
