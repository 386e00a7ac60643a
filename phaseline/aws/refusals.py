"""What a refused call to AWS means. Pure.

AWS has no code that all of its services share: each names throttling, a missing permission and
unusable credentials in its own words, some with one HTTP status for all three. Whoever treats one
of these apart asks here, so that no code of a family is forgotten in one place.
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import re
from enum import Enum

from botocore.exceptions import ClientError


class Meaning(Enum):
    """What a refused call means for its caller."""

    THROTTLED = "the same call succeeds later"
    UNAVAILABLE = "the service failed, and the same call may succeed"
    CREDENTIALS = "AWS does not accept who calls, whatever is called"
    DENIED = "AWS knows who calls, and does not permit it"
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
"""LimitExceededException is none of them: most services mean a quota by it, which no wait lifts."""
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
"""403 is the code of an answer without a body, such as HeadObject's."""


def code_of(error: ClientError) -> str:
    """The error's code; "Unknown" where the answer has none."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def message_of(error: ClientError) -> str:
    """The error's message without its full stop; it may be empty."""
    return str(error.response.get("Error", {}).get("Message", "")).rstrip(".")


def meaning(error: ClientError) -> Meaning:
    """What the refusal means, by its code, and by its HTTP status where the code says nothing."""
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
    """Whether the same call may succeed later, with nothing changed."""
    return meaning(error) in {Meaning.THROTTLED, Meaning.UNAVAILABLE}


def is_clock(error: ClientError) -> bool:
    """Whether the caller's clock is wrong: a signature tells the time at which it was made, and
    some services call one of another time merely wrong."""
    return code_of(error) in CLOCK or bool(
        re.search(r"signature (expired|not yet current)", message_of(error), re.IGNORECASE)
    )
