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
from tests.builders import canaries
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
from tests.events.jobs import EXECUTION, lambda_job

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


def publish(
    s3: Any, outcome: str = "published", stale: tuple[str, ...] = ("old.css", "gone.css")
) -> None:
    """Store the publication of FILES, with stale keys, as the artifact."""
    made = Publication(
        execution=EXECUTION,
        outcome=outcome,
        changed=None,
        keys={key: md5(data) for key, data in FILES.items()},
        stale=stale,
        documents=json.loads(FILES["phaseline.json"])["documents"],
        number=2,
        at="2026-11-24T20:00:00Z",
        lasting=("kept",),
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
        2,
        "1970-01-01T00:16:40.000Z",
        EXECUTION,
        "c0ffee0",
        {"in": LiveDocument("v0", 0), "opt": LiveDocument("v2", 2), "out": LiveDocument("v0", 0)},
    )


def test_more_releases_than_one_invocation_closes_are_closed_by_the_next_ones(
    lambda_: ModuleType, ledger: Ledger, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output variables count all of them, and the publication is live only at the end."""
    monkeypatch.setattr(verifier, "CLOSES", 2)
    others = [release(number, f"1.{number}.0", 1) for number in range(4, 8)]
    ledger.record(others, at=AT)
    serve(httpserver, FILES["phaseline.json"])
    progress, invocations, answers = None, 0, None
    while answers is None or "continuationToken" in answers.successes[0]:
        assert Lives(ledger.client, ledger.table).newest() is None
        answers = invoke(lambda_, progress)
        progress = json.loads(answers.successes[0].get("continuationToken", "{}"))
        invocations += 1
    assert invocations == 3
    assert answers.successes[0]["outputVariables"] == {
        "outcome": "verified",
        "verified": "1",
        "superseded": "5",
    }
    assert sorted(states(ledger)) == ["open", *["superseded"] * 5, "verified"]


def test_an_invocation_reads_no_more_releases_than_it_closes(
    lambda_: ModuleType, ledger: Ledger, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are open. One more is read, to know whether any is left."""
    monkeypatch.setattr(verifier, "CLOSES", 2)
    ledger.record([release(number, f"1.{number}.0", 1) for number in range(4, 20)], at=AT)
    read: list[str] = []
    open_releases = Ledger.open_releases

    def counted(self: Ledger, type_: str) -> Iterator[Release]:
        for found in open_releases(self, type_):
            read.append(found.release_id)
            yield found

    monkeypatch.setattr(Ledger, "open_releases", counted)
    serve(httpserver, FILES["phaseline.json"])
    token = json.loads(invoke(lambda_).successes[0]["continuationToken"])
    assert (len(read), sum(token["ended"].values())) == (3, 2)


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


def keep(s3: Any, files: dict[str, bytes], **more: Any) -> None:
    """The publication before had these files, which browsers keep for ever, and they are stale."""
    for key, data in files.items():
        s3.put_object(Bucket=SITE, Key=key, Body=data)
    put_state(s3, files, revision=1, publishing=EXECUTION, **more)
    headers = state(s3)["headers"]
    lasting = sorted({headers[key] for key in files})
    put_state(s3, files, revision=1, publishing=EXECUTION, lasting=lasting, **more)
    publish(s3, stale=("gone.css", "old.css", *files))


def test_a_script_of_the_publication_before_stays(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer, cloudfront: CloudFront
) -> None:
    """A browser that holds an older page may still ask for it; all else that is stale goes."""
    keep(s3, {"old-3f2a1b9c.js": b"//"})
    serve(httpserver, FILES["phaseline.json"])
    invoke(lambda_)
    assert contents(s3) == FILES | {"old-3f2a1b9c.js": b"//"}
    assert state(s3)["retained"].keys() == {"old-3f2a1b9c.js"}
    assert state(s3)["retained"]["old-3f2a1b9c.js"]["since"] == AT
    assert [batch["Paths"]["Items"] for batch in cloudfront.created] == [["/gone.css", "/old.css"]]


def test_a_script_that_stayed_for_a_day_is_removed_and_invalidated(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer, cloudfront: CloudFront
) -> None:
    s3.put_object(Bucket=SITE, Key="old.js", Body=b"//")
    listed = lambda_._VERIFICATION.site.listing()["old.js"]
    since = "2026-11-23T20:00:00Z"
    retained = {"old.js": {"digest": listed.digest, "modified": listed.modified, "since": since}}
    put_state(s3, {}, revision=1, publishing=EXECUTION, retained=retained)
    publish(s3, stale=("old.css", "old.js"))
    serve(httpserver, FILES["phaseline.json"])
    invoke(lambda_)
    assert contents(s3) == FILES
    assert state(s3)["retained"] == {}
    assert [batch["Paths"]["Items"] for batch in cloudfront.created] == [["/old.css", "/old.js"]]


def test_a_publication_that_a_later_one_overlaps_is_remembered(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """The later one stays noted as publishing, and nothing that it may need is removed."""
    put_state(s3, {}, revision=1, publishing="e9", begun=3)
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"]["outcome"] == "verified"
    found = state(s3)
    assert (found["execution"], found["publishing"]) == (EXECUTION, "e9")
    assert (found["number"], found["begun"]) == (2, 3)
    assert "old.css" in contents(s3)


def test_a_late_verification_does_not_take_back_what_is_live(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """A later publication was verified between the last check and the record, by a clock that is
    behind."""
    lives = Lives(ledger.client, ledger.table)
    later = Live(3, "1970-01-01T00:00:00.000Z", "e9", "c0ffee1", {})
    Calls(
        lambda_._VERIFICATION.ledger.client,
        Query=lambda _: lives.record(later),
    )
    serve(httpserver, FILES["phaseline.json"])
    invoke(lambda_)
    assert lives.newest() == later
    first = lives.numbered(2)
    assert first
    assert first.execution == EXECUTION


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


def test_a_manifest_that_somebody_put_back_is_no_later_execution(
    lambda_: ModuleType, s3: Any, ledger: Ledger, httpserver: HTTPServer
) -> None:
    """The state says that nobody has begun since, so the action fails and names the manifest."""
    put_state(s3, {}, revision=1, publishing=EXECUTION)
    s3.put_object(Bucket=SITE, Key="phaseline.json", Body=manifest("e0", 1))
    serve(httpserver, manifest("e0", 1))
    answers = invoke(lambda_)
    message = answers.failures[0]["failureDetails"]["message"]
    assert f"s3://{SITE}/phaseline.json: it is that of execution e0" in message
    assert states(ledger) == ["open", "open", "open"]
    assert state(s3)["publishing"] == EXECUTION


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


def test_a_silent_ledger_fails_the_action(lambda_: ModuleType, httpserver: HTTPServer) -> None:
    """A release that can't be closed fails the action; nothing is left to guess."""
    Calls(lambda_._VERIFICATION.ledger.client, Query=lambda _: "AccessDeniedException")
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.failures[0]["failureDetails"]["type"] == "PermissionError"
