"""IAM is enforced: a role can do its function's work, nothing beside; a visitor nothing at all."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError

from local.system import System, website
from tests.system.conftest import promote

Attempt = Callable[[System, Callable[[str], Any]], object]


def as_function(system: System, function: str) -> Callable[[str], Any]:
    """Makes clients that act with the role of a function (StreamListener)."""
    name = system.function(function)
    role = system.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    session = system.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=system.endpoint,
            region_name="us-east-1",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

    return client


def put(bucket: str, key: str) -> Attempt:
    """An upload into the bucket that an output of the site's stack names."""
    return lambda system, client: client("s3").put_object(
        Bucket=system.outputs["site"][bucket], Key=key, Body=b"x"
    )


def get(bucket: str, key: str) -> Attempt:
    """A download from such a bucket."""
    return lambda system, client: client("s3").get_object(
        Bucket=system.outputs["site"][bucket], Key=key
    )


def delete(bucket: str, key: str) -> Attempt:
    """A deletion in such a bucket."""
    return lambda system, client: client("s3").delete_object(
        Bucket=system.outputs["site"][bucket], Key=key
    )


def invalidate(system: System, client: Callable[[str], Any]) -> object:
    """An invalidation of the website's distribution."""
    return client("cloudfront").create_invalidation(
        DistributionId=system.outputs["site"]["DistributionId"],
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/none"]},
            "CallerReference": "rights",
        },
    )


def read_secret(name: str) -> Attempt:
    """The value of a secret."""
    return lambda _, client: client("secretsmanager").get_secret_value(SecretId=f"phaseline/{name}")


def change_item(system: System, client: Callable[[str], Any]) -> object:
    """A write to the algorithms table."""
    return client("dynamodb").put_item(
        TableName=system.outputs["registry"]["AlgorithmsTableName"],
        Item={"algorithm": {"S": "forged"}, "version": {"S": "1"}},
    )


def find_open(state: str) -> Attempt:
    """A look for the releases of a type that have not come to their end."""
    return lambda system, client: client("dynamodb").query(
        TableName=system.outputs["registry"]["LedgerTableName"],
        IndexName="open",
        KeyConditionExpression="#open = :open",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":open": {"S": state}},
    )


SITE, METADATA = "SiteBucketName", "MetadataBucketName"


@pytest.mark.parametrize(
    ("function", "attempt"),
    [
        ("StreamListener", put(SITE, "index.html")),
        ("StreamListener", put(METADATA, "state/published.json")),
        ("StreamListener", delete(METADATA, "metadata/opt.zip")),
        ("StreamListener", change_item),
        ("StreamListener", read_secret("slack")),
        ("SitePublisher", put(METADATA, "metadata/opt.zip")),
        ("SitePublisher", delete(SITE, "index.html")),
        ("CacheInvalidator", get(SITE, "index.html")),
        ("SlackNotifier", read_secret("github")),
        ("SlackNotifier", get(METADATA, "metadata/opt.zip")),
        ("SlackNotifier", invalidate),
        ("ReleaseVerifier", put(SITE, "index.html")),
        ("SitePublisher", invalidate),
        ("ReleaseVerifier", read_secret("slack")),
        ("ExecutionRecorder", get(METADATA, "metadata/opt.zip")),
        ("ExecutionRecorder", change_item),
        ("ExecutionRecorder", read_secret("slack")),
        ("ExecutionRecorder", find_open("opt")),
        ("StreamListener", find_open("opt")),
    ],
)
def test_a_role_cannot_do_what_its_function_never_does(
    system: System, function: str, attempt: Attempt
) -> None:
    """What lies beside a function's work is refused to its role."""
    with pytest.raises(ClientError) as refused:
        attempt(system, as_function(system, function))
    assert refused.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}


@pytest.mark.parametrize(
    ("function", "attempt"),
    [
        ("StreamListener", get(METADATA, "metadata/opt.zip")),
        ("StreamListener", read_secret("github")),
        ("CacheInvalidator", invalidate),
        ("ReleaseVerifier", invalidate),
        ("SlackNotifier", read_secret("slack")),
    ],
)
def test_a_role_can_do_its_work(system: System, function: str, attempt: Attempt) -> None:
    """The same attempts pass where the work needs them, so a refusal above is about the right."""
    attempt(system, as_function(system, function))


def test_bucket_refuses_unsigned_requests(system: System) -> None:
    """The website is had through the CDN only: the bucket itself refuses whoever is not signed."""
    promote(system, "opt", "guarded", "1.0.0")
    assert website.get(system, "/index.html")[0] == 200
    for bucket, key in ((SITE, "index.html"), (SITE, ""), (METADATA, "metadata/opt.zip")):
        url = f"{system.endpoint}/{system.outputs['site'][bucket]}/{key}"
        assert urllib3.request("GET", url, retries=False).status == 403
        answer = urllib3.request("PUT", f"{url}forged", body=b"x", retries=False)
        assert answer.status == 403
