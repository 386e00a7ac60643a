"""The stream listener's handler: what Lambda is answered, what is logged, what is counted."""

import json
from types import ModuleType
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from tests.builders.listener import CANARY
from tests.builders.listener import listener as listener  # a fixture
from tests.builders.logs import everything, fields
from tests.events import stream_record

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
    assert CANARY not in logged
    httpserver.clear()
    httpserver.expect_request(PATH).respond_with_response(Response(status=204))
    for _ in range(2):
        listener.handler({"source": "aws.events"}, None)
    assert len(httpserver.log) == 1
