"""A release on the local system: an item's phase changes, the website serves the version."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from local.demo.demo import BROKEN_BUILD
from local.demo.watch import Watch
from local.system import ROOT, System, control, frontend, table, website
from phaseline.errors import RefusedError
from tests.system.conftest import COMPLETE, REJECTED, RUNNING, executions, names, promote, settle
from tests.waiting import eventually

ACTIONS = {
    "Source.Frontend", "Source.In", "Source.Opt", "Source.Out", "Build.Build",
    "Publish.Publish", "Announce.Notify", "Announce.Invalidate", "Verify.Verify",
}  # fmt: skip


@pytest.mark.parametrize("type_", ["in", "opt", "out"])
def test_promoted_version_reaches_the_website(system: System, type_: str) -> None:
    """A version of each type reaches the website, through every step."""
    steps = promote(system, type_, f"first-{type_}", "1.0.0")
    expected = {"item", "listener", "document", "dispatch", "execution", "pipeline"}
    expected |= {"invalidation", "edge", "slack", "verified"} | ACTIONS
    assert names(steps) == expected, steps
    status, page, _ = website.get(system, "/")
    assert status == 200
    assert f"first-{type_}" in page
    assert "1.0.0" in page


def test_website_is_built_from_the_recorded_versions(system: System) -> None:
    """The manifest names the commit, the execution and the object version of the document."""
    promote(system, "opt", "pinned", "2.0.0")
    settle(system)
    (release,) = system.ledger.releases("opt", "pinned")
    manifest = website.manifest(system)
    assert manifest["documents"]["opt"]["version_id"] == release.document_version
    assert manifest["documents"]["opt"]["revision"] == release.revision
    assert manifest["execution"] == executions(system)[0]["pipelineExecutionId"]
    assert len(manifest["commit"]) == 40


def test_dispatch_names_the_document_and_its_releases(system: System) -> None:
    """GitHub hears which version of which document is new, and which releases it holds."""
    promote(system, "opt", "dispatched", "1.0.0")
    (release,) = system.ledger.releases("opt", "dispatched")
    sent = [
        found for found in control.dispatches(system) if release.release_id in json.dumps(found)
    ]
    assert len(sent) == 1
    assert release.document_version is not None
    assert release.document_version in json.dumps(sent)


def test_simultaneous_promotions_of_two_types_arrive(system: System) -> None:
    """Two promotions at the same moment both arrive."""
    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda t: promote(system, t, f"together-{t}", "3.0.0"), ("in", "out")))
    for steps in seen:
        assert {"edge", "verified"} <= names(steps), steps
    assert website.versions(system, "in")["together-in"] == "3.0.0"
    assert website.versions(system, "out")["together-out"] == "3.0.0"


def test_commit_of_the_frontend_is_published(system: System) -> None:
    """A push to the frontend's repository is published, with the same versions."""
    promote(system, "opt", "steady", "1.0.0")
    settle(system)
    before = website.manifest(system)
    commit = frontend.commit(system, {"NOTES.md": "A note.\n"}, "Add a note")
    eventually(lambda: website.manifest(system)["commit"] == commit)
    assert website.manifest(system)["documents"] == before["documents"]
    settle(system)


def test_failing_build_is_reported_and_the_website_stays(system: System) -> None:
    """A build that fails is reported to Slack with stage, action and log; the old site stays."""
    promote(system, "opt", "fragile", "1.0.0")
    settle(system)
    page = website.get(system, "/")[1]
    good = (ROOT / "examples/frontend/buildspec.yml").read_text()
    frontend.commit(system, {"buildspec.yml": BROKEN_BUILD}, "Break the build")
    try:
        eventually(lambda: executions(system)[0]["status"] == "Failed")
        failed = executions(system)[0]["pipelineExecutionId"]

        def told() -> list[dict[str, Any]]:
            """The message about the execution that failed, and the reply with details."""
            found = [one for one in control.slack_messages(system) if failed in json.dumps(one)]
            main = [one for one in found if "failed in Build" in one["text"]]
            threads = {one["ts"] for one in main}
            replies = [
                one
                for one in control.slack_messages(system)
                if one.get("thread_ts") in threads and "Build / Build failed" in one["text"]
            ]
            return main + replies if replies else []

        _, reply = eventually(told)
        assert "http" in json.dumps(reply)
        assert website.get(system, "/")[1] == page
    finally:
        commit = frontend.commit(system, {"buildspec.yml": good}, "Mend the build")
    eventually(lambda: website.manifest(system)["commit"] == commit)
    settle(system)


def test_withdrawn_version_is_replaced_by_the_one_before(system: System) -> None:
    """A version that leaves the phase gives way to the verified one before it."""
    promote(system, "out", "regretted", "1.0.0")
    promote(system, "out", "regretted", "1.1.0")
    watch = Watch(system, "out", "regretted", "1.0.0")
    table.set_phase(system, "regretted", "1.1.0", REJECTED)
    assert {"edge", "verified"} <= names(list(watch.steps()))
    assert website.versions(system, "out")["regretted"] == "1.0.0"


def test_repeated_phase_starts_nothing(system: System) -> None:
    """Writing the phase that is there already starts nothing."""
    promote(system, "in", "unchanged", "1.0.0")
    settle(system)
    before = (len(executions(system)), len(control.dispatches(system)), website.manifest(system))
    table.set_phase(system, "unchanged", "1.0.0", COMPLETE)
    # A later release passes through the same stream: once it is there, nothing else is coming.
    promote(system, "in", "sentinel", "1.0.0")
    settle(system)
    assert len(executions(system)) == before[0] + 1
    assert len(control.dispatches(system)) == before[1] + 1
    assert len(list(system.ledger.releases("in", "unchanged"))) == 1


def test_without_an_invalidation_the_edge_is_stale(system: System) -> None:
    """The edge keeps an old page until an invalidation names it, so a missing one would show."""
    promote(system, "opt", "cached", "1.0.0")
    settle(system)
    old = website.get(system, "/")[1]
    bucket = system.outputs["site"]["SiteBucketName"]
    s3 = system.client("s3")
    stored = s3.get_object(Bucket=bucket, Key="index.html")
    body = stored["Body"].read()
    s3.put_object(
        Bucket=bucket,
        Key="index.html",
        Body=body + b"<!-- changed -->",
        ContentType=stored["ContentType"],
        CacheControl=stored["CacheControl"],
    )
    status, page, cache = website.get(system, "/")
    assert (status, page) == (200, old)
    assert cache.startswith("Hit")
    system.client("cloudfront").create_invalidation(
        DistributionId=system.outputs["site"]["DistributionId"],
        InvalidationBatch={
            "Paths": {"Quantity": 2, "Items": ["/", "/index.html"]},
            "CallerReference": "by-hand",
        },
    )
    assert website.get(system, "/")[1].endswith("<!-- changed -->")
    s3.put_object(
        Bucket=bucket,
        Key="index.html",
        Body=body,
        ContentType=stored["ContentType"],
        CacheControl=stored["CacheControl"],
    )


def test_release_succeeds_without_slack(system: System) -> None:
    """A release ends well while Slack answers nothing but errors."""
    faults = f"{system.slack_url.removesuffix('api/')}_phaseline/faults"
    urllib3.request("POST", faults, json={"status": 500, "count": 99})
    try:
        table.write_algorithm(
            system, "unheard", "1.0.0", type_="in", phase=COMPLETE, title="Unheard", summary=""
        )
        eventually(lambda: verified(system, "in", "unheard"))
        settle(system)
        lost = logged(system, "SlackNotifier", "SlackMessageLost")
    finally:
        urllib3.request("DELETE", faults)
    assert executions(system)[0]["status"] == "Succeeded"
    assert json.loads(lost)["SlackMessageLost"] == 1


def test_release_succeeds_without_github(system: System) -> None:
    """A release ends well while GitHub refuses the dispatch, which is then owed."""
    faults = f"{system.github_url}/_phaseline/faults"
    urllib3.request("POST", faults, json={"status": 502, "count": 1})
    promote_without_github = Watch(system, "in", "undispatched", "1.0.0")
    table.write_algorithm(
        system,
        "undispatched",
        "1.0.0",
        type_="in",
        phase=COMPLETE,
        title="Undispatched",
        summary="",
    )
    assert {"edge", "verified"} <= names(list(promote_without_github.steps()))
    before = control.dispatches(system)
    system.client("lambda").invoke(
        FunctionName=system.function("StreamListener"),
        Payload=json.dumps({"source": "aws.events"}),
    )
    (resent,) = control.dispatches(system)[len(before) :]
    assert "undispatched" in json.dumps(resent)


def verified(system: System, type_: str, algorithm: str) -> bool:
    """Whether the newest release of an algorithm was seen served."""
    newest = next(system.ledger.releases(type_, algorithm), None)
    return newest is not None and newest.state == "verified"


def lines(system: System, function: str, text: str, about: str) -> list[str]:
    """The lines with `text`, about something, in a function's log, the oldest first."""
    name = system.function(function)
    configuration = system.client("lambda").get_function_configuration(FunctionName=name)
    group = configuration["LoggingConfig"]["LogGroup"]
    pages = system.client("logs").get_paginator("filter_log_events")
    return [
        event["message"]
        for page in pages.paginate(logGroupName=group, filterPattern=text)
        for event in page["events"]
        if about in event["message"]
    ]


def logged(system: System, function: str, text: str, about: str = "") -> str:
    """The newest line with `text`, about something, in a function's log."""
    return eventually(lambda: lines(system, function, text, about))[-1]


def test_invalid_item_is_logged_and_given_up_alone(system: System) -> None:
    """An item of an unknown type is rejected in the log, by table, key and attribute, until Lambda
    gives it up. The promotion behind it arrives after that."""
    table.write_algorithm(
        system, "adrift", "1.0.0", type_="sideways", phase=COMPLETE, title="Adrift", summary=""
    )
    assert "edge" in names(promote(system, "opt", "behind", "1.0.0"))
    rejected = lines(system, "StreamListener", "RecordRejected", about="adrift")
    assert len(rejected) >= 31  # MaximumRetryAttempts in infra/listener.yaml, and the first
    assert "attribute 'type'" in rejected[-1]
    assert system.outputs["registry"]["AlgorithmsTableName"] in rejected[-1]


def test_version_in_test_is_not_shown(system: System) -> None:
    """A version whose tests still run is not shown."""
    table.write_algorithm(
        system, "unready", "1.0.0", type_="opt", phase=RUNNING, title="Unready", summary=""
    )
    promote(system, "opt", "ready", "1.0.0")
    assert "unready" not in website.versions(system, "opt")


def test_phase_of_a_missing_item_is_refused(system: System) -> None:
    """Changing the phase of a version that does not exist is refused by its name."""
    with pytest.raises(RefusedError, match=r"no item nobody 1\.0\.0"):
        table.set_phase(system, "nobody", "1.0.0", COMPLETE)


def test_corrupt_document_is_refused_and_the_website_stays(system: System) -> None:
    """It is refused and named with its last good version, and the old site stays meanwhile."""
    promote(system, "out", "intact", "1.0.0")
    settle(system)
    s3, page = system.client("s3"), website.get(system, "/")[1]
    bucket, key = system.outputs["site"]["MetadataBucketName"], "metadata/out.zip"
    good = s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    s3.put_object(Bucket=bucket, Key=key, Body=b"edited by hand")
    try:
        table.write_algorithm(
            system, "patient", "1.0.0", type_="out", phase=COMPLETE, title="Patient", summary=""
        )
        line = logged(system, "StreamListener", "BadZipFile", about=good)
        assert f"the last good version of the object is {good}" in line
        eventually(lambda: executions(system)[0]["status"] == "Failed")
        assert website.get(system, "/")[1] == page
    finally:
        s3.copy_object(
            Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key, "VersionId": good}
        )
    # The next change of the type brings the one that was refused, if its own retry has not.
    assert {"edge", "verified"} <= names(promote(system, "out", "intact", "1.1.0"))
    eventually(lambda: website.versions(system, "out").get("patient") == "1.0.0")
    settle(system)
    settle(system)
