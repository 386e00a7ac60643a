"""The website's bucket, and the state of its last verified publication."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.errors import RemoteCallError
from phaseline.site.bucket import Site
from phaseline.site.publication import Publication, verified
from tests.builders.calls import Calls
from tests.builders.site import METADATA, SITE, make_buckets, md5, state


def plan(execution: str, number: int) -> Publication:
    """Return an empty plan of an execution."""
    return Publication(execution, "published", None, {}, (), {}, number=number)


def test_listing_has_the_keys_of_all_pages_with_their_md5() -> None:
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        for number in range(1001):
            s3.put_object(Bucket=SITE, Key=f"{number:04}", Body=b"x")
        listing = Site(s3, SITE, METADATA).listing()
    assert len(listing) == 1001
    assert listing["1000"].digest == md5(b"x")


def test_many_stale_files_are_deleted_with_several_calls() -> None:
    """A call has at most as many keys as S3 accepts."""
    s3 = boto3.client("s3")
    calls = Calls(s3, DeleteObjects=lambda _: {})
    Site(s3, SITE, METADATA).prune([str(number) for number in range(2500)])
    assert [len(c["Delete"]["Objects"]) for c in calls.of("DeleteObjects")] == [1000, 1000, 500]


def test_s3_is_not_called_without_stale_files() -> None:
    s3 = boto3.client("s3")
    calls = Calls(s3, DeleteObjects=lambda _: "AccessDenied")
    Site(s3, SITE, METADATA).prune([])
    assert calls.asked == []


def test_error_of_a_write_that_is_always_refused_names_the_object() -> None:
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        calls = Calls(s3, PutObject=lambda _: "PreconditionFailed")
        done = Publication("e1", "published", None, {}, (), {})
        with pytest.raises(RemoteCallError, match=f"s3://{METADATA}/state/published.json"):
            Site(s3, SITE, METADATA).remember(verified(done, {}, None), None)
    conditions: list[Any] = [call.get("IfNoneMatch") for call in calls.of("PutObject")]
    assert conditions == ["*", "*", "*"]


@pytest.mark.parametrize("overtaken", [False, True])
def test_verified_state_does_not_replace_that_of_a_later_execution(overtaken: bool) -> None:
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        site = Site(s3, SITE, METADATA)
        assert site.begin(plan("e1", 1), *site.published())
        _, etag = site.published()
        if overtaken:
            assert site.begin(plan("e2", 2), *site.published())
        done = Publication("e1", "published", None, {"a": "1"}, (), {})
        assert site.remember(verified(done, {}, None), etag) is not overtaken
        known = state(s3)
    assert (known["execution"], known["publishing"]) == (("", "e2") if overtaken else ("e1", None))


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_write_succeeds_if_only_its_answer_was_lost(code: str) -> None:
    """S3 refuses the repeated conditional write, because the first one took effect."""
    with mock_aws():
        s3, other = boto3.client("s3"), boto3.client("s3")
        make_buckets(s3)
        site = Site(s3, SITE, METADATA)

        def landed_already(params: dict[str, Any]) -> str:
            other.put_object(**params)
            return code

        Calls(s3, PutObject=landed_already)
        assert site.begin(plan("e1", 1), None, None)
        assert state(s3)["publishing"] == "e1"
