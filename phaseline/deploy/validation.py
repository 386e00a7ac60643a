"""Translates the requests that CloudFormation rejects into errors of the configuration."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from phaseline.aws.refusals import code_of, message_of
from phaseline.errors import ConfigurationError, RefusedError


@contextmanager
def validation_errors(stack: str) -> Iterator[None]:
    """Raise ConfigurationError in place of CloudFormation's ValidationError.

    Raises RefusedError if the stack is in a state that permits no change, because of another
    operation that started meanwhile.
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        if re.search(r"is in \w+ state", message_of(error)):
            raise RefusedError(
                f"stack {stack}",
                f"another operation changes it at the same time: {message_of(error)}",
                "Run this again after that operation.",
            ) from error
        raise ConfigurationError(
            f"stack {stack}",
            f"CloudFormation refuses it: {message_of(error)}",
            "Correct the template or the parameters; the stack was not changed.",
        ) from error
