"""The pipeline's Verify action: checks what visitors are served, and closes the releases."""

import os
import time
from functools import partial
from typing import Any

import boto3

from phaseline.aws import jitter
from phaseline.aws.config import config
from phaseline.pipeline import jobs
from phaseline.releases.ledger import WRITERS, Ledger
from phaseline.site import manifests
from phaseline.site.bucket import Site
from phaseline.site.cdn import Cdn
from phaseline.site.live import Lives
from phaseline.site.verifier import Verification

FETCH_TIMEOUT = 5.0
"""Seconds for the manifest. CodePipeline invokes the function again if the proof takes longer."""

_CONFIG = config(connections=WRITERS)
_DYNAMODB = boto3.client("dynamodb", config=_CONFIG)
_CODEPIPELINE = boto3.client("codepipeline", config=_CONFIG)
_VERIFICATION = Verification(
    site=Site(
        s3=boto3.client("s3", config=_CONFIG),
        bucket=os.environ["SITE_BUCKET"],
        metadata_bucket=os.environ["METADATA_BUCKET"],
    ),
    site_url=os.environ["SITE_URL"],
    ledger=Ledger(_DYNAMODB, os.environ["LEDGER_TABLE"]),
    lives=Lives(_DYNAMODB, os.environ["LEDGER_TABLE"]),
    cdn=Cdn(
        client=boto3.client("cloudfront", config=_CONFIG),
        distribution=os.environ["DISTRIBUTION_ID"],
        pause=jitter.pause,
        clock=time.time,
    ),
    fetch=partial(manifests.fetch, timeout=FETCH_TIMEOUT),
    pause=time.sleep,
    clock=time.time,
)


def handler(event: dict[str, Any], context: object) -> None:
    """Verify the publication of a CodePipeline job."""
    del context
    jobs.answer(event, _VERIFICATION.run, client=_CODEPIPELINE)
