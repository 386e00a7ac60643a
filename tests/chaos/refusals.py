"""Pure: how each service refuses a request for the moment, in the form of its protocol.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.slack.dev/apis/web-api/rate-limits
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Refusal:
    """A service's error code, its HTTP status, and headers that the answer has."""

    code: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


THROTTLED = Refusal("ThrottlingException", 400)
CONFLICT = Refusal("ConditionalRequestConflict", 409)
"""What S3 answers to a conditional write while another write of the object is under way."""
REFUSALS = {
    "s3": (
        Refusal("SlowDown", 503),
        Refusal("InternalError", 500),
        Refusal("ServiceUnavailable", 503),
    ),
    "dynamodb": (
        Refusal("ProvisionedThroughputExceededException", 400),
        Refusal("ThrottlingException", 400),
        Refusal("InternalServerError", 500),
    ),
    "codepipeline": (THROTTLED, Refusal("InternalFailure", 500)),
    "secretsmanager": (THROTTLED, Refusal("InternalServiceError", 500)),
    "ssm": (THROTTLED, Refusal("InternalServerError", 500)),
    "cloudfront": (Refusal("Throttling", 400), Refusal("ServiceUnavailable", 503)),
    "cloudformation": (Refusal("Throttling", 400),),
    "sts": (Refusal("Throttling", 400),),
    "github": (
        Refusal("secondary rate limit", 429, {"Retry-After": "1"}),
        Refusal("secondary rate limit", 403, {"Retry-After": "1"}),
        Refusal("Server Error", 500),
        Refusal("Bad Gateway", 502),
    ),
    "slack": (
        Refusal("ratelimited", 429, {"Retry-After": "1"}),
        Refusal("fatal_error", 500),
        Refusal("service_unavailable", 503),
    ),
}
MESSAGE = "made up by the proxy"
XML = "application/xml"


def body(service: str, refusal: Refusal) -> tuple[str, str]:
    """Return the body of a refusal and its content type.

    >>> body("dynamodb", THROTTLED)[0]
    '{"__type": "ThrottlingException", "message": "made up by the proxy"}'
    """
    error = f"<Error><Code>{refusal.code}</Code><Message>{MESSAGE}</Message></Error>"
    match service:
        case "s3":
            return error, XML
        case "cloudfront" | "cloudformation" | "sts":
            return f"<ErrorResponse>{error}</ErrorResponse>", XML
        case "github":
            return json.dumps({"message": refusal.code}), "application/json"
        case "slack":
            return json.dumps({"ok": False, "error": refusal.code}), "application/json"
    content = {"__type": refusal.code, "message": MESSAGE}
    return json.dumps(content), "application/x-amz-json-1.1"
