"""The stream listener's handler: what Lambda is answered, what is logged, what is counted."""

import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from phaseline.errors import InputError
from phaseline.releases.ledger import Ledger
from tests.builders import canaries
from tests.builders.listener import listener as listener  # a fixture
from tests.builders.logs import everything, fields
from tests.events import samples, stream_record

PATH = "/repos/acme/releases/dispatches"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines printed since the last look."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_promotion(
    listener: ModuleType, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A promotion is answered with no failure, dispatched, and logged by its release id."""
    httpserver.expect_oneshot_request(PATH).respond_with_response(Response(status=204))
    answer = listener.handler({"Records": [stream_record(5)]}, None)
    assert answer == {"batchItemFailures": []}
    httpserver.check()
    sent = httpserver.log[0][0].get_json()
    assert sent["event_type"] == "version-tested"
    assert sent["client_payload"]["environment"] == "test"
    assert sent["client_payload"]["type"] == "opt"
    (line,) = fields(caplog)
    assert sent["client_payload"]["releases"] == [line["release"]]


def test_sizes_with_a_bound_are_measured(
    listener: ModuleType, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With each write, and with each run of the schedule for each document."""
    httpserver.expect_request(PATH).respond_with_response(Response(status=204))
    listener.handler({"Records": [stream_record(5)]}, None)
    algorithms, waiting, memory = lines(capsys)
    assert (algorithms["Algorithms"], waiting["ChangesWaiting"]) == (1, 0)
    assert {line["document"] for line in (algorithms, waiting, memory)} == {"opt"}
    assert 1 < memory["ListenerMemory"] < 100_000
    listener.handler({"source": "aws.events"}, None)
    assert [line["document"] for line in lines(capsys) if "Algorithms" in line] == [
        "in",
        "opt",
        "out",
    ]


def test_bad_record(listener: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that can't be read is named to Lambda, counted and explained."""
    answer = listener.handler({"Records": [stream_record(5, type_="unknown")]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "5"}]}
    (line,) = lines(capsys)
    assert line["RecordRejected"] == 1
    assert line["Environment"] == "test"
    assert "attribute 'type'" in line["error"]


def test_github_down(
    listener: ModuleType,
    httpserver: HTTPServer,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A refused dispatch is counted, fails no record, and goes out with the next schedule."""
    httpserver.expect_request(PATH).respond_with_response(Response(status=502))
    assert listener.handler({"Records": [stream_record(5)]}, None) == {"batchItemFailures": []}
    logged = everything(capsys, caplog)
    assert "DispatchFailed" in logged
    assert canaries.found_in(logged) == []
    httpserver.clear()
    httpserver.expect_request(PATH).respond_with_response(Response(status=204))
    for _ in range(2):
        listener.handler({"source": "aws.events"}, None)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("event", [{"source": "aws.events"}, samples.SCHEDULE])
def test_event_of_the_schedule_is_answered(listener: ModuleType, event: dict[str, Any]) -> None:
    assert listener.handler(event, None) == {"batchItemFailures": []}


@pytest.mark.parametrize("name", samples.OF_OTHERS)
def test_event_of_another_service_is_refused_and_counted(
    listener: ModuleType, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(InputError):
        listener.handler(samples.OF_OTHERS[name], None)
    (line,) = lines(capsys)
    assert line["RecordRejected"] == 1
    assert "infra/listener.yaml" in line["error"]


def test_foreign_record_among_others_makes_lambda_split_the_batch(
    listener: ModuleType, httpserver: HTTPServer
) -> None:
    """Only an invocation that fails is split; the record has no number to answer with."""
    event = {"Records": [stream_record(1), *samples.S3["Records"]]}
    with pytest.raises(InputError, match="record 2 of 2"):
        listener.handler(event, None)
    assert httpserver.log == []


@pytest.mark.parametrize("attribute", ["display", "type", "version"])
def test_binary_attribute_is_counted_with_its_name(
    listener: ModuleType, capsys: pytest.CaptureFixture[str], attribute: str
) -> None:
    record = stream_record(5)
    binary: dict[str, Any] = {"B": "AAEC"}
    nested = {"M": {"icon": binary}} if attribute == "display" else binary
    record["dynamodb"]["NewImage"][attribute] = nested
    answer = listener.handler({"Records": [record]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "5"}]}
    (line,) = lines(capsys)
    assert line["RecordRejected"] == 1
    assert f"attribute '{attribute}'" in line["error"]
    assert "route-planner" in line["error"]


def test_record_without_time_takes_that_of_the_invocation(
    listener: ModuleType, httpserver: HTTPServer
) -> None:
    httpserver.expect_request(PATH).respond_with_response(Response(status=204))
    record = stream_record(5)
    del record["dynamodb"]["ApproximateCreationDateTime"]
    assert listener.handler({"Records": [record]}, None) == {"batchItemFailures": []}
    (sent,) = httpserver.log
    (release,) = sent[0].get_json()["client_payload"]["releases"]
    known = Ledger(boto3.client("dynamodb"), "ledger").find(release)
    assert known
    assert datetime.now(UTC) - datetime.fromisoformat(known.requested_at) < timedelta(hours=1)
