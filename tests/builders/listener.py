"""The stream listener's handler, loaded with a ledger, documents and a token of its own."""

from collections.abc import Iterator
from types import ModuleType

import boto3
import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer

from phaseline.documents.store import Documents
from tests.builders.canaries import CANARIES
from tests.builders.stores import BUCKET, make_table, never
from tests.conftest import LoadHandler


@pytest.fixture
def listener(load_handler: LoadHandler, httpserver: HTTPServer) -> Iterator[ModuleType]:
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        Documents(s3, BUCKET, "metadata/", never).create_missing()
        make_table(boto3.client("dynamodb"), "ledger")
        secret = boto3.client("secretsmanager").create_secret(
            Name="t", SecretString=CANARIES["GitHub token"]
        )
        yield load_handler(
            "stream_listener",
            {
                "ENVIRONMENT": "test",
                "METADATA_BUCKET": BUCKET,
                "METADATA_PREFIX": "metadata/",
                "LEDGER_TABLE": "ledger",
                "PHASE": "PACKAGE_TESTS_COMPLETE",
                "ALGORITHM_ATTRIBUTE": "algorithm",
                "VERSION_ATTRIBUTE": "version",
                "TYPE_ATTRIBUTE": "type",
                "PHASE_ATTRIBUTE": "phase",
                "DISPLAY_ATTRIBUTE": "display",
                "WITHDRAWS_ON_LEAVE": "true",
                "GITHUB_REPOSITORY": "acme/releases",
                "GITHUB_API_URL": httpserver.url_for("/"),
                "GITHUB_TOKEN_ARN": secret["ARN"],
                "DISPATCH_EVENT_TYPE": "version-tested",
            },
        )
