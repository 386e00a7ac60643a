"""Translates errors of botocore into errors for people: place, problem and remedy.

Errors of the credentials and settings are errors of the configuration (exit code 3), because a
repetition does not help.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore import discovery
from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws.refusals import (
    EXPIRED,
    Meaning,
    code_of,
    is_clock,
    meaning,
    message_of,
)
from phaseline.aws.wording import wording
from phaseline.errors import ConfigurationError, PhaselineError, RemoteCallError

SETTINGS = "the AWS settings"
AGAIN = "Running it again is safe."
DEFECT = "This is a defect of the command. Report it with the command's output."
LOGIN = "Log in again, for example with aws sso login, with the same AWS_PROFILE."
SET = "Set AWS_PROFILE, or AWS_DEFAULT_REGION and credentials."
PROFILE = "Correct the profile in the AWS config file (~/.aws/config, or AWS_CONFIG_FILE)."
KEYS = "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or only AWS_PROFILE."
SOURCE = "Correct the source of the credentials in the profile or the environment."
REGION = "Set AWS_DEFAULT_REGION, or the profile's region, to a Region such as eu-central-1."
ENDPOINT = "Correct or unset the endpoint: AWS_ENDPOINT_URL, or endpoint_url in the profile."
NETWORK = f"Check the Region, the network, the proxy and the certificates. {AGAIN}"

CONFIGURATION: Mapping[type[Exception], str] = {
    aws.BaseEndpointResolverError: REGION,
    aws.ConfigNotFound: PROFILE,
    aws.ConfigParseError: PROFILE,
    aws.CredentialRetrievalError: SOURCE,
    aws.EndpointProviderError: REGION,
    aws.EndpointVariantError: PROFILE,
    aws.InvalidChecksumConfigError: PROFILE,
    aws.InvalidConfigError: PROFILE,
    aws.InvalidDefaultsMode: PROFILE,
    aws.InvalidEndpointConfigurationError: ENDPOINT,
    aws.InvalidEndpointDiscoveryConfigurationError: PROFILE,
    aws.InvalidHostLabelError: REGION,
    aws.InvalidIMDSEndpointError: SOURCE,
    aws.InvalidIMDSEndpointModeError: SOURCE,
    aws.InvalidProxiesConfigError: PROFILE,
    aws.InvalidRegionError: REGION,
    aws.InvalidRetryConfigurationError: PROFILE,
    aws.InvalidS3AddressingStyleError: PROFILE,
    aws.InvalidS3UsEast1RegionalEndpointConfigError: PROFILE,
    aws.InvalidSTSRegionalEndpointsConfigError: PROFILE,
    aws.LoginError: LOGIN,
    aws.MetadataRetrievalError: SOURCE,
    aws.MissingDependencyException: "Install it, or use a profile that does not need it.",
    aws.NoAuthTokenError: LOGIN,
    aws.NoCredentialsError: SET,
    aws.NoRegionError: SET,
    aws.PartialCredentialsError: KEYS,
    aws.ProfileNotFound: SET,
    aws.RefreshWithMFAUnsupportedError: "Get credentials with the MFA token, and set them.",
    aws.SSOError: LOGIN,
    aws.ServiceNotInRegionError: REGION,
    aws.TokenRetrievalError: LOGIN,
    aws.UnknownCredentialError: SOURCE,
    aws.UnknownRegionError: REGION,
    aws.UnknownServiceError: "Install the packages again: make setup.",
    aws.UnknownSignatureVersionError: PROFILE,
    aws.UnknownTokenProviderError: SOURCE,
    aws.UnsupportedS3ConfigurationError: PROFILE,
    aws.UnsupportedS3ControlConfigurationError: PROFILE,
    aws.UnsupportedSignatureVersionError: PROFILE,
}
"""Errors of a person's settings, each with its remedy. A subclass has the kind of its class."""
PASSING: Mapping[type[Exception], str] = {
    aws.CapacityNotAvailableError: AGAIN,
    aws.ChecksumError: AGAIN,
    aws.ConnectionError: NETWORK,
    aws.FlexibleChecksumError: AGAIN,
    discovery.EndpointDiscoveryException: AGAIN,
    aws.HTTPClientError: NETWORK,
    aws.IncompleteReadError: AGAIN,
    aws.PaginationError: AGAIN,
    aws.WaiterError: AGAIN,
}
"""Calls that did not complete or failed, which may succeed later."""
DEFECTS: Mapping[type[Exception], str] = dict.fromkeys(
    (
        aws.ApiVersionNotFoundError,
        aws.AwsChunkedWrapperError,
        aws.DataNotFoundError,
        aws.InvalidDNSNameError,
        aws.InvalidExpressionError,
        aws.MD5UnavailableError,
        aws.MissingParametersError,
        aws.OperationNotPageableError,
        aws.ParamValidationError,
        aws.StubResponseError,
        aws.UnknownClientMethodError,
        aws.UnknownServiceStyle,
        aws.UnseekableStreamError,
        aws.UnsupportedOutpostResourceError,
        aws.UnsupportedS3AccesspointConfigurationError,
        aws.UnsupportedS3ArnError,
        aws.UnsupportedS3ControlArnError,
        aws.UnsupportedServiceProtocolsError,
        aws.ValidationError,
        aws.WaiterConfigError,
    ),
    DEFECT,
)
"""Requests of a command that botocore refuses to make."""
KINDS: Mapping[type[Exception], tuple[type[PhaselineError], str]] = {
    **{kind: (ConfigurationError, remedy) for kind, remedy in CONFIGURATION.items()},
    **{kind: (RemoteCallError, remedy) for kind, remedy in {**PASSING, **DEFECTS}.items()},
}
PYTHONS = (AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""Errors of Python that botocore does not catch: for a missing file or program, output of a program
that is not JSON, and an endpoint that is not a URL."""
HEADER = re.compile(r"invalid header value.*", re.IGNORECASE | re.DOTALL)
"""The beginning of urllib3's message, before it quotes the whole header, such as a token."""


def translated(error: BotoCoreError | ClientError) -> PhaselineError:
    """Return an error of botocore as an error of Phaseline, whose kind decides the exit code."""
    if isinstance(error, ClientError):
        return _refused(error)
    message = " ".join(str(error).split()).rstrip(".: ")
    if HEADER.search(message):
        message = f"{wording(error)}: a credential has a character that no header may have"
        return ConfigurationError(SETTINGS, message, "Set the credentials without line breaks.")
    message = wording(error).rstrip(".: ")
    kind, remedy = kind_of(type(error)) or (RemoteCallError, AGAIN)
    return kind(SETTINGS if kind is ConfigurationError else "a call to AWS", message, remedy)


def kind_of(raised: type[Exception]) -> tuple[type[PhaselineError], str] | None:
    """Return the kind and the remedy of an exception's class or its nearest known base class."""
    return next((KINDS[known] for known in raised.__mro__ if known in KINDS), None)


@contextmanager
def settings() -> Iterator[None]:
    """Raise ConfigurationError in place of Python's errors while botocore reads the settings."""
    try:
        yield
    except BotoCoreError:
        raise
    except PYTHONS as error:
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ConfigurationError(
            SETTINGS,
            " ".join(message.split()).rstrip("."),
            "Correct the environment variables (AWS_*), or the profile in the AWS config file.",
        ) from error


def _refused(error: ClientError) -> PhaselineError:
    """Return the error for a call that AWS refuses."""
    where = f"AWS {error.operation_name}"
    found = f"{code_of(error)}: {message_of(error)}"
    match meaning(error):
        case Meaning.CREDENTIALS if is_clock(error):
            return ConfigurationError(where, found, "Set this machine's clock.")
        case Meaning.CREDENTIALS if code_of(error) in EXPIRED:
            return ConfigurationError(where, found, f"The session has ended. {LOGIN}")
        case Meaning.CREDENTIALS:
            return ConfigurationError(
                where, found, "Correct the credentials: the key, its account and the Region."
            )
        case Meaning.DENIED:
            return RemoteCallError(
                where, found, f"{AGAIN} First, add the permission to the role of the caller."
            )
        case Meaning.THROTTLED:
            return RemoteCallError(where, found, f"Wait a few minutes. {AGAIN}")
        case _:
            return RemoteCallError(where, found, AGAIN)
