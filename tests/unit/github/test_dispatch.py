"""repository_dispatch events that are sent over real HTTP."""

import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from pytest_httpserver import HTTPServer
from werkzeug import Response

from local.waiting import PATIENCE
from phaseline.aws.secret import Secret
from phaseline.errors import ConfigurationError, InputError, RemoteCallError
from phaseline.github.dispatch import DispatchError, check_limits, send
from tests.builders.calls import Calls

PATH = "/repos/acme/releases/dispatches"


@pytest.fixture
def token() -> Iterator[Secret]:
    with mock_aws():
        client = boto3.client("secretsmanager")
        arn = client.create_secret(Name="github", SecretString="first-token\n")["ARN"]
        yield Secret(arn, secretsmanager=client, ssm=boto3.client("ssm"))


def dispatch(server: HTTPServer, token: Secret, **payload: Any) -> None:
    """Send one dispatch to `server`."""
    send(
        api_url=server.url_for("/"),
        repository="acme/releases",
        event_type="version-tested",
        payload=payload,
        token=token,
        timeout=PATIENCE,
    )


def test_event_payload_and_token_are_sent_and_204_is_success(
    httpserver: HTTPServer, token: Secret
) -> None:
    httpserver.expect_oneshot_request(
        PATH,
        "POST",
        json={"event_type": "version-tested", "client_payload": {"type": "opt"}},
        headers={"Authorization": "Bearer first-token"},
    ).respond_with_response(Response(status=204))
    dispatch(httpserver, token, type="opt")
    httpserver.check()


@pytest.mark.parametrize("status", [200, 301, 403, 404, 422, 500, 502])
def test_other_status_is_an_error_after_one_request(
    httpserver: HTTPServer, token: Secret, status: int
) -> None:
    """The error names the repository, the event and the status."""
    httpserver.expect_request(PATH).respond_with_response(Response(status=status))
    with pytest.raises(DispatchError) as caught:
        dispatch(httpserver, token)
    assert str(status) in str(caught.value)
    assert "acme/releases" in str(caught.value)
    assert "version-tested" in str(caught.value)
    assert "first-token" not in str(caught.value)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (403, {"Retry-After": "60"}, "You have exceeded a secondary rate limit"),
        (429, {"Retry-After": "60"}, "You have exceeded a secondary rate limit"),
        (403, {"x-ratelimit-remaining": "0"}, "API rate limit exceeded for user ID 1"),
        (403, {}, "You have exceeded a secondary rate limit and have been temporarily blocked"),
    ],
)
def test_rate_limit_is_no_missing_permission(
    httpserver: HTTPServer, token: Secret, status: int, headers: dict[str, str], message: str
) -> None:
    """The outbox keeps the dispatch, and sends it again later."""
    httpserver.expect_request(PATH).respond_with_json({"message": message}, status, headers)
    with pytest.raises(DispatchError, match="a rate limit, for 60 seconds") as caught:
        dispatch(httpserver, token)
    assert "outbox" in caught.value.remedy
    assert "contents:write" not in str(caught.value)
    assert message in caught.value.found
    assert len(httpserver.log) == 1


def test_missing_permission_is_no_rate_limit(httpserver: HTTPServer, token: Secret) -> None:
    body = {"message": "Resource not accessible by personal access token"}
    headers = {"x-ratelimit-remaining": "4999", "x-accepted-github-permissions": "contents=write"}
    httpserver.expect_request(PATH).respond_with_json(body, 403, headers)
    with pytest.raises(DispatchError, match=r"it needs contents=write.*Give the token contents"):
        dispatch(httpserver, token)


def test_late_response_is_an_error_and_nothing_is_sent_again(token: Secret) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(DispatchError, match="TimeoutError"):
            send(
                api_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
                repository="acme/releases",
                event_type="version-tested",
                payload={},
                token=token,
                timeout=0.2,
            )
        silent.accept()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_refused_token_is_fetched_again_once(httpserver: HTTPServer, token: Secret) -> None:
    assert token.value() == "first-token"
    token.secretsmanager.put_secret_value(SecretId=token.arn, SecretString="second-token")
    httpserver.expect_request(
        PATH, headers={"Authorization": "Bearer second-token"}
    ).respond_with_response(Response(status=204))
    httpserver.expect_request(PATH).respond_with_response(Response(status=401))
    dispatch(httpserver, token)
    assert [response.status_code for _, response in httpserver.log] == [401, 204]


def test_token_that_is_refused_twice_is_an_error(httpserver: HTTPServer, token: Secret) -> None:
    httpserver.expect_request(PATH).respond_with_response(Response(status=401))
    with pytest.raises(DispatchError, match="contents:write"):
        dispatch(httpserver, token)
    assert len(httpserver.log) == 2


@pytest.mark.parametrize(
    ("event_type", "payload", "field"),
    [
        ("e" * 101, {}, "event_type"),
        ("e", {str(n): n for n in range(11)}, "top-level keys"),
        ("e", {"a": "x" * 65_530}, "in characters"),
    ],
)
def test_event_beyond_a_limit_is_refused_by_field(
    event_type: str, payload: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputError, match=field):
        check_limits(event_type, payload)


def test_event_at_the_limits_is_accepted() -> None:
    check_limits("e" * 100, {str(n): "" for n in range(9)} | {"a": "x" * 65_000})


@pytest.mark.parametrize("text", ["", "two words", '{"token": "x"}', "line\nbreak"])
def test_malformed_secret_is_an_error_that_does_not_quote_it(token: Secret, text: str) -> None:
    if text:
        token.secretsmanager.put_secret_value(SecretId=token.arn, SecretString=text)
    else:
        token.secretsmanager.delete_secret(SecretId=token.arn, ForceDeleteWithoutRecovery=True)
    with pytest.raises(ConfigurationError) as caught:
        token.value()
    assert token.arn in str(caught.value)
    assert not text or text not in str(caught.value)


def test_binary_secret_is_an_error(token: Secret) -> None:
    token.secretsmanager.put_secret_value(SecretId=token.arn, SecretBinary=b"x")
    with pytest.raises(ConfigurationError, match="a token as plain text"):
        token.value()


def test_unreachable_secrets_manager_is_a_remote_call_error(token: Secret) -> None:
    """So the dispatch stays in the outbox."""
    Calls(token.secretsmanager, GetSecretValue=lambda _: EndpointConnectionError(endpoint_url="x"))
    with pytest.raises(RemoteCallError, match="EndpointConnectionError"):
        token.value()


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceError"])
def test_throttled_secret_is_no_missing_secret(token: Secret, code: str) -> None:
    """It is asked for again at the next use, and nobody is told to create it."""
    Calls(token.secretsmanager, GetSecretValue=lambda _: code)
    with pytest.raises(RemoteCallError, match=f"{code}.*asked again at the next use"):
        token.value()


def test_secret_that_may_not_be_read_is_configuration(token: Secret) -> None:
    Calls(token.secretsmanager, GetSecretValue=lambda _: "AccessDeniedException")
    with pytest.raises(ConfigurationError, match="AccessDeniedException"):
        token.value()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_an_error_and_the_token_is_not_sent_on(
    httpserver: HTTPServer, token: Secret, status: int
) -> None:
    elsewhere = Response(status=status, headers={"Location": httpserver.url_for("/elsewhere")})
    httpserver.expect_request(PATH).respond_with_response(elsewhere)
    with pytest.raises(DispatchError, match=f"found {status}.*renamed or moved"):
        dispatch(httpserver, token)
    assert [request.path for request, _ in httpserver.log] == [PATH]


def test_token_can_be_an_ssm_parameter() -> None:
    with mock_aws():
        ssm = boto3.client("ssm")
        ssm.put_parameter(Name="/phaseline/github", Value="abc", Type="SecureString")
        arn = "arn:aws:ssm:us-east-1:123456789012:parameter/phaseline/github"
        assert Secret(arn, secretsmanager=boto3.client("secretsmanager"), ssm=ssm).value() == "abc"


def test_arn_of_another_service_is_refused() -> None:
    with mock_aws(), pytest.raises(ConfigurationError, match="arn:aws:s3"):
        Secret(
            "arn:aws:s3:::bucket",
            secretsmanager=boto3.client("secretsmanager"),
            ssm=boto3.client("ssm"),
        ).value()
