"""Release verifier: failed calls, and deliveries at once, again and late."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from phaseline.releases.ledger import Ledger
from phaseline.site.live import Lives
from tests.builders import canaries
from tests.builders.calls import Answer, Calls, JobAnswers
from tests.builders.logs import everything
from tests.builders.release_verifier import FILES, event, invoke, keep, serve, states
from tests.builders.release_verifier import cloudfront as cloudfront  # a fixture
from tests.builders.release_verifier import lambda_ as lambda_  # a fixture
from tests.builders.release_verifier import ledger as ledger  # a fixture
from tests.builders.release_verifier import s3 as s3  # a fixture
from tests.builders.site import (
    METADATA,
    contents,
    put_state,
    state,
)
from tests.events.jobs import EXECUTION

CALLS = 7
"""Calls to S3 of a verification, with that of the artifact."""


def at_each_call(module: ModuleType, act: Callable[[int], None]) -> Calls:
    """Run `act` before each call to S3, with the call's position."""
    count = iter(range(1_000_000))

    def before(_: dict[str, Any]) -> None:
        act(next(count))

    s3 = module._VERIFICATION.site.s3
    operations = ("GetObject", "PutObject", "ListObjectsV2", "DeleteObjects")
    return Calls(s3, **dict.fromkeys(operations, before))


def test_all_calls_are_counted(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """No call is left out of the test below."""
    put_state(s3, {}, revision=1, publishing=EXECUTION)
    serve(httpserver, FILES["phaseline.json"])
    calls = at_each_call(lambda_, lambda _: None)
    invoke(lambda_)
    assert len(calls.asked) == CALLS


@pytest.mark.parametrize("position", range(CALLS))
def test_two_deliveries_at_once_come_to_the_same(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer, position: int
) -> None:
    """The second one runs as a whole between two calls of the first one."""
    keep(s3, {"old-3f2a1b9c.js": b"//"})
    serve(httpserver, FILES["phaseline.json"])
    second: list[JobAnswers] = []

    def interrupt(call: int) -> None:
        if call == position and not second:
            second.append(JobAnswers(lambda_._CODEPIPELINE))
            lambda_.handler(event(), None)

    at_each_call(lambda_, interrupt)
    first = invoke(lambda_)
    assert first.failures == []
    assert contents(s3) == FILES | {"old-3f2a1b9c.js": b"//"}
    assert states(ledger) == ["superseded", "verified", "open"]
    assert (state(s3)["execution"], state(s3)["publishing"]) == (EXECUTION, None)
    assert len(list(Lives(ledger.client, ledger.table).between("1970", "1971"))) == 1


def test_twice_is_as_once(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """A job that is delivered twice changes nothing the second time."""
    serve(httpserver, FILES["phaseline.json"])
    invoke(lambda_)
    before = contents(s3, METADATA), list(ledger.releases("opt", "route-planner"))
    answers = invoke(lambda_)
    assert len(answers.successes) == 1
    assert (contents(s3, METADATA), list(ledger.releases("opt", "route-planner"))) == before


@pytest.mark.parametrize("publishing", [None, "e9"])
def test_a_later_state_stays(
    lambda_: ModuleType,
    s3: Any,
    ledger: Ledger,
    httpserver: HTTPServer,
    publishing: str | None,
) -> None:
    """Once a later execution began, what is served is still proven, and nothing else is done."""
    put_state(s3, {}, revision=9, execution="e8", publishing=publishing, number=3, begun=4)
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"]["outcome"] == "verified"
    assert states(ledger) == ["superseded", "verified", "open"]
    assert "old.css" in contents(s3)
    assert (state(s3)["execution"], state(s3)["publishing"]) == ("e8", publishing)


def test_a_publication_that_begins_during_the_last_check_keeps_its_doubt(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """The state is remembered only over the one that the last check began with."""
    put_state(s3, {}, revision=1, publishing=EXECUTION)
    begins = [lambda: put_state(s3, {}, revision=1, publishing="e9")]
    Calls(
        lambda_._VERIFICATION.site.s3,
        DeleteObjects=lambda _: begins.pop()() if begins else None,
    )
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"]["outcome"] == "verified"
    assert state(s3)["publishing"] == "e9"


def test_a_race_for_the_state_is_tried_again(
    lambda_: ModuleType, s3: Any, httpserver: HTTPServer
) -> None:
    """A conditional write that loses reads again and writes on top."""
    conflicts = iter(["PreconditionFailed", "ConditionalRequestConflict"])
    Calls(lambda_._VERIFICATION.site.s3, PutObject=lambda _: next(conflicts, None))
    serve(httpserver, FILES["phaseline.json"])
    invoke(lambda_)
    assert json.loads(contents(s3, METADATA)["state/published.json"])["execution"] == EXECUTION


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("PutObject", "PreconditionFailed"),
        ("PutObject", "AccessDenied"),
        ("ListObjectsV2", "AccessDenied"),
        ("GetObject", "AccessDenied"),
        ("DeleteObjects", "AccessDenied"),
        ("DeleteObjects", {"Errors": [{"Key": "old.css", "Code": "AccessDenied"}]}),
    ],
)
def test_a_fault_at_any_call_fails_and_a_retry_repairs(
    lambda_: ModuleType,
    s3: Any,
    ledger: Ledger,
    httpserver: HTTPServer,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    operation: str,
    answer: Answer,
) -> None:
    """Whichever call to S3 fails, the job is failed once, and the next try finishes."""
    broken = [True]
    Calls(lambda_._VERIFICATION.site.s3, **{operation: lambda _: answer if broken[0] else None})
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert (len(answers.successes), len(answers.failures)) == (0, 1)
    broken[0] = False
    again = invoke(lambda_)
    assert len(again.successes) == 1
    assert contents(s3) == FILES
    assert states(ledger) == ["superseded", "verified", "open"]
    shown = everything(capsys, caplog)
    assert canaries.found_in(shown) == []
