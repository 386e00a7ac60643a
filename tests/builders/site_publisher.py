"""The function site_publisher with its buckets, and its invocation."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from moto import mock_aws

from tests.builders.calls import JobAnswers
from tests.builders.site import (
    BUILD_KEY,
    ENVIRONMENT,
    PUBLICATION_KEY,
    build,
    make_buckets,
    manifest,
)
from tests.conftest import LoadHandler
from tests.events.jobs import Context, lambda_job

FILES = {
    "index.html": b"<h1>new</h1>",
    "a/index.html": b"<h1>a</h1>",
    "style.0123456789ab.css": b"h1{}",
    "mark.svg": b"<svg/>",
    "phaseline.json": manifest(),
}


JOB_EVENT = lambda_job(inputs={"Site": BUILD_KEY}, outputs={"Publication": PUBLICATION_KEY})


@pytest.fixture
def lambda_(load_handler: LoadHandler) -> Iterator[ModuleType]:
    with mock_aws():
        module = load_handler("site_publisher", ENVIRONMENT)
        make_buckets(module._SITE.s3)
        build(module._SITE.s3, FILES)
        yield module


def execution(number: int, revision: int = 2) -> dict[str, Any]:
    """The job of a later execution, which took a revision of the document `opt`, and has its own
    build and its own plan."""
    return lambda_job(
        inputs={"Site": f"build-{number}"},
        outputs={"Publication": f"plan-{number}"},
        execution=f"e{number}",
        opt=f"v{revision}",
    )


def invoke(
    module: ModuleType, event: dict[str, Any] = JOB_EVENT, seconds: float = 60
) -> JobAnswers:
    """Invoke the function, with its time left in seconds; what it answered."""
    answers = JobAnswers(module._CODEPIPELINE)
    module.handler(event, Context(seconds))
    return answers
