"""Every exception of the AWS library has an exit code and a remedy."""

import inspect

import pytest
from botocore import discovery, exceptions
from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws.caller import WITHOUT_CREDENTIALS
from phaseline.aws.refusals import Meaning, meaning
from phaseline.errors import ConfigurationError
from scripts.cli import aws_errors
from tests.builders.refusals import refusal

ELSEWHERE = {
    "BotoCoreError",  # the base of all
    "ClientError",  # an answer of AWS, which is decided about by its code
    "EventStreamError",
    "ImminentRemovalWarning",
    "MissingServiceIdError",  # the library's own model is broken
    "UndefinedModelAttributeError",
    "UnsupportedTLSVersionWarning",
}


def raised_by_the_library() -> list[type[Exception]]:
    """The classes of exceptions that the library defines, without those of ELSEWHERE."""
    return [
        found
        for module in (exceptions, discovery)
        for name, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Exception)
        and found.__module__ == module.__name__
        and name not in ELSEWHERE
    ]


@pytest.mark.parametrize("raised", raised_by_the_library(), ids=lambda raised: raised.__name__)
def test_exception_of_the_library_is_classified(raised: type[Exception]) -> None:
    """A new one of a later version fails here, until it is decided what a person can do."""
    assert issubclass(raised, BotoCoreError)
    assert aws_errors.kind_of(raised) is not None


def test_exception_that_nobody_decided_about_would_be_seen() -> None:
    class NewError(BotoCoreError):
        """As a later version might bring it."""

    assert aws_errors.kind_of(NewError) is None
    assert len(raised_by_the_library()) > 80


def test_no_class_is_in_two_kinds() -> None:
    kinds = (aws_errors.CONFIGURATION, aws_errors.PASSING, aws_errors.DEFECTS)
    assert sum(map(len, kinds)) == len(aws_errors.KINDS)


@pytest.mark.parametrize("raised", WITHOUT_CREDENTIALS, ids=lambda raised: raised.__name__)
def test_missing_credentials_are_configuration(raised: type[Exception]) -> None:
    found = aws_errors.kind_of(raised)
    assert found is not None
    assert found[0] is ConfigurationError


@pytest.mark.parametrize("raised", [ClientError, exceptions.EventStreamError])
def test_answer_of_aws_is_decided_about_by_its_code(raised: type[ClientError]) -> None:
    expired = raised(refusal("ExpiredToken").response, "DescribeStacks")
    assert meaning(expired) is Meaning.CREDENTIALS
    assert aws_errors.translated(expired).exit_code == 3
