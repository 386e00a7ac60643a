"""What a refused call to AWS means."""

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    SSOTokenLoadError,
)
from botocore.retries import standard

from phaseline.aws.caller import concerns_caller
from phaseline.aws.refusals import (
    THROTTLED,
    Meaning,
    code_of,
    is_clock,
    may_pass,
    meaning,
)
from phaseline.aws.throttling import wait_out
from tests.builders.refusals import refusal

QUOTAS = {"LimitExceededException"}
"""Codes that the library retries as throttling, and that mean a quota at most services."""


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("Throttling", 400, Meaning.THROTTLED),  # CloudFormation, CloudFront, STS
        ("ThrottlingException", 400, Meaning.THROTTLED),  # CodePipeline, DynamoDB, SSM
        ("TooManyRequestsException", 429, Meaning.THROTTLED),  # Lambda
        ("ProvisionedThroughputExceededException", 400, Meaning.THROTTLED),  # DynamoDB
        ("SlowDown", 503, Meaning.THROTTLED),  # S3
        ("LimitExceededException", 429, Meaning.THROTTLED),  # CodeConnections
        ("LimitExceededException", 400, Meaning.OTHER),  # a quota of CloudFormation
        ("AccessDenied", 403, Meaning.DENIED),
        ("AccessDeniedException", 400, Meaning.DENIED),
        ("KMSAccessDeniedException", 502, Meaning.DENIED),  # Lambda
        ("UnauthorizedOperation", 403, Meaning.DENIED),
        ("403", 403, Meaning.DENIED),  # HeadObject
        ("ExpiredToken", 403, Meaning.CREDENTIALS),
        ("ExpiredTokenException", 400, Meaning.CREDENTIALS),
        ("InvalidClientTokenId", 403, Meaning.CREDENTIALS),
        ("UnrecognizedClientException", 400, Meaning.CREDENTIALS),
        ("InvalidAccessKeyId", 403, Meaning.CREDENTIALS),  # S3
        ("SignatureDoesNotMatch", 403, Meaning.CREDENTIALS),
        ("RequestTimeTooSkewed", 403, Meaning.CREDENTIALS),  # S3
        ("InternalFailure", 500, Meaning.UNAVAILABLE),
        ("InternalServerError", 400, Meaning.UNAVAILABLE),  # DynamoDB
        ("502", 502, Meaning.UNAVAILABLE),
        ("ValidationError", 400, Meaning.OTHER),
        ("NoSuchKey", 404, Meaning.OTHER),
        ("PreconditionFailed", 412, Meaning.OTHER),
    ],
)
def test_refusal_means_one_thing(code: str, status: int, expected: Meaning) -> None:
    error = refusal(code, status=status)
    assert meaning(error) is expected
    assert may_pass(error) is (expected in {Meaning.THROTTLED, Meaning.UNAVAILABLE})
    assert concerns_caller(error) is (expected is Meaning.CREDENTIALS)


def test_answer_without_a_body_has_a_meaning() -> None:
    assert meaning(ClientError({}, "GetObject")) is Meaning.OTHER
    assert code_of(ClientError({}, "GetObject")) == "Unknown"


def test_all_that_the_library_takes_for_throttling_is_throttling() -> None:
    """A new code of the library has to be decided about here."""
    known: set[str] = set(vars(standard.ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"])
    assert known - QUOTAS <= THROTTLED


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("RequestTimeTooSkewed", "The difference is too large", True),
        ("SignatureDoesNotMatch", "Signature expired: 20261126T1 is now earlier than", True),
        ("InvalidSignatureException", "Signature not yet current: 20261126T1", True),
        ("SignatureDoesNotMatch", "Check your AWS Secret Access Key", False),
    ],
)
def test_wrong_clock_is_told_from_a_wrong_key(code: str, message: str, expected: bool) -> None:
    assert is_clock(refusal(code, message)) is expected


def test_missing_credentials_concern_the_caller_and_a_lost_connection_does_not() -> None:
    assert concerns_caller(NoCredentialsError())
    assert concerns_caller(SSOTokenLoadError(error_msg="it does not exist"))
    assert not concerns_caller(EndpointConnectionError(endpoint_url="https://example.com"))
    assert not concerns_caller(ValueError())


def test_every_name_of_throttling_is_waited_out() -> None:
    answers = [refusal(code) for code in sorted(THROTTLED)]
    slept: list[float] = []

    def call() -> str:
        if answers:
            raise answers.pop()
        return "done"

    assert wait_out(call, clock=lambda: 0.0, sleep=slept.append, deadline=1.0) == "done"
    assert len(slept) == len(THROTTLED)


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "ValidationError"])
def test_nothing_else_is_waited_out(code: str) -> None:
    def call() -> None:
        raise refusal(code)

    def waits(seconds: float) -> None:
        pytest.fail(f"it waits {seconds} seconds")

    with pytest.raises(ClientError, match=code):
        wait_out(call, clock=lambda: 0.0, sleep=waits, deadline=1.0)
