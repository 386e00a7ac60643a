"""The Verify action, from the job to what the edge serves and the ledger says."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer

from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release
from phaseline.site import publication, verifier
from phaseline.site.live import Live, LiveDocument, Lives
from phaseline.site.publication import Publication
from tests.builders.calls import Answer, Calls, JobAnswers
from tests.builders.logs import everything
from tests.builders.site import (
    ENVIRONMENT,
    METADATA,
    PUBLICATION_KEY,
    SITE,
    build,
    contents,
    make_buckets,
    manifest,
    md5,
    put_state,
    rewrite,
    state,
)
from tests.builders.stores import make_table
from tests.conftest import LoadHandler
from tests.events.jobs import CANARIES, EXECUTION, lambda_job

FILES = {"index.html": b"new", "phaseline.json": manifest(revision=2)}
AT = "2026-11-24T20:00:00Z"
VERIFIED_AT = "1970-01-01T00:16:40Z"
"""1,000 seconds since the epoch, where the tests' clock begins."""


def event(progress: dict[str, Any] | None = None) -> dict[str, Any]:
    """The job of the Verify action."""
    return lambda_job(inputs={"Publication": PUBLICATION_KEY}, progress=progress)


def release(number: int, version: str, revision: int | None) -> Release:
    """An open release of opt/route-planner."""
    return Release(
        release_id=f"r{number}",
        type="opt",
        algorithm="route-planner",
        version=version,
        action="promote",
        previous=None,
        requested_at=f"2026-11-24T20:00:0{number}Z",
        sequence=str(number),
        reason="its phase was set",
        revision=revision,
        document_version=f"v{revision}",
    )


def publish(s3: Any, outcome: str = "published") -> None:
    """Store the publication of FILES, with one stale key, as the artifact."""
    made = Publication(
        execution=EXECUTION,
        outcome=outcome,
        changed=None,
        keys={key: md5(data) for key, data in FILES.items()},
        stale=("old.css", "gone.css"),
        documents=json.loads(FILES["phaseline.json"])["documents"],
    )
    build(s3, publication.render(made), PUBLICATION_KEY)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        make_buckets(client)
        make_table(boto3.client("dynamodb"), "ledger")
        for key, data in (FILES | {"old.css": b"old"}).items():
            client.put_object(Bucket=SITE, Key=key, Body=data)
        publish(client)
        yield client


@pytest.fixture
def ledger(s3: Any) -> Ledger:
    made = Ledger(boto3.client("dynamodb"), "ledger")
    releases = [release(1, "2.0.0", 1), release(2, "2.1.0", 2), release(3, "2.2.0", 3)]
    made.record(releases, at=AT)
    return made


class CloudFront:
    """What CloudFront answers about invalidations, and what it was asked."""

    calls: Calls
    answer: Callable[[], Answer] = staticmethod(lambda: status("Completed"))

    @property
    def created(self) -> list[dict[str, Any]]:
        return [call["InvalidationBatch"] for call in self.calls.of("CreateInvalidation")]


@pytest.fixture
def cloudfront() -> CloudFront:
    return CloudFront()


@pytest.fixture
def lambda_(
    s3: Any,
    load_handler: LoadHandler,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    cloudfront: CloudFront,
) -> ModuleType:
    """The function, with a clock that only its pauses move."""
    now = [1000.0]
    urls = {"SITE_URL": httpserver.url_for(""), "DISTRIBUTION_ID": "EDIST"}
    module = load_handler("release_verifier", ENVIRONMENT | urls)
    changes = {"pause": lambda s: now.append(now.pop() + s), "clock": lambda: now[0]}
    cdn = dataclasses.replace(module._VERIFICATION.cdn, **changes)
    given = {**vars(module._VERIFICATION), **changes, "cdn": cdn}
    monkeypatch.setattr(module, "_VERIFICATION", verifier.Verification(**given))
    client, answer = module._VERIFICATION.cdn.client, lambda _: cloudfront.answer()
    cloudfront.calls = Calls(client, CreateInvalidation=answer, GetInvalidation=answer)
    return module


def status(text: str) -> dict[str, Any]:
    """CloudFront's answer about the invalidation I1."""
    return {"Invalidation": {"Id": "I1", "Status": text}}


def serve(httpserver: HTTPServer, data: bytes, status: int = 200) -> None:
    """What the edge answers."""
    httpserver.clear()
    httpserver.expect_request("/phaseline.json").respond_with_data(data, status=status)


def invoke(module: ModuleType, progress: dict[str, Any] | None = None) -> JobAnswers:
    """Invoke the function; what it answered."""
    answers = JobAnswers(module._CODEPIPELINE)
    module.handler(event(progress), None)
    return answers


def states(ledger: Ledger) -> list[str]:
    """The state of each release, the oldest first."""
    return [known.state for known in ledger.releases("opt", "route-planner")][::-1]


def test_a_verified_publication(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """Releases are closed, stale files deleted and the state written, once the edge has it."""
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"] == {
        "outcome": "verified",
        "verified": "1",
        "superseded": "1",
    }
    assert states(ledger) == ["superseded", "verified", "open"]
    assert contents(s3) == FILES
    state = json.loads(contents(s3, METADATA)["state/published.json"])
    assert state["execution"] == EXECUTION
    assert state["keys"] == {key: md5(data) for key, data in FILES.items()}
    assert state["documents"]["opt"]["revision"] == 2
    live = Lives(ledger.client, ledger.table).newest()
    assert live == Live(
        "1970-01-01T00:16:40.000Z",
        EXECUTION,
        "c0ffee0",
        {"in": LiveDocument("v0", 0), "opt": LiveDocument("v2", 2), "out": LiveDocument("v0", 0)},
    )


def test_what_is_removed_is_invalidated_after_that(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer, cloudfront: CloudFront
) -> None:
    """An edge may have kept a removed file for a year; it is told once the file is gone."""
    held: list[list[str]] = []

    def answer() -> Answer:
        held.append(sorted(contents(s3)))
        return status("Completed")

    cloudfront.answer = answer
    serve(httpserver, FILES["phaseline.json"])
    invoke(lambda_)
    assert [batch["Paths"]["Items"] for batch in cloudfront.created] == [["/gone.css", "/old.css"]]
    assert held == [sorted(FILES)]


def test_a_death_between_removal_and_invalidation_loses_nothing(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer, cloudfront: CloudFront
) -> None:
    """The next try finds the files gone and invalidates them all the same, with the same
    reference; until then the publication is not remembered as verified."""
    serve(httpserver, FILES["phaseline.json"])
    cloudfront.answer = lambda: "AccessDenied"
    assert len(invoke(lambda_).failures) == 1
    assert contents(s3) == FILES
    assert contents(s3, METADATA) == {}
    cloudfront.answer = lambda: status("Completed")
    assert len(invoke(lambda_).successes) == 1
    first, second = cloudfront.created
    assert first == second
    assert state(s3)["execution"] == EXECUTION


def test_an_invalidation_of_what_is_removed_is_waited_for(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer, cloudfront: CloudFront
) -> None:
    """While it is in progress the job continues; the releases that it closed are told in the
    end."""
    cloudfront.answer = lambda: status("InProgress")
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    token = json.loads(answers.successes[0]["continuationToken"])
    assert token["removal"]["invalidation"] == "I1"
    assert states(ledger) == ["superseded", "verified", "open"]
    assert contents(s3, METADATA) == {}
    cloudfront.answer = lambda: status("Completed")
    again = invoke(lambda_, token)
    assert again.successes[0]["outputVariables"] == {
        "outcome": "verified",
        "verified": "1",
        "superseded": "1",
    }
    assert state(s3)["execution"] == EXECUTION


def test_a_file_that_a_late_delivery_overwrote_fails(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """A page with another content than was published is named, and nothing counts as verified."""
    s3.put_object(Bucket=SITE, Key="index.html", Body=b"of an older build")
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    message = answers.failures[0]["failureDetails"]["message"]
    assert f"s3://{SITE}/index.html" in message
    assert "have another content" in message
    assert states(ledger) == ["open", "open", "open"]
    assert contents(s3, METADATA) == {}


def test_a_file_that_the_next_execution_uploaded_is_no_fault(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """Once a later execution uploads, its files are not this publication's to judge."""
    s3.put_object(Bucket=SITE, Key="index.html", Body=b"of the next build")
    put_state(s3, {}, revision=1, publishing="e9")
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"]["outcome"] == "verified"
    assert "old.css" in contents(s3)


def test_headers_that_others_wrote_since_are_not_remembered(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """A file that was written after the manifest has whatever headers somebody gave it."""
    rewrite(s3, "index.html", ContentType="application/octet-stream")
    serve(httpserver, FILES["phaseline.json"])
    invoke(lambda_)
    assert set(state(s3)["modified"]) == {"phaseline.json"}


def test_an_old_page_at_the_edge_is_waited_for(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """A cached manifest continues the job, closes nothing and deletes nothing."""
    serve(httpserver, manifest("e0", 1))
    answers = invoke(lambda_)
    token = json.loads(answers.successes[0]["continuationToken"])
    assert token == {"started": 1000.0, "attempt": 2}
    assert states(ledger) == ["open", "open", "open"]
    assert "old.css" in contents(s3)
    serve(httpserver, FILES["phaseline.json"])
    again = invoke(lambda_, token)
    assert again.successes[0]["outputVariables"]["outcome"] == "verified"


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (manifest("e0", 1), 200, "found that of execution e0"),
        (b"<html>", 200, "expected a manifest"),
        (b"gone", 404, "404"),
        (b"sorry", 503, "503"),
    ],
)
def test_gives_up_in_the_end(
    lambda_: ModuleType, httpserver: HTTPServer, data: bytes, status: int, said: str
) -> None:
    """After ten minutes the action fails and says what is served instead."""
    serve(httpserver, data, status)
    answers = invoke(lambda_, {"started": 300.0, "attempt": 50})
    message = answers.failures[0]["failureDetails"]["message"]
    assert said in message
    assert EXECUTION in message


def test_a_later_execution_takes_over(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """With another manifest in the bucket nothing is closed, deleted or remembered."""
    s3.put_object(Bucket=SITE, Key="phaseline.json", Body=manifest("e2", 3))
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"] == {"outcome": "overtaken"}
    assert states(ledger) == ["open", "open", "open"]
    assert "old.css" in contents(s3)
    assert contents(s3, METADATA) == {}


def test_a_superseded_publication_passes(lambda_: ModuleType, s3: Any) -> None:
    """Nothing was published, so nothing is verified."""
    publish(s3, "superseded")
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"] == {"outcome": "superseded"}
    assert "old.css" in contents(s3)


@pytest.mark.parametrize("key", ["index.html", "phaseline.json"])
def test_a_lost_file_fails(lambda_: ModuleType, s3: Any, httpserver: HTTPServer, key: str) -> None:
    """A published file that someone deleted is named, and nothing counts as verified."""
    s3.delete_object(Bucket=SITE, Key=key)
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert f"s3://{SITE}/{key}" in answers.failures[0]["failureDetails"]["message"]
    assert contents(s3, METADATA) == {}


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
    put_state(s3, {}, revision=9, execution="e8", publishing=publishing)
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
    assert not any(canary in shown for canary in CANARIES)


def test_a_silent_ledger_fails_the_action(lambda_: ModuleType, httpserver: HTTPServer) -> None:
    """A release that can't be closed fails the action; nothing is left to guess."""
    Calls(lambda_._VERIFICATION.ledger.client, Query=lambda _: "AccessDeniedException")
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.failures[0]["failureDetails"]["type"] == "PermissionError"
