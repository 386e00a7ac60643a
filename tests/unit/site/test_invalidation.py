"""The invalidation of an execution is adopted from the pipeline, or created."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline import archive
from phaseline.errors import DeploymentError
from phaseline.site import invalidation, publication
from phaseline.site.cdn import Cdn
from phaseline.site.invalidation import Invalidated
from phaseline.site.invalidation_paths import paths as paths_of
from phaseline.site.invalidation_paths import reference
from phaseline.site.publication import Publication
from tests.builders.calls import Calls
from tests.builders.executions import E1, detail
from tests.builders.site import ARTIFACTS, make_buckets
from tests.builders.timing import Timer

Ensure = Callable[..., tuple[Invalidated, Calls]]


@pytest.fixture
def ensure() -> Iterator[Ensure]:
    """Return a function that ensures the invalidation of an execution with these actions."""
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)

        def run(*details: dict[str, Any], **changes: Any) -> tuple[Invalidated, Calls]:
            facts = {
                "execution": E1,
                "outcome": "published",
                "changed": ("/index.html",),
                "keys": {},
                "stale": (),
                "documents": {},
            }
            stored = archive.pack(publication.render(Publication(**facts | changes)))
            s3.put_object(Bucket=ARTIFACTS, Key="p", Body=stored)
            codepipeline, cloudfront = boto3.client("codepipeline"), boto3.client("cloudfront")
            Calls(
                codepipeline,
                ListActionExecutions=lambda _: {"actionExecutionDetails": list(details)},
            )
            timer = Timer()
            states = iter(["InProgress", "Completed"])
            calls = Calls(
                cloudfront,
                CreateInvalidation=lambda _: {"Invalidation": {"Id": "I1", "Status": next(states)}},
                GetInvalidation=lambda _: {"Invalidation": {"Id": "I1", "Status": next(states)}},
            )
            invalidated = invalidation.ensure(
                E1,
                codepipeline=codepipeline,
                name="phaseline-demo",
                s3=s3,
                cdn_=Cdn(cloudfront, "D1", timer.sleep, timer.clock),
            )
            return invalidated, calls

        yield run


def published() -> dict[str, Any]:
    """Return the Publish action, with its publication in the artifact bucket."""
    location = {"bucket": ARTIFACTS, "key": "p"}
    artifacts = [{"name": "Publication", "s3location": location}]
    return detail("Publish", "Succeeded", 1) | {"output": {"outputArtifacts": artifacts}}


def test_invalidation_of_the_pipeline_is_adopted(ensure: Ensure) -> None:
    """CloudFront is not called."""
    done = detail("Invalidate", "Succeeded", 2)
    done["output"]["outputVariables"] = {"invalidation": "I9", "outcome": "completed"}
    invalidated, calls = ensure(done, published())
    assert invalidated == Invalidated("I9", (), found=True)
    assert calls.asked == []


def test_failed_invalidation_is_repeated_with_the_same_request(ensure: Ensure) -> None:
    """It has the distribution, the paths and the reference of the pipeline's action."""
    invalidated, calls = ensure(detail("Invalidate", "Failed", 2), published())
    paths = paths_of(["/index.html"])
    assert invalidated == Invalidated("I1", paths, found=False)
    (request,) = calls.of("CreateInvalidation")
    assert request["DistributionId"] == "D1"
    assert request["InvalidationBatch"]["CallerReference"] == reference(E1, paths)
    assert request["InvalidationBatch"]["Paths"]["Items"] == list(paths)


@pytest.mark.parametrize("changes", [{"outcome": "superseded"}, {"changed": ()}])
def test_execution_without_changes_needs_no_invalidation(
    ensure: Ensure, changes: dict[str, Any]
) -> None:
    invalidated, calls = ensure(published(), **changes)
    assert invalidated == Invalidated(None, (), found=False)
    assert calls.asked == []


def test_execution_that_published_nothing_is_an_error(ensure: Ensure) -> None:
    with pytest.raises(DeploymentError, match="published nothing"):
        ensure(detail("Build", "Failed", 1), detail("Publish", "Failed", 2))
