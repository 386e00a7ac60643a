"""Recognises errors of the caller's credentials."""

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
)

from phaseline.aws.refusals import Meaning, meaning

WITHOUT_CREDENTIALS = (
    CredentialRetrievalError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
)
"""Errors that prevent any call, because there are no credentials to sign it with."""


def concerns_caller(error: Exception) -> bool:
    """Return whether the credentials are missing or refused, so that any other call fails too."""
    if isinstance(error, ClientError):
        return meaning(error) is Meaning.CREDENTIALS
    return isinstance(error, WITHOUT_CREDENTIALS)
