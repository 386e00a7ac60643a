"""The website's bucket and the state of what was verified there."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.errors import RemoteCallError
from phaseline.site.bucket import Site
from phaseline.site.publication import Publication, verified
from tests.builders.calls import Calls
from tests.builders.site import METADATA, SITE, make_buckets, md5, state


def test_the_listing_has_all_pages() -> None:
    """Keys beyond the first page of a listing are there, with their MD5."""
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        for number in range(1001):
            s3.put_object(Bucket=SITE, Key=f"{number:04}", Body=b"x")
        listing = Site(s3, SITE, METADATA).listing()
    assert len(listing) == 1001
    assert listing["1000"].digest == md5(b"x")


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


def test_a_state_that_can_never_be_written_is_given_up() -> None:
    """A conditional write that is always refused ends as an error that names the object."""
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        calls = Calls(s3, PutObject=lambda _: "PreconditionFailed")
        done = Publication("e1", "published", None, {}, (), {})
        with pytest.raises(RemoteCallError, match=f"s3://{METADATA}/state/published.json"):
            Site(s3, SITE, METADATA).remember(verified(done, {}), None)
    conditions: list[Any] = [call.get("IfNoneMatch") for call in calls.of("PutObject")]
    assert conditions == ["*", "*", "*"]


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_later_publication_keeps_its_doubt(overtaken: bool) -> None:
    """What was verified is not remembered over the note of an execution that began since."""
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        site = Site(s3, SITE, METADATA)
        assert site.begin("e1", *site.published())
        _, etag = site.published()
        if overtaken:
            assert site.begin("e2", *site.published())
        done = Publication("e1", "published", None, {"a": "1"}, (), {})
        assert site.remember(verified(done, {}), etag) is not overtaken
        known = state(s3)
    assert (known["execution"], known["publishing"]) == (("", "e2") if overtaken else ("e1", None))


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_a_write_whose_answer_was_lost_counts(code: str) -> None:
    """A repeated conditional write is refused by the first one, and has succeeded all the same."""
    with mock_aws():
        s3, other = boto3.client("s3"), boto3.client("s3")
        make_buckets(s3)
        site = Site(s3, SITE, METADATA)

        def landed_already(params: dict[str, Any]) -> str:
            other.put_object(**params)
            return code

        Calls(s3, PutObject=landed_already)
        assert site.begin("e1", None, None)
        assert state(s3)["publishing"] == "e1"
