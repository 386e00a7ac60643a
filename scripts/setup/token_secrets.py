"""The secrets with the tokens: adopted if they exist, else created from what a person types."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click
from botocore.exceptions import ClientError

from phaseline.aws.refusals import code_of
from phaseline.errors import ConfigurationError, InputError
from phaseline.text import is_token


def find(client: Any, name: str) -> str | None:
    """Return the ARN of a secret, or None. Raises ConfigurationError if it is being deleted."""
    try:
        found = client.describe_secret(SecretId=name)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise
    if "DeletedDate" in found:
        raise ConfigurationError(
            f"secret {name}", "it is scheduled for deletion", "Restore it, and run this again."
        )
    return str(found["ARN"])


def ensure(client: Any, name: str, token: Callable[[], str]) -> tuple[str, bool]:
    """Return the ARN of a secret, and whether it was created. `token` is asked only if needed.

    The value of a secret that exists is neither read nor changed.
    """
    if arn := find(client, name):
        return arn, False
    try:
        return str(client.create_secret(Name=name, SecretString=token())["ARN"]), True
    except ClientError as error:
        # The answer to an earlier attempt was lost, or somebody else was faster.
        if code_of(error) == "ResourceExistsException" and (arn := find(client, name)):
            return arn, True
        raise


def token_of(variable: str, purpose: str) -> str:
    """Return a token from an environment variable, or from a hidden prompt on a terminal.

    So it is in no argument, file or history of a shell. Raises InputError, which does not quote it.
    """
    value = os.environ.get(variable, "")
    if not value and sys.stdin.isatty():
        value = click.prompt(purpose, hide_input=True, err=True)
    if not value:
        raise InputError(purpose, f"{variable} is not set", "Set it, or run this on a terminal.")
    if not is_token(value):
        raise InputError(
            purpose, "expected plain text on one line", "Give the token without quotes or spaces."
        )
    return str(value)
