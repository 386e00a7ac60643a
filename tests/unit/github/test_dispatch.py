"""repository_dispatch over real HTTP."""

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


def test_accepted(httpserver: HTTPServer, token: Secret) -> None:
    """204 is success; event, payload and token are where GitHub expects them."""
    httpserver.expect_oneshot_request(
        PATH,
        "POST",
        json={"event_type": "version-tested", "client_payload": {"type": "opt"}},
        headers={"Authorization": "Bearer first-token"},
    ).respond_with_response(Response(status=204))
    dispatch(httpserver, token, type="opt")
    httpserver.check()


@pytest.mark.parametrize("status", [200, 301, 403, 404, 422, 500, 502])
def test_refused(httpserver: HTTPServer, token: Secret, status: int) -> None:
    """Any other status is an error with repository, event and status, after one request."""
    httpserver.expect_request(PATH).respond_with_response(Response(status=status))
    with pytest.raises(DispatchError) as caught:
        dispatch(httpserver, token)
    assert str(status) in str(caught.value)
    assert "acme/releases" in str(caught.value)
    assert "version-tested" in str(caught.value)
    assert "first-token" not in str(caught.value)
    assert len(httpserver.log) == 1


def test_no_answer(token: Secret) -> None:
    """An answer that does not come in time is an error, and nothing is sent again."""
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


def test_rotated_token(httpserver: HTTPServer, token: Secret) -> None:
    """A refused token is fetched anew, once."""
    assert token.value() == "first-token"
    token.secretsmanager.put_secret_value(SecretId=token.arn, SecretString="second-token")
    httpserver.expect_request(
        PATH, headers={"Authorization": "Bearer second-token"}
    ).respond_with_response(Response(status=204))
    httpserver.expect_request(PATH).respond_with_response(Response(status=401))
    dispatch(httpserver, token)
    assert [response.status_code for _, response in httpserver.log] == [401, 204]


def test_refused_twice(httpserver: HTTPServer, token: Secret) -> None:
    """A token that is refused after it was fetched anew is an error."""
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
def test_limits(event_type: str, payload: dict[str, Any], field: str) -> None:
    """What exceeds a limit of GitHub's is refused before the call, the field named."""
    with pytest.raises(InputError, match=field):
        check_limits(event_type, payload)


def test_at_the_limits() -> None:
    """What just fits is let through."""
    check_limits("e" * 100, {str(n): "" for n in range(9)} | {"a": "x" * 65_000})


@pytest.mark.parametrize("text", ["", "two words", '{"token": "x"}', "line\nbreak"])
def test_malformed_secret(token: Secret, text: str) -> None:
    """A secret that is no bare token is an error that does not quote it."""
    if text:
        token.secretsmanager.put_secret_value(SecretId=token.arn, SecretString=text)
    else:
        token.secretsmanager.delete_secret(SecretId=token.arn, ForceDeleteWithoutRecovery=True)
    with pytest.raises(ConfigurationError) as caught:
        token.value()
    assert token.arn in str(caught.value)
    assert not text or text not in str(caught.value)


def test_a_binary_secret(token: Secret) -> None:
    """A secret without text is an error like any other that is no bare token."""
    token.secretsmanager.put_secret_value(SecretId=token.arn, SecretBinary=b"x")
    with pytest.raises(ConfigurationError, match="a token as plain text"):
        token.value()


def test_no_answer_about_the_secret(token: Secret) -> None:
    """A silent Secrets Manager is an error of ours, so that the dispatch stays in the outbox."""
    Calls(token.secretsmanager, GetSecretValue=lambda _: EndpointConnectionError(endpoint_url="x"))
    with pytest.raises(RemoteCallError, match="EndpointConnectionError"):
        token.value()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(httpserver: HTTPServer, token: Secret, status: int) -> None:
    """The token stays with the address that was configured, and the error says what to correct."""
    elsewhere = Response(status=status, headers={"Location": httpserver.url_for("/elsewhere")})
    httpserver.expect_request(PATH).respond_with_response(elsewhere)
    with pytest.raises(DispatchError, match=f"found {status}.*renamed or moved"):
        dispatch(httpserver, token)
    assert [request.path for request, _ in httpserver.log] == [PATH]


def test_parameter_store() -> None:
    """The token may be an SSM parameter."""
    with mock_aws():
        ssm = boto3.client("ssm")
        ssm.put_parameter(Name="/phaseline/github", Value="abc", Type="SecureString")
        arn = "arn:aws:ssm:us-east-1:123456789012:parameter/phaseline/github"
        assert Secret(arn, secretsmanager=boto3.client("secretsmanager"), ssm=ssm).value() == "abc"


def test_neither_service() -> None:
    """Another kind of ARN is refused by name."""
    with mock_aws(), pytest.raises(ConfigurationError, match="arn:aws:s3"):
        Secret(
            "arn:aws:s3:::bucket",
            secretsmanager=boto3.client("secretsmanager"),
            ssm=boto3.client("ssm"),
        ).value()
