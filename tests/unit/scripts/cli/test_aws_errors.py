"""Errors of botocore, as the command line reports them."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    ParamValidationError,
    UnauthorizedSSOTokenError,
)
from pytest_httpserver import HTTPServer

from local.system import ROOT
from scripts.__main__ import main
from scripts.cli import aws, failures
from scripts.cli.aws_errors import translated
from tests.builders.refusals import refusal

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a-secret-key"}
NOBODY = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
REGION = {"AWS_DEFAULT_REGION": "us-east-1"}
EXPIRED_SSO = "https://expired.awsapps.com/start"
PROFILES = f"""
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Release
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
[profile expired-sso]
sso_start_url = {EXPIRED_SSO}
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Release
[profile no-source]
role_arn = arn:aws:iam::123456789012:role/release
source_profile = gone
[profile half]
aws_access_key_id = AKIAEXAMPLE
[profile circle]
role_arn = arn:aws:iam::123456789012:role/release
source_profile = other
[profile other]
role_arn = arn:aws:iam::123456789012:role/release
source_profile = circle
[profile no-program]
credential_process = /nowhere/program
[profile no-json]
credential_process = echo hello
[profile no-object]
credential_process = echo []
[profile failing-program]
credential_process = false
[profile no-token-file]
role_arn = arn:aws:iam::123456789012:role/release
web_identity_token_file = /nowhere/token
[profile no-such-source]
role_arn = arn:aws:iam::123456789012:role/release
credential_source = Nonsense
[profile bad-endpoint]
endpoint_url = localhost:4566
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = a-secret-key
"""


class Ran(NamedTuple):
    """The exit code of a command, and the last line that it printed."""

    code: int
    said: str


Run = Callable[..., Ran]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as the command line does, with no settings but these."""

    def run_command(variables: Mapping[str, str], command: str = "status") -> Ran:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        settings = {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", **variables}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["scripts", command, "--environment", "demo"])
        aws.session.cache_clear()
        try:
            with pytest.raises(SystemExit) as ended:
                failures.run(main)
        finally:
            aws.session.cache_clear()
        output = capsys.readouterr()
        assert "a-secret-key" not in output.out + output.err
        return Ran(int(str(ended.value.code)), output.err.strip().splitlines()[-1])

    return run_command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A person's home with profiles, and an SSO session that has ended."""
    (tmp_path / ".aws/sso/cache").mkdir(parents=True)
    (tmp_path / ".aws/config").write_text(PROFILES)
    name = hashlib.sha1(EXPIRED_SSO.encode(), usedforsecurity=False).hexdigest()
    token = {"accessToken": "t", "expiresAt": "2026-01-01T00:00:00Z", "startUrl": EXPIRED_SSO}
    (tmp_path / f".aws/sso/cache/{name}.json").write_text(json.dumps(token))
    return tmp_path


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_PROFILE": "sso"}, "Token for corp does not exist. Log in again"),
        ({"AWS_PROFILE": "no-source"}, '"gone" referenced in the profile "no-source"'),
        ({"AWS_PROFILE": "half"}, "missing: aws_secret_access_key. Set both"),
        ({"AWS_PROFILE": "circle"}, "Infinite loop in credential configuration"),
        ({"AWS_PROFILE": "no-program"}, "'/nowhere/program'. Correct the environment"),
        ({"AWS_PROFILE": "no-json"}, "JSONDecodeError: Expecting value"),
        ({"AWS_PROFILE": "no-object"}, "AttributeError"),
        ({"AWS_PROFILE": "failing-program"}, "custom-process. Correct the source"),
        ({"AWS_PROFILE": "no-token-file"}, "'/nowhere/token'. Correct the environment"),
        ({"AWS_PROFILE": "no-such-source"}, 'credential source "Nonsense"'),
        (
            KEYS | {"AWS_DEFAULT_REGION": "us east 1"},
            "'us east 1' doesn't match",
        ),
        ({"AWS_PROFILE": "bad-endpoint"}, "Invalid endpoint: localhost:4566. Correct"),
        ({"AWS_PROFILE": "gone"}, "The config profile (gone) could not be found"),
        ({"AWS_CONFIG_FILE": str(ROOT / "README.md")}, "Unable to parse config file"),
        ({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}, "missing: AWS_SECRET_ACCESS_KEY"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com"}, "Unsupported host"),
        ({}, "Unable to locate credentials. Set AWS_PROFILE"),
        (KEYS | {"AWS_DEFAULT_REGION": ""}, "You must specify a region. Set AWS_PROFILE"),
        (
            KEYS | NOBODY | {"AWS_SESSION_TOKEN": "canary\nx"},
            "Set the credentials without line breaks",
        ),
        (KEYS | {"AWS_ENDPOINT_URL": "foo"}, "Invalid endpoint: foo. Correct the environment"),
    ],
    ids=lambda value: "-".join(value.values())[-40:] if isinstance(value, dict) else "",
)
def test_wrong_settings_are_configuration(run: Run, variables: dict[str, str], said: str) -> None:
    """Exit code 3 and one line, with what is wrong and what to do, before any call to AWS."""
    ran = run(REGION | variables)
    assert ran.code == 3, ran.said
    assert ran.said.startswith("error: the AWS settings: ")
    assert said in ran.said
    assert "canary" not in ran.said


def test_ended_sso_session_is_configuration(home: Path) -> None:
    """In a process of its own, because botocore finds its cache of tokens when it is imported."""
    variables = REGION | {"AWS_PROFILE": "expired-sso", "HOME": str(home)}
    ended = subprocess.run(
        [sys.executable, "-m", "scripts", "status", "--environment", "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 3
    assert "expired or is otherwise invalid" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_drift_check_without_credentials_is_configuration(run: Run) -> None:
    """It is not a report in which each check failed."""
    ran = run(REGION | {"AWS_PROFILE": "half"}, "drift")
    assert ran.code == 3
    assert "missing: aws_secret_access_key" in ran.said


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        ("ExpiredToken", "The security token included in the request is expired", "Log in again"),
        ("InvalidClientTokenId", "The security token is invalid", "Correct the credentials"),
        ("UnrecognizedClientException", "The token is invalid", "Correct the credentials"),
        ("SignatureDoesNotMatch", "Check your AWS Secret Access Key", "Correct the credentials"),
        ("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", "clock"),
        ("RequestExpired", "Request has expired", "clock"),
    ],
)
def test_refused_credentials_are_configuration(
    httpserver: HTTPServer, run: Run, code: str, message: str, remedy: str
) -> None:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    httpserver.expect_request("/").respond_with_data(f"{body}</ErrorResponse>", status=403)
    ran = run(KEYS | REGION | {"AWS_ENDPOINT_URL": httpserver.url_for("/")})
    assert ran.code == 3, ran.said
    assert f"{code}: {message}" in ran.said
    assert remedy in ran.said


@pytest.mark.parametrize(
    ("error", "code", "remedy"),
    [
        (UnauthorizedSSOTokenError(), 3, "Log in again"),
        (InvalidRegionError(region_name="x y"), 3, "Set AWS_DEFAULT_REGION"),
        (EndpointConnectionError(endpoint_url="https://example.com"), 1, "Check the Region"),
        (HTTPClientError(error="reset"), 1, "Check the Region"),
        (ParamValidationError(report="Bucket"), 1, "a defect of the command"),
    ],
)
def test_error_of_the_library_has_the_exit_code_of_its_kind(
    error: BotoCoreError, code: int, remedy: str
) -> None:
    assert translated(error).exit_code == code
    assert remedy in translated(error).remedy


@pytest.mark.parametrize(
    ("refused", "status", "code", "remedy"),
    [
        ("ThrottlingException", 400, 1, "Wait a few minutes"),
        ("SlowDown", 503, 1, "Wait a few minutes"),
        ("AccessDenied", 403, 1, "add the permission to the role"),
        ("InternalFailure", 500, 1, "Running it again is safe"),
        ("ExpiredTokenException", 400, 3, "The session has ended"),
    ],
)
def test_refusal_of_aws_has_the_exit_code_of_its_meaning(
    refused: str, status: int, code: int, remedy: str
) -> None:
    found = translated(refusal(refused, status=status))
    assert found.exit_code == code
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("error", "code", "found"),
    [
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no."}}, "PutObject"),
            1,
            "AWS PutObject: AccessDenied: no. Running",
        ),
        (
            NoCredentialsError(),
            3,
            "the AWS settings: Unable to locate credentials. Set AWS_PROFILE",
        ),
    ],
)
def test_aws_error_has_place_problem_and_remedy(
    error: BotoCoreError | ClientError, code: int, found: str
) -> None:
    """With the exit code of its kind."""
    problem = translated(error)
    assert problem.exit_code == code
    assert found in str(problem)
