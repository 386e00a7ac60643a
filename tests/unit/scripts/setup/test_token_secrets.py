"""Secrets are adopted or created once, and no token is shown."""

import io
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.errors import ConfigurationError, InputError
from scripts.setup import token_secrets
from tests.builders.calls import Calls


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("secretsmanager")


def never() -> str:
    raise AssertionError("the token was asked for")


def test_secret_is_created_once_and_its_value_is_kept(client: Any) -> None:
    arn, created = token_secrets.ensure(client, "phaseline/a/slack", lambda: "xoxb-1")
    assert created
    assert token_secrets.ensure(client, "phaseline/a/slack", never) == (arn, False)
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "xoxb-1"


def test_secret_whose_creation_was_not_answered_is_adopted(client: Any) -> None:
    def lost(params: dict[str, Any]) -> str:
        boto3.client("secretsmanager").create_secret(Name=params["Name"], SecretString="first")
        return "ResourceExistsException"

    Calls(client, CreateSecret=lost)
    arn, created = token_secrets.ensure(client, "phaseline/a/slack", lambda: "second")
    assert created
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "first"


def test_secret_that_is_being_deleted_is_refused(client: Any) -> None:
    client.create_secret(Name="s", SecretString="x")
    client.delete_secret(SecretId="s")
    with pytest.raises(ConfigurationError, match="scheduled for deletion"):
        token_secrets.ensure(client, "s", never)


def test_token_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASELINE_SLACK_TOKEN", "xoxb-1")
    assert token_secrets.token_of("PHASELINE_SLACK_TOKEN", "token") == "xoxb-1"


@pytest.mark.parametrize("value", ["", "xoxb 1", "xoxb-1\n", '"xoxb-1" '])
def test_missing_or_malformed_token_is_an_error_that_does_not_quote_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PHASELINE_SLACK_TOKEN", value)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(InputError) as raised:
        token_secrets.token_of("PHASELINE_SLACK_TOKEN", "token of the Slack bot")
    assert "xoxb" not in str(raised.value)
