"""What a release makes of what visitors are served, and of a Slack that was told already."""

import io
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer

from phaseline.documents.document import Document
from phaseline.errors import ConfigurationError, DeploymentError, RefusedError, TimedOutError
from phaseline.promotion.request import Request
from phaseline.releases.release import SUPERSEDED, VERIFIED
from phaseline.site import manifests
from scripts.cli.console import Console
from scripts.cli.interruption import Interrupted
from scripts.release import journal
from scripts.release.flow import ReleaseFlow
from scripts.release.journal import Journal
from scripts.release.request import update
from scripts.release.subject import AttributedMove, Subject
from scripts.services import Services
from tests.builders.calls import Calls
from tests.builders.environments import DEMO
from tests.builders.executions import E1, E2, detail, summary
from tests.builders.releases import release as recorded
from tests.builders.site import make_buckets, manifest, put_state
from tests.builders.stores import AT, make_table
from tests.builders.timing import Timer
from tests.events.jobs import EXECUTION

TOKEN_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-abc123"
MOVE = AttributedMove("a", "0.9.0", "1.0.0", "r", "ana", "why")
SUBJECT = Subject(
    Document("opt", 6), Document("opt", 7), "v7", (MOVE,), changed=False, note="revision 7"
)


@pytest.fixture
def services(httpserver: HTTPServer) -> Iterator[Services]:
    """An environment whose execution E1 has carried version v7 and seen to its invalidation; the
    ledger has its release open. Slack is the test's server."""
    with mock_aws():
        found = Services("demo")
        vars(found)["environment"] = replace(
            DEMO, slack_api_url=httpserver.url_for("/api/"), slack_token_arn=TOKEN_ARN
        )
        make_buckets(found.s3)
        make_table(found.ledger.client, "ledger")
        found.ledger.record([recorded()], at=AT)
        invalidated = detail("Invalidate", "Succeeded", 1)
        invalidated["output"]["outputVariables"] = {"invalidation": "I1"}
        Calls(
            found.codepipeline,
            ListPipelineExecutions=lambda _: {
                "pipelineExecutionSummaries": [summary(E1, "Succeeded", Opt="v7")]
            },
            ListActionExecutions=lambda _: {"actionExecutionDetails": [invalidated]},
        )
        yield found


def run(services: Services, subject: Subject, revision: int, version: str) -> Journal:
    """Release `subject` where visitors get a revision with this version of the algorithm `a`."""
    timer, console = Timer(), Console(total=6, err=io.StringIO(), environ={})
    kept = Journal("demo", "release opt v7 (demo)", console.steps)
    shown = manifest(revision=revision, versions={"a": version})
    ReleaseFlow(
        services,
        console,
        kept,
        make=lambda: (subject,),
        timeout=10,
        clock=timer.clock,
        sleep=timer.sleep,
        fetch=lambda url: manifests.parse(shown, url),
    ).run()
    return kept


def state(services: Services) -> str:
    """The state of the release in the ledger."""
    return next(services.ledger.releases("opt", "a")).state


def test_release_left_open_is_verified_once(services: Services) -> None:
    """A second run has nothing left to do."""
    put_state(services.s3, {}, revision=7, execution=EXECUTION, number=5)
    assert run(services, SUBJECT, 7, "1.0.0").outcome == journal.DONE
    assert state(services) == VERIFIED
    assert (seen := services.lives.newest())
    assert (seen.number, seen.documents["opt"].revision) == (5, 7)
    again = run(services, SUBJECT, 7, "1.0.0")
    assert again.outcome == journal.ALREADY_DONE
    assert [step.step for step in again.steps] == [
        "Metadata",
        "Pipeline execution",
        "Pipeline",
        "Invalidation",
        "Website",
        "Report",
    ]


@pytest.mark.parametrize(
    ("publishing", "number"), [(EXECUTION, 2), ("e9", None)], ids=["this", "later"]
)
def test_publication_of_the_execution_that_publishes_is_noted_as_live(
    services: Services, publishing: str, number: int | None
) -> None:
    """One that is neither verified nor the newest has no number any more: a later one is live."""
    put_state(services.s3, {}, revision=7, publishing=publishing)
    run(services, SUBJECT, 7, "1.0.0")
    seen = services.lives.newest()
    assert (seen.number if seen else None) == number


def test_execution_that_superseded_another_one_is_followed(services: Services) -> None:
    """The newer execution has a later revision, and its end is that of the release."""
    put_state(services.s3, {}, revision=6, execution=EXECUTION, number=5)
    statuses = {E1: "InProgress", E2: "InProgress"}

    def listed(_: dict[str, Any]) -> dict[str, Any]:
        newer = summary(E2, statuses[E2], Opt="v8")
        newer["sourceRevisions"][0]["revisionSummary"] = "revision 8"
        older = summary(E1, statuses[E1], Opt="v7")
        overtaken = statuses[E1] == "Superseded"
        return {"pipelineExecutionSummaries": [newer, older] if overtaken else [older]}

    def ended(asked: dict[str, Any]) -> dict[str, Any]:
        id_ = asked["pipelineExecutionId"]
        statuses[id_] = "Superseded" if id_ == E1 else "Succeeded"
        return {"pipelineExecution": {"pipelineExecutionId": id_, "status": statuses[id_]}}

    vars(services)["codepipeline"] = boto3.client("codepipeline")
    invalidated = detail("Invalidate", "Succeeded", 1) | {"actionExecutionId": "a"}
    invalidated["output"]["outputVariables"] = {"invalidation": "I1"}
    invalidated["input"] = {"actionTypeId": {"category": "Invoke"}}
    Calls(
        services.codepipeline,
        ListPipelineExecutions=listed,
        ListActionExecutions=lambda _: {"actionExecutionDetails": [invalidated]},
        GetPipelineExecution=ended,
    )
    kept = run(services, SUBJECT, 8, "1.0.0")
    assert (kept.outcome, kept.execution) == (journal.DONE, E2)
    results = [step.result for step in kept.steps if step.step == "Pipeline"]
    assert [str(result).split()[0] for result in results] == ["superseded", "succeeded,"]
    assert state(services) == VERIFIED


def test_release_is_superseded_by_a_newer_version(services: Services) -> None:
    """A later revision shows another version."""
    assert run(services, SUBJECT, 9, "2.0.0").outcome == journal.SUPERSEDED
    assert state(services) == SUPERSEDED


def test_later_revision_with_the_same_version_verifies_the_release(services: Services) -> None:
    assert run(services, SUBJECT, 9, "1.0.0").outcome == journal.DONE
    assert state(services) == VERIFIED


def test_manifest_that_contradicts_its_documents_fails(services: Services) -> None:
    with pytest.raises(DeploymentError, match="built from revision 7, but names other versions"):
        run(services, SUBJECT, 7, "0.9.0")


def test_website_that_stays_old_times_out(services: Services) -> None:
    """The error names both revisions, and the release stays open."""
    with pytest.raises(TimedOutError, match=r"expected revision 7 .*found revision 6"):
        run(services, SUBJECT, 6, "0.9.0")
    assert state(services) == "open"


def test_withdrawal_is_proved_by_absence(services: Services) -> None:
    gone = replace(SUBJECT, moves=(replace(MOVE, algorithm="b", before="1", after=None),))
    assert run(services, gone, 7, "1.0.0").outcome == journal.DONE


def test_environment_that_promotes_from_itself_is_refused(services: Services) -> None:
    vars(services)["environment"] = replace(services.environment, promotes_from="demo")
    with pytest.raises(ConfigurationError, match="PromotesFrom names the environment itself"):
        _ = services.upstream


def test_one_refused_request_stops_all_requests(services: Services) -> None:
    """No document is changed if the request for one of them is refused."""
    services.documents.create_missing()
    hold = Request("hold", "in", (), "why", "ana", AT, "run-1")
    refused = Request("rollback", "opt", ("a",), "why", "ana", AT, "run-1", version="9.9.9")
    with pytest.raises(RefusedError):
        update(services, (hold, refused), dry_run=False)
    assert services.documents.read("in").document.freeze is None


def test_interrupted_release_says_what_continues(
    services: Services, httpserver: HTTPServer
) -> None:
    """The journal is "interrupted", and Slack has the execution that continues."""
    console = Console(total=6, err=io.StringIO(), environ={})
    kept = Journal("demo", "release opt v7 (demo)", console.steps)
    kept.subjects, kept.execution = (SUBJECT,), E1
    httpserver.expect_request("/api/chat.postMessage").respond_with_json(
        {"ok": True, "ts": "1.2", "channel": "C0"}
    )
    release = ReleaseFlow(services, console, kept, make=lambda: (SUBJECT,), timeout=10)

    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("SLACK_BOT_TOKEN", "xoxb-1")
        result = release.report(Interrupted(signal.SIGINT))

    assert result.posted, result.note
    _pipelines, text = [request.get_data(as_text=True) for request, _ in httpserver.log]
    assert "was interrupted" in text
    assert f"the pipeline execution {E1} continues without this command" in text
    assert kept.outcome == journal.INTERRUPTED
    assert "**interrupted** after" in kept.markdown()
