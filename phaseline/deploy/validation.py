"""Translates the requests that CloudFormation rejects into errors of the configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from phaseline.errors import ConfigurationError


@contextmanager
def validation_errors(stack: str) -> Iterator[None]:
    """Raise ConfigurationError in place of CloudFormation's ValidationError."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise ConfigurationError(
            f"stack {stack}",
            f"CloudFormation refuses it: {error.response['Error']['Message'].rstrip('.')}",
            "Correct the template or the parameters; the stack was not changed.",
        ) from error
