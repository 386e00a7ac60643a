"""The website's bucket and the state of what was verified there."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.errors import RemoteCallError
from phaseline.publication import Publication
from phaseline.site import Site
from tests.unit.calls import Calls
from tests.unit.site import METADATA, SITE, make_buckets, md5


def test_the_listing_has_all_pages() -> None:
    """Keys beyond the first page of a listing are there, with their MD5."""
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        for number in range(1001):
            s3.put_object(Bucket=SITE, Key=f"{number:04}", Body=b"x")
        listing = Site(s3, SITE, METADATA).listing()
    assert len(listing) == 1001
    assert listing["1000"] == md5(b"x")


def test_many_stale_files_are_deleted_in_parts() -> None:
    """A call deletes as many keys as S3 takes at once."""
    s3 = boto3.client("s3")
    calls = Calls(s3, DeleteObjects=lambda _: {})
    Site(s3, SITE, METADATA).prune([str(number) for number in range(2500)])
    assert [len(c["Delete"]["Objects"]) for c in calls.of("DeleteObjects")] == [1000, 1000, 500]


def test_nothing_stale_needs_no_call() -> None:
    """Without stale files nothing is asked of S3."""
    s3 = boto3.client("s3")
    calls = Calls(s3, DeleteObjects=lambda _: "AccessDenied")
    Site(s3, SITE, METADATA).prune([])
    assert calls.asked == []


def test_a_state_that_others_keep_writing_is_given_up() -> None:
    """A conditional write that always loses ends as an error that names the object."""
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        calls = Calls(s3, PutObject=lambda _: "PreconditionFailed")
        done = Publication("e1", "published", None, {}, (), {})
        with pytest.raises(RemoteCallError, match=f"s3://{METADATA}/state/published.json"):
            Site(s3, SITE, METADATA).remember(done)
    conditions: list[Any] = [call.get("IfNoneMatch") for call in calls.of("PutObject")]
    assert conditions == ["*", "*", "*"]
