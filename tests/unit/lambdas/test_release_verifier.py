"""Release verifier: what it closes, removes and refuses."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release
from phaseline.site import verifier
from phaseline.site.live import Live, LiveDocument, Lives
from tests.builders.calls import Answer, Calls
from tests.builders.release_verifier import (
    AT,
    FILES,
    CloudFront,
    invoke,
    keep,
    publish,
    release,
    serve,
    states,
    status,
)
from tests.builders.release_verifier import cloudfront as cloudfront  # a fixture
from tests.builders.release_verifier import lambda_ as lambda_  # a fixture
from tests.builders.release_verifier import ledger as ledger  # a fixture
from tests.builders.release_verifier import s3 as s3  # a fixture
from tests.builders.site import (
    METADATA,
    SITE,
    contents,
    manifest,
    md5,
    put_state,
    rewrite,
    state,
)
from tests.events.jobs import EXECUTION


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


def test_a_silent_ledger_fails_the_action(lambda_: ModuleType, httpserver: HTTPServer) -> None:
    """A release that can't be closed fails the action; nothing is left to guess."""
    Calls(lambda_._VERIFICATION.ledger.client, Query=lambda _: "AccessDeniedException")
    serve(httpserver, FILES["phaseline.json"])
    answers = invoke(lambda_)
    assert answers.failures[0]["failureDetails"]["type"] == "PermissionError"
