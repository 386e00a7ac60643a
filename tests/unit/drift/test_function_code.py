"""The functions' code: what is declared, what runs, and how it is made the same again."""

import base64
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from phaseline.deploy.code_key import CodeKey
from phaseline.deploy.package import build
from phaseline.drift.function_code import (
    DeclaredFunction,
    FunctionCode,
    Redeployment,
    compare,
    declared_in,
)
from phaseline.errors import ConfigurationError, RefusedError, RemoteCallError, TimedOutError
from tests.builders.archives import compress_otherwise

ZIP = b"a package"
SHA256 = base64.b64encode(hashlib.sha256(ZIP).digest()).decode()
OTHER = base64.b64encode(bytes(32)).decode()
CONTENT, OTHER_CONTENT = "c" * 64, "d" * 64
CODE = CodeKey("site_publisher", CONTENT, hashlib.sha256(ZIP).hexdigest())
KEY = str(CODE)
NAME = "phaseline-demo-functions-SitePublisher-1"
DECLARED = DeclaredFunction("site_publisher", NAME, "artifacts", KEY)


@dataclass
class Scripted:
    """Clients that expect exactly the calls told, and a clock that sleep moves."""

    functions: Stubber
    s3: Stubber
    now: float = 0.0

    def runs(self, sha256: str, status: str = "Successful", **more: Any) -> None:
        """The next call asks what the function runs."""
        configuration = {
            "CodeSha256": sha256,
            "LastUpdateStatus": status,
            "RevisionId": "r1",
            **more,
        }
        expected = {"FunctionName": NAME}
        self.functions.add_response("get_function", {"Configuration": configuration}, expected)

    def stored(self, data: bytes = ZIP) -> None:
        """The next call reads the package."""
        body = StreamingBody(io.BytesIO(data), len(data))
        answer = {"Body": body, "VersionId": "v1"}
        self.s3.add_response("get_object", answer, {"Bucket": "artifacts", "Key": KEY})

    def updated(self) -> None:
        """The next call gives the function the version that was read, if nobody changed it."""
        self.functions.add_response(
            "update_function_code",
            {},
            {
                "FunctionName": NAME,
                "S3Bucket": "artifacts",
                "S3Key": KEY,
                "S3ObjectVersion": "v1",
                "RevisionId": "r1",
            },
        )

    def redeploy(self) -> bool:
        """Whether the function had to be changed."""
        functions: Any = self.functions.client
        s3: Any = self.s3.client
        return Redeployment(functions, s3, lambda: self.now, self.sleep, limit=5.0).run(DECLARED)

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A script of calls; the test fails where one of them was not made."""
    with Stubber(boto3.client("lambda")) as functions, Stubber(boto3.client("s3")) as s3:
        yield Scripted(functions, s3)
        functions.assert_no_pending_responses()
        s3.assert_no_pending_responses()


def test_declared_functions_come_from_outputs_and_parameters() -> None:
    """A function whose condition is false is left out."""
    outputs = {"SitePublisherFunctionName": NAME, "SitePublisherFunctionArn": "arn"}
    parameters = {"SitePublisherCodeKey": KEY, "CodeBucket": "artifacts"}
    assert list(declared_in(outputs, parameters)) == [DECLARED]
    assert DECLARED.code == CODE
    assert DECLARED.code.code_sha256 == SHA256


def test_key_without_a_digest_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="contains no digest"):
        _ = DeclaredFunction("site_publisher", NAME, "artifacts", "mine.zip").code


@pytest.mark.parametrize(
    ("checkout", "runs", "outdated", "changed"),
    [
        (CONTENT, SHA256, False, False),
        (OTHER_CONTENT, SHA256, True, False),
        (CONTENT, OTHER, False, True),
        (OTHER_CONTENT, OTHER, True, True),
    ],
)
def test_outdated_and_changed_code_are_distinguished(
    scripted: Scripted, checkout: str, runs: str, outdated: bool, changed: bool
) -> None:
    scripted.runs(runs)
    functions: Any = scripted.functions.client
    found = compare(functions, DECLARED, checkout)
    assert (found.outdated, found.changed) == (outdated, changed)


def test_code_of_another_compressor_is_no_drift(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zip of the checkout has other bytes than the deployed one, and the same content."""
    (tmp_path / "handler.py").write_text("import json\n" * 99)
    deployed = build(tmp_path, [], tmp_path / "deployed.zip")
    compress_otherwise(monkeypatch)
    checkout = build(tmp_path, [], tmp_path / "checkout.zip")
    assert checkout.code_sha256 != deployed.code_sha256
    declared = DeclaredFunction("site_publisher", NAME, "artifacts", str(deployed.key))
    functions: Any = scripted.functions.client
    scripted.runs(deployed.code_sha256)
    found = compare(functions, declared, checkout.content)
    assert (found.outdated, found.changed) == (False, False)
    (tmp_path / "handler.py").write_text("import json\n" * 98)
    scripted.runs(checkout.code_sha256)
    found = compare(functions, declared, build(tmp_path, [], tmp_path / "other.zip").content)
    assert (found.outdated, found.changed) == (True, True)


def test_deleted_function_has_no_changed_code(scripted: Scripted) -> None:
    """CloudFormation's detection reports it."""
    scripted.functions.add_client_error("get_function", "ResourceNotFoundException")
    functions: Any = scripted.functions.client
    found = compare(functions, DECLARED, CONTENT)
    assert found == FunctionCode("site_publisher", CONTENT, CODE, None)
    assert not found.changed


def test_redeployment_installs_the_declared_code(scripted: Scripted) -> None:
    """The S3 version is the one whose digest was checked."""
    scripted.runs(OTHER)
    scripted.stored()
    scripted.updated()
    scripted.runs(SHA256, "InProgress")
    scripted.runs(SHA256)
    assert scripted.redeploy()


def test_second_redeployment_changes_nothing(scripted: Scripted) -> None:
    scripted.runs(SHA256)
    assert not scripted.redeploy()


@pytest.mark.parametrize("code", ["PreconditionFailedException", "ResourceConflictException"])
def test_concurrent_change_of_a_function_is_refused(scripted: Scripted, code: str) -> None:
    scripted.runs(OTHER)
    scripted.stored()
    scripted.functions.add_client_error("update_function_code", code)
    scripted.runs(base64.b64encode(b"1" * 32).decode())
    with pytest.raises(RefusedError, match="somebody else"):
        scripted.redeploy()


def test_refused_update_succeeds_if_the_code_is_installed(scripted: Scripted) -> None:
    """The answer to the first attempt was lost."""
    scripted.runs(OTHER)
    scripted.stored()
    scripted.functions.add_client_error("update_function_code", "PreconditionFailedException")
    scripted.runs(SHA256)
    assert scripted.redeploy()


def test_package_with_another_digest_is_not_installed(scripted: Scripted) -> None:
    """Write access to the bucket must not decide which code runs."""
    scripted.runs(OTHER)
    scripted.stored(b"something else")
    with pytest.raises(ConfigurationError, match="its digest is"):
        scripted.redeploy()


def test_missing_package_is_a_configuration_error(scripted: Scripted) -> None:
    scripted.runs(OTHER)
    scripted.s3.add_client_error("get_object", "NoSuchKey")
    with pytest.raises(ConfigurationError, match="does not exist"):
        scripted.redeploy()


def test_unusable_code_is_reported_with_lambdas_reason(scripted: Scripted) -> None:
    scripted.runs(OTHER)
    scripted.stored()
    scripted.updated()
    scripted.runs(SHA256, "Failed", LastUpdateStatusReason="no handler")
    with pytest.raises(RemoteCallError, match="no handler"):
        scripted.redeploy()


def test_wait_for_an_update_is_bounded(scripted: Scripted) -> None:
    for _ in range(5):
        scripted.runs(OTHER, "InProgress")
    with pytest.raises(TimedOutError):
        scripted.redeploy()
