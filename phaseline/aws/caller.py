"""Whether AWS knows who calls it. Pure."""

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
"""What keeps a call from being made at all, because nothing tells who makes it."""


def concerns_caller(error: Exception) -> bool:
    """Whether AWS can't know who calls, so that no other call fares better."""
    if isinstance(error, ClientError):
        return meaning(error) is Meaning.CREDENTIALS
    return isinstance(error, WITHOUT_CREDENTIALS)
