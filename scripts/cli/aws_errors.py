"""What the AWS library raised, as an error for people: the place, what was found, a remedy.

Whatever keeps AWS from knowing who calls is configuration (exit code 3): no repetition mends it.
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
from phaseline.errors import ConfigurationError, PhaselineError, RemoteCallError

SETTINGS = "the AWS settings"
AGAIN = "Running it again is safe."
DEFECT = "This is a defect of the command: report it with what it printed."
LOGIN = "Log in again, as by aws sso login or aws login, with the AWS_PROFILE that is set."
SET = "Set AWS_PROFILE, or AWS_DEFAULT_REGION and credentials."
PROFILE = "Correct the profile in the AWS config file (~/.aws/config, or AWS_CONFIG_FILE)."
KEYS = "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither and AWS_PROFILE."
SOURCE = "Correct what the profile or the environment names as the source of the credentials."
REGION = "Set AWS_DEFAULT_REGION, or the profile's region, to a Region such as eu-central-1."
ENDPOINT = "Correct the endpoint, or unset it: AWS_ENDPOINT_URL, or endpoint_url of the profile."
NETWORK = f"Check the Region, and the network, proxy and certificates on the way to AWS. {AGAIN}"

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
    aws.RefreshWithMFAUnsupportedError: "Take credentials with the MFA token, and set those.",
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
"""What is wrong with a person's settings, with its remedy; a subclass is what its class is."""
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
"""Calls that came to no end, or to a bad one."""
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
"""Requests that the library could not make of what the command gave it."""
KINDS: Mapping[type[Exception], tuple[type[PhaselineError], str]] = {
    **{kind: (ConfigurationError, remedy) for kind, remedy in CONFIGURATION.items()},
    **{kind: (RemoteCallError, remedy) for kind, remedy in {**PASSING, **DEFECTS}.items()},
}
PYTHONS = (AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What the library lets through of Python's own errors: of a file or a program that is not there,
an answer of the program that is no JSON or lacks a part, an endpoint that is no address."""
HEADER = re.compile(r"invalid header value.*", re.IGNORECASE | re.DOTALL)
"""urllib3's words before a header that it quotes whole, the session token's too."""


def translated(error: BotoCoreError | ClientError) -> PhaselineError:
    """What the AWS library raised, as an error of the kind that decides the exit code."""
    if isinstance(error, ClientError):
        return _refused(error)
    said = " ".join(str(error).split()).rstrip(".: ")
    if HEADER.search(said):
        said = HEADER.sub("a credential holds a character that no header may", said)
        return ConfigurationError(SETTINGS, said, "Set the credentials without line breaks.")
    kind, remedy = kind_of(type(error)) or (RemoteCallError, AGAIN)
    return kind(SETTINGS if kind is ConfigurationError else "a call to AWS", said, remedy)


def kind_of(raised: type[Exception]) -> tuple[type[PhaselineError], str] | None:
    """The kind and the remedy of an exception's class: those of the nearest class that is known."""
    return next((KINDS[known] for known in raised.__mro__ if known in KINDS), None)


@contextmanager
def settings() -> Iterator[None]:
    """Raises ConfigurationError for what Python raises while the library reads the settings."""
    try:
        yield
    except BotoCoreError:
        raise
    except PYTHONS as error:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ConfigurationError(
            SETTINGS,
            " ".join(said.split()).rstrip("."),
            "Correct the environment variables (AWS_*), or the profile in the AWS config file.",
        ) from error


def _refused(error: ClientError) -> PhaselineError:
    """An answer of AWS that refuses a call."""
    where = f"AWS {error.operation_name}"
    found = f"{code_of(error)}: {message_of(error)}"
    match meaning(error):
        case Meaning.CREDENTIALS if is_clock(error):
            return ConfigurationError(where, found, "Set this machine's clock.")
        case Meaning.CREDENTIALS if code_of(error) in EXPIRED:
            return ConfigurationError(where, found, f"The session has ended. {LOGIN}")
        case Meaning.CREDENTIALS:
            return ConfigurationError(
                where, found, "Correct the credentials: their key, its account and the Region."
            )
        case Meaning.DENIED:
            return RemoteCallError(
                where, found, f"{AGAIN} It is denied until the caller's role permits it."
            )
        case Meaning.THROTTLED:
            return RemoteCallError(where, found, f"Wait a few minutes. {AGAIN}")
        case _:
            return RemoteCallError(where, found, AGAIN)
