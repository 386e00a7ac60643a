"""What goes wrong around the repository's workflows: it is told once, harms nothing, and heals."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import automation
from local.automation import PARAMETERS
from local.demo.demo import BROKEN_BUILD
from local.system import System, control, frontend, website
from phaseline.aws.dynamodb import plain
from phaseline.deploy.plan import STACKS
from tests.standins.conftest import call
from tests.system.conftest import executions, ledger_items, promote
from tests.waiting import eventually
from tests.workflows.conftest import (
    QUICK,
    by_hand,
    comments,
    deployments,
    failing,
    propose,
    review,
    settle,
    started_by_hand,
    succeeded,
    turn,
    versions,
    waiting,
)

TESTED, CHECKED = "on-version-tested.yml", "pull-request.yml"
PIPELINE = "infra/pipeline.yaml"


def failed(run: dict[str, Any], *words: str) -> dict[str, Any]:
    """The run, which has to have failed, with an annotation and a summary that hold the words."""
    assert run["conclusion"] == "failure", Path(run["log"]).read_text()
    (message,) = [note["message"] for note in run["annotations"] if note["level"] == "error"]
    summary = run["summary"].replace("\\", "")
    for word in words:
        assert word in message
        assert word in summary
    return run


def state(system: System, algorithm: str) -> dict[str, Any]:
    """What a release of an algorithm of type out changes: the document, executions, what ledger and
    Slack have on it, and the website."""
    s3, bucket = system.client("s3"), system.outputs["site"]["MetadataBucketName"]
    return {
        "document": s3.head_object(Bucket=bucket, Key="metadata/out.zip")["VersionId"],
        "executions": len(executions(system)),
        "ledger": about(algorithm, ledger_items(system)),
        "messages": about(algorithm, control.slack_messages(system)),
        "served": website.manifest(system),
    }


def unfinished(system: System, algorithm: str) -> list[dict[str, Any]]:
    """The records of the messages about an algorithm that an event under way may still edit. A
    record without digest is one that Slack refused: only an event to come edits it."""
    items = map(plain, ledger_items(system))
    records = [item for item in items if item["sk"] == "slack" and algorithm in str(item)]
    return [one for one in records if "holder" in one or ("open" in one and one["digest"])]


def about(algorithm: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that name an algorithm: what others leave behind may still come."""
    return [item for item in items if algorithm in json.dumps(item)]


def texts(messages: list[dict[str, Any]]) -> list[str]:
    """What the messages in the channel itself say."""
    return [message["text"] for message in messages if "thread_ts" not in message]


def said(system: System, algorithm: str) -> list[str]:
    """What the messages about the newest release of an algorithm say."""
    id_ = next(system.ledger.releases("out", algorithm)).release_id
    return texts([one for one in control.slack_messages(system) if id_ in json.dumps(one)])


@contextmanager
def broken_build(system: System) -> Iterator[None]:
    """A frontend whose build fails; afterwards a mended one, published."""
    good, told = frontend.read(system, "buildspec.yml"), len(control.slack_messages(system))
    frontend.commit(system, {"buildspec.yml": BROKEN_BUILD}, "Break the build")
    eventually(
        lambda: any("failed" in text for text in texts(control.slack_messages(system)[told:]))
    )
    settle(system)
    try:
        yield
    finally:
        commit = frontend.commit(system, {"buildspec.yml": good}, "Mend the build")
        eventually(lambda: website.manifest(system)["commit"] == commit)
        settle(system)


def test_failing_build_is_reported_until_it_is_corrected(system: System, algorithm: str) -> None:
    """Run, deployment and one message tell of it, the site stays; once mended, it arrives.

    The event's own execution may have failed before the command looks, which then tries once more:
    the release's message is the same.
    """
    shown, wanted = versions(system, algorithm)
    page = website.get(system, "/")[1]
    with broken_build(system):
        run = by_hand(system, "promote", algorithm, wanted)
        settle(system)
        failed(run, "Build / Build failed", "exit status 1", "Correct the cause")
        assert "| Pipeline | failed |" in run["summary"]
        assert deployments(system, run) == [("failure", system.edge_url)]
        eventually(lambda: "failed in Build" in "".join(said(system, algorithm)))
        (execution,) = {
            values["execution-id"] for values in run["outputs"].values() if "execution-id" in values
        }
        assert len(said(system, algorithm)) == 1
        assert execution in json.dumps(control.slack_messages(system))
        assert website.get(system, "/")[1] == page
        assert next(system.ledger.releases("out", algorithm)).state == "open"

    assert versions(system, algorithm) == (wanted, shown)
    assert next(system.ledger.releases("out", algorithm)).state == "verified"
    assert "already done" in succeeded(by_hand(system, "promote", algorithm, wanted))["summary"]
    eventually(lambda: said(system, algorithm)[0].endswith("is live"))
    assert len(said(system, algorithm)) == 1


def pushed(system: System, path: str, text: str) -> dict[str, Any]:
    """Push a file's new text; the run of deploy.yml that this starts."""
    last = automation.newest_run(system)
    automation.push(system, {path: text}, f"Change {path}")
    return automation.ended(system, "deploy.yml", after=last)


def stacks(system: System) -> dict[str, Any]:
    """When each stack was last changed."""
    found = system.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack.get("LastUpdatedTime") for stack in found}


def test_refused_parameter_changes_nothing(system: System) -> None:
    """The job names stack and parameter and what to do; nothing is changed, nor goes on."""
    good, before = automation.read(system, PARAMETERS), stacks(system)
    wrong = json.loads(good)
    wrong.setdefault("slack", {})["SlackChannel"] = "#releases"

    run = pushed(system, PARAMETERS, json.dumps(wrong))
    failed(run, "phaseline-demo-slack", "'SlackChannel'", "Correct the template or the param")
    assert run["jobs"]["Foundation / Deploy registry site to demo"] == "success"
    assert run["jobs"].get("Pipeline / Deploy pipeline to demo", "skipped") == "skipped"
    assert stacks(system) == before

    run = succeeded(pushed(system, PARAMETERS, good))
    assert deployments(system, run) == []


def test_failing_stack_is_named_and_rolled_back(system: System, algorithm: str) -> None:
    """The failed resource and its reason are named, all stacks are as before, a push heals it."""
    good, before, served = (
        automation.read(system, PIPELINE),
        stacks(system),
        website.manifest(system),
    )
    wrong = good.replace("ExecutionMode: SUPERSEDED", "ExecutionMode: SOMETIMES")

    run = failed(
        pushed(system, PIPELINE, wrong),
        *("phaseline-demo-pipeline", "UPDATE_ROLLBACK_COMPLETE", "AWS::CodePipeline::Pipeline"),
        *("must be one of QUEUED", "Correct the cause and deploy again"),
    )
    assert deployments(system, run) == []  # they would replace the release's address
    kept = [name for name in before if name != "phaseline-demo-pipeline"]
    assert {name: stacks(system)[name] for name in kept} == {name: before[name] for name in kept}
    pipeline = system.client("codepipeline").get_pipeline(name=system.pipeline)["pipeline"]
    assert pipeline["executionMode"] == "SUPERSEDED"

    succeeded(pushed(system, PIPELINE, good))
    settle(system)
    assert website.manifest(system)["documents"] == served["documents"]
    shown, wanted = versions(system, algorithm)
    succeeded(by_hand(system, "promote", algorithm, wanted))
    assert versions(system, algorithm) == (wanted, shown)


def test_refused_approval_ends_the_run(system: System, algorithm: str) -> None:
    """A reviewer who says no ends the run, and nothing was done."""
    eventually(lambda: not unfinished(system, algorithm))
    before = state(system, algorithm)
    with waiting(system, "promote", algorithm, versions(system, algorithm)[1]) as run:
        ended = review(system, run, approve=False)
    assert ended["conclusion"] == "failure"
    assert [note["title"] for note in ended["annotations"]] == ["Rejected"]
    assert "Assumed arn:" not in Path(ended["log"]).read_text()
    assert deployments(system, ended) == []
    assert state(system, algorithm) == before


def test_cancelled_release_says_what_continues(system: System, algorithm: str) -> None:
    """The command says that it was interrupted and what continues, and AWS releases the version."""
    eventually(lambda: not unfinished(system, algorithm))
    shown, wanted = versions(system, algorithm)
    pipeline, gate = system.client("codepipeline"), {"transitionType": "Inbound"}
    gate |= {"pipelineName": system.pipeline, "stageName": "Publish"}
    pipeline.disable_stage_transition(**gate, reason="The release must not end meanwhile")
    try:
        number = started_by_hand(system, "promote", algorithm, wanted)
        log = Path(call(f"{system.github_url}/_phaseline/runs/{number}").json()["log"])
        eventually(lambda: "[3/6] Pipeline" in log.read_text())
        automation.call(system, "POST", f"/actions/runs/{number}/cancel")
        run = automation.ended(system, "promote.yml", after=number - 1)
    finally:
        pipeline.enable_stage_transition(**gate)

    assert run["conclusion"] == "cancelled", log.read_text()
    (message,) = [note["message"] for note in run["annotations"] if note["level"] == "error"]
    assert 'interrupted by SIGINT; in the step "Pipeline", after "Metadata", "Pipel' in message
    assert "continues without this command" in message
    assert "**interrupted** after" in run["summary"]
    assert "| Pipeline | interrupted |" in run["summary"]
    assert "interrupted" in {values.get("outcome") for values in run["outputs"].values()}
    eventually(lambda: versions(system, algorithm) == (wanted, shown))
    settle(system)


def test_release_succeeds_without_slack(system: System, algorithm: str) -> None:
    """A release by hand is served and ends well, with nothing in Slack."""
    shown, wanted = versions(system, algorithm)
    told = control.slack_messages(system)
    with failing(system.slack_url.removesuffix("/api/"), {"status": 500, "count": 99}):
        run = succeeded(by_hand(system, "promote", algorithm, wanted))
        settle(system)
        assert control.slack_messages(system) == told
    assert versions(system, algorithm) == (wanted, shown)
    assert deployments(system, run) == [("success", system.edge_url)]
    assert "**done**" in run["summary"]
    assert next(system.ledger.releases("out", algorithm)).state == "verified"


def test_failed_comment_is_written_once_by_the_next_run(system: System) -> None:
    """A preview that could not comment says so; repeated, each comment is there just once."""
    last = automation.newest_run(system)
    down = {"method": "POST", "path": "/comments", "status": 502, "count": 99}
    with failing(system.github_url, down):
        number = propose(system, "unheard", {"Makefile": QUICK})
        run = automation.ended(system, CHECKED, after=last)
    assert run["conclusion"] == "failure"
    assert run["jobs"]["Required"] == "failure"
    (message,) = [note["message"] for note in run["annotations"] if "GitHub" in note["message"]]
    assert f"acme/automation#{number}: GitHub answers 502" in message
    assert "Run it again" in message
    assert comments(system, number) == []

    turn(system, number, "closed")
    refused = {"path": "/comments", "status": 502}
    lost = {"path": "/comments", "drop": True, "method": "POST"}
    with failing(system.github_url, refused, lost, lost, refused | {"method": "POST"}):
        turn(system, number, "open")
        again = succeeded(automation.ended(system, CHECKED, after=run["id"]))
    assert again["jobs"]["Required"] == "success"
    said = comments(system, number)
    assert len({text.splitlines()[0] for text in said}) == len(said) == len(STACKS)
    turn(system, number, "closed")


def resend(system: System) -> None:
    """Call the listener as its schedule does."""
    system.client("lambda").invoke(
        FunctionName=system.function("StreamListener"),
        Payload=json.dumps({"source": "aws.events"}),
    )


def test_version_arrives_although_its_dispatch_is_refused(system: System) -> None:
    """GitHub refuses the listener's dispatch: the version arrives, and the next one says done."""
    last = automation.newest_run(system)
    with failing(system.github_url, {"path": "/dispatches", "status": 502}):
        promote(system, "in", "refused", "1.0.0")
        settle(system)
        # On a slow machine the listener's schedule may have sent it again, which is refused, too.
        assert about("in-refused-", control.dispatches(system)) == []
        assert website.versions(system, "in")["refused"] == "1.0.0"

    before = website.manifest(system)
    resend(system)
    run = succeeded(automation.ended(system, TESTED, after=last))
    assert "already done" in run["summary"]
    assert deployments(system, run) == [("success", system.edge_url)]
    assert website.manifest(system) == before
    resend(system)
    assert len(about("in-refused-", control.dispatches(system))) == 1


def test_dispatch_whose_answer_is_lost_is_sent_again(system: System) -> None:
    """It is sent again, since nobody can know: the second run finds all done, and tells nothing."""
    last = automation.newest_run(system)
    with failing(system.github_url, {"path": "/dispatches", "drop": True}):
        promote(system, "in", "unanswered", "1.0.0")
    first = succeeded(automation.ended(system, TESTED, after=last))
    settle(system)
    before = (website.manifest(system), about("unanswered", control.slack_messages(system)))

    resend(system)
    second = succeeded(automation.ended(system, TESTED, after=first["id"]))
    assert "already done" in second["summary"]
    assert len(about("unanswered", control.dispatches(system))) == 2
    assert (website.manifest(system), about("unanswered", control.slack_messages(system))) == before
    assert len(list(system.ledger.releases("in", "unanswered"))) == 1
