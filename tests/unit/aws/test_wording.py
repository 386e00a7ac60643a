"""The words of errors of the AWS library."""

import traceback

import pytest
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from phaseline.aws.wording import worded, wording
from phaseline.errors import InputError, RemoteCallError
from tests.builders import canaries
from tests.builders.canaries import OF_AWS


@pytest.mark.parametrize("kind", OF_AWS)
def test_no_error_shows_a_part_of_the_request(kind: str) -> None:
    error = OF_AWS[kind]("PutObject")
    assert canaries.found_in(wording(error)) == []
    with pytest.raises(RemoteCallError) as raised, worded():
        raise error
    assert canaries.found_in(raised.value, traceback.format_exception(raised.value)) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OF_AWS["refused"]("PutObject"), "(AccessDenied) when calling the PutObject operation: no"),
        (OF_AWS["wrong signature"]("PutObject"), "(SignatureDoesNotMatch) when calling the Put"),
        (OF_AWS["not connected"](""), "EndpointConnectionError https://x.example/"),
        (OF_AWS["wrong header"](""), "HTTPClientError"),
        (NoRegionError(), "You must specify a region."),
        (InputError("x", "wrong", "Correct it."), "x: wrong. Correct it."),
    ],
)
def test_cause_and_place_are_named(error: Exception, words: str) -> None:
    assert words in wording(error)


def test_traceback_leads_to_the_call() -> None:
    def call() -> None:
        raise ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "PutObject")

    with pytest.raises(RemoteCallError, match="Throttling") as raised, worded():
        call()
    assert "in call" in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("error", [InputError("x", "y", "z"), KeyError("x")])
def test_other_errors_are_not_changed(error: Exception) -> None:
    assert not isinstance(error, BotoCoreError)
    with pytest.raises(type(error)) as raised, worded():
        raise error
    assert raised.value is error
