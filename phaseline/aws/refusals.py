"""Classifies the errors with which AWS refuses calls.

AWS services share no error codes: each has its own for throttling, missing permissions and invalid
credentials, and some use one HTTP status for all three. This module has all codes of each class.
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import re
from enum import Enum

from botocore.exceptions import ClientError


class Meaning(Enum):
    """The meaning of a refused call for its caller."""

    THROTTLED = "the same call succeeds later"
    UNAVAILABLE = "the service failed, and the same call may succeed"
    CREDENTIALS = "AWS does not accept the credentials, whatever is called"
    DENIED = "the caller has no permission"
    OTHER = "the call itself is refused"


THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""LimitExceededException is not one of them: for most services it means a quota, and waiting does
not help."""
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"}
)
CLOCK = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
KEYS = frozenset(
    {
        "AccountProblem",
        "AuthFailure",
        "AuthorizationHeaderMalformed",
        "IDPRejectedClaim",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSecurity",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "MissingSecurityHeader",
        "NotSignedUp",
        "OptInRequired",
        "RegionDisabledException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
CREDENTIALS = EXPIRED | CLOCK | KEYS
UNAVAILABLE = frozenset(
    {
        "IDPCommunicationError",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InternalServiceError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
DENIED = re.compile(r"\w*AccessDenied(Exception)?|UnauthorizedOperation|NotAuthorized|403")
"""403 is the code of an answer without a body, such as that of HeadObject."""

SIGNED = "The Canonical String"
"""With these words, an answer about a wrong signature begins to quote the signed request, with the
session token. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""


def code_of(error: ClientError) -> str:
    """Return the error code, or "Unknown" if the answer has none."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def message_of(error: ClientError) -> str:
    """Return the error message without its full stop and the signed request. It may be empty."""
    message = str(error.response.get("Error", {}).get("Message", ""))
    return message.partition(SIGNED)[0].rstrip(". \n")


def meaning(error: ClientError) -> Meaning:
    """Return the meaning of an error, by its code, or by its HTTP status if the code is unknown."""
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLED or status == 429:
        return Meaning.THROTTLED
    if code in CREDENTIALS:
        return Meaning.CREDENTIALS
    if DENIED.fullmatch(code):
        return Meaning.DENIED
    if code in UNAVAILABLE or status >= 500:
        return Meaning.UNAVAILABLE
    return Meaning.OTHER


def may_pass(error: ClientError) -> bool:
    """Return whether the same call may succeed later."""
    return meaning(error) in {Meaning.THROTTLED, Meaning.UNAVAILABLE}


def is_clock(error: ClientError) -> bool:
    """Return whether the caller's clock is wrong. A signature contains its time, and some services
    report a wrong time only as a wrong signature."""
    return code_of(error) in CLOCK or bool(
        re.search(r"signature (expired|not yet current)", message_of(error), re.IGNORECASE)
    )
