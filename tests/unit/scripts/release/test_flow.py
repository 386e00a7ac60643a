"""What a release makes of what visitors are served, and of a Slack that was told already."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer

from phaseline.documents.document import Document
from phaseline.errors import ConfigurationError, DeploymentError, RefusedError, TimedOutError
from phaseline.promotion.request import Request
from phaseline.releases.release import SUPERSEDED, VERIFIED
from phaseline.site import manifests
from scripts.cli.console import Console
from scripts.release import journal
from scripts.release.flow import Release
from scripts.release.journal import Journal
from scripts.release.request import update
from scripts.release.subject import Move, Subject
from scripts.services import Services
from tests.builders.calls import Calls
from tests.builders.environments import DEMO
from tests.builders.executions import E1, detail, summary
from tests.builders.releases import release as recorded
from tests.builders.site import make_buckets, manifest
from tests.builders.stores import AT, make_table
from tests.builders.timing import Timer

TOKEN_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-abc123"
MOVE = Move("a", "0.9.0", "1.0.0", "r", "ana", "why")
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
    Release(
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


def test_it_closes_what_it_proved(services: Services) -> None:
    """A release that the pipeline left open is verified; the next run finds nothing to do."""
    assert run(services, SUBJECT, 7, "1.0.0").outcome == journal.DONE
    assert state(services) == VERIFIED
    assert (seen := services.lives.newest())
    assert seen.documents["opt"].revision == 7
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


def test_a_newer_one_is_shown(services: Services) -> None:
    """Where a later revision shows another version, this release is superseded."""
    assert run(services, SUBJECT, 9, "2.0.0").outcome == journal.SUPERSEDED
    assert state(services) == SUPERSEDED


def test_a_newer_one_shows_the_same(services: Services) -> None:
    """A later revision that still shows the version proves it too."""
    assert run(services, SUBJECT, 9, "1.0.0").outcome == journal.DONE
    assert state(services) == VERIFIED


def test_built_from_it_and_shows_another(services: Services) -> None:
    """A frontend that shows something else than its documents say is a failure."""
    with pytest.raises(DeploymentError, match="built from revision 7, but names other versions"):
        run(services, SUBJECT, 7, "0.9.0")


def test_it_never_arrives(services: Services) -> None:
    """An older revision that stays is told after the bound."""
    with pytest.raises(TimedOutError, match=r"expected revision 7 .*found revision 6"):
        run(services, SUBJECT, 6, "0.9.0")
    assert state(services) == "open"


def test_a_withdrawal(services: Services) -> None:
    """An algorithm that leaves the website is proved by its absence."""
    gone = replace(SUBJECT, moves=(replace(MOVE, algorithm="b", before="1", after=None),))
    assert run(services, gone, 7, "1.0.0").outcome == journal.DONE


def test_an_order_with_itself(services: Services) -> None:
    """An environment that would take its versions from itself is a mistake of its parameters."""
    vars(services)["environment"] = replace(services.environment, promotes_from="demo")
    with pytest.raises(ConfigurationError, match="PromotesFrom names the environment itself"):
        _ = services.upstream


def test_none_where_one_is_refused(services: Services) -> None:
    """Of the requests for several documents none is carried out where one would be refused."""
    services.documents.create_missing()
    hold = Request("hold", "in", (), "why", "ana", AT, "run-1")
    refused = Request("rollback", "opt", ("a",), "why", "ana", AT, "run-1", version="9.9.9")
    with pytest.raises(RefusedError):
        update(services, (hold, refused), dry_run=False)
    assert services.documents.read("in").document.freeze is None
