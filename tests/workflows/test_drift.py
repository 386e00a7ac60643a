"""drift.yml on the whole system: what people change by hand is found, explained and mended."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import automation
from local.system import AUTOMATION, ENVIRONMENT, ROOT, System, control, deployment, table, website
from phaseline import archive
from scripts.github.issues import LABEL
from tests.standins.conftest import call
from tests.system.conftest import COMPLETE, REJECTED, logged, promote
from tests.waiting import eventually
from tests.workflows.conftest import settle, succeeded, without_rule

NAMES = {"in": "gate-scan", "opt": "curb-finder", "out": "parcel-sorter"}
"""An algorithm of each type, of which these tests make 1.0.0 live."""
DEAF = """
def handler(event, context):
    for record in event.get("Records", []):
        print("forgot", record["dynamodb"]["NewImage"]["phase"]["S"])
    return {"batchItemFailures": []}
"""
"""A listener that hears nothing: what it was sent is lost."""
STRAY, STALE = "stray.html", "<p>Yesterday</p>"


@pytest.fixture(scope="module", autouse=True)
def live(system: System) -> None:
    """An algorithm of each type with a version that is live."""
    for type_, name in NAMES.items():
        promote(system, type_, name, "1.0.0")
    settle(system)


def looked(system: System) -> dict[str, Any]:
    """A run of drift.yml at its time."""
    told = {"repository": AUTOMATION, "workflow": "drift.yml"}
    last = automation.newest_run(system)
    assert call(f"{system.github_url}/_phaseline/schedule", method="POST", body=told).status == 200
    return automation.ended(system, "drift.yml", after=last)


def repaired(system: System) -> dict[str, Any]:
    """A run of drift.yml that repairs, once somebody has approved that."""
    environment = f"{system.github_url}/_phaseline/environments/{ENVIRONMENT}"
    protected = {"repository": AUTOMATION, "approval": True}
    assert call(environment, method="PUT", body=protected).status == 200
    try:
        number = automation.dispatch(system, "drift.yml", environment=ENVIRONMENT, repair="true")
        run = f"{system.github_url}/_phaseline/runs/{number}"
        eventually(lambda: call(run).json()["status"] == "waiting")
        assert call(f"{run}/approve", method="POST", body={"approve": True}).json()["decided"] == 1
        return automation.ended(system, "drift.yml", after=number - 1)
    finally:
        call(environment, method="PUT", body=protected | {"approval": False})


def issues(system: System) -> list[dict[str, Any]]:
    """The issues about drift, oldest first."""
    found = automation.call(system, "GET", f"/issues?state=all&labels={LABEL}")
    return list(reversed(found))


def told(system: System) -> list[str]:
    """What Slack was told about drift, oldest first."""
    texts = [message["text"] for message in control.slack_messages(system)]
    return [text for text in texts if "difference" in text or "agree again" in text]


def found(run: dict[str, Any]) -> dict[str, int]:
    """How many findings of each kind a run tells, by its summary."""
    assert run["conclusion"] == "failure"
    kinds: dict[str, int] = {}
    kind = ""
    for line in run["summary"].splitlines():
        if line.startswith("### "):
            kind = line.removeprefix("### ")
        elif line.startswith("- **"):
            kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def checks(system: System) -> float:
    """How many complete checks CloudWatch knows of."""
    now = datetime.now(UTC)
    got = system.client("cloudwatch").get_metric_statistics(
        Namespace="Phaseline",
        MetricName="DriftChecked",
        Dimensions=[{"Name": "Environment", "Value": ENVIRONMENT}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(one["Sum"] for one in got["Datapoints"]))


def scripts(system: System, *words: str) -> None:
    """A command, as an administrator runs it."""
    command = [sys.executable, "-m", "scripts", *words, "--environment", ENVIRONMENT]
    done = subprocess.run(command, cwd=ROOT, env=system.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def bucket(system: System, name: str) -> str:
    return system.outputs["site"][f"{name}BucketName"]


def edit(system: System, type_: str, version: str) -> None:
    """Write a document as somebody does who does not know Phaseline: the tests' algorithm of its
    type gets another version."""
    s3, place = system.client("s3"), {"Bucket": bucket(system, "Metadata")}
    key = f"metadata/{type_}.zip"
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Key=key, **place)["Body"].read())) as zipped:
        (name,) = zipped.namelist()
        document = json.loads(zipped.read(name))
    document["algorithms"][NAMES[type_]]["version"] = version
    document["revision"] += 1
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as zipped:
        zipped.writestr(name, json.dumps(document))
    s3.put_object(Key=key, Body=body.getvalue(), **place)


def reopen(system: System, type_: str) -> str:
    """Take back in the ledger that the tests' algorithm of a type was verified; its release."""
    release = next(system.ledger.releases(type_, NAMES[type_]))
    system.client("dynamodb").update_item(
        TableName=system.ledger.table,
        Key=release.key,
        UpdateExpression="SET #state = :open, #open = :type REMOVE step_verified",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeNames={"#state": "state", "#open": "open"},
        ExpressionAttributeValues={":open": {"S": "open"}, ":type": {"S": type_}},
    )
    return release.release_id


def replace_code(system: System, function: str, handler: str) -> str:
    """Give a function another code, as somebody does in the console; the function's name."""
    name = system.function(function)
    client = system.client("lambda")
    code = archive.pack({"handler.py": handler.encode()})
    client.update_function_code(FunctionName=name, ZipFile=code)
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    return name


def test_environment_without_drift_reports_nothing(system: System) -> None:
    """No issue, no message, and CloudWatch hears that all was looked at."""
    before = checks(system), told(system), issues(system)
    run = succeeded(looked(system))
    assert "no differences" in run["summary"]
    assert (checks(system), told(system), issues(system)) == (before[0] + 1, *before[1:])


def outbox(system: System, type_: str, releases: list[str], *, sent: bool) -> None:
    """Say in the outbox whether a dispatch with these releases was sent."""
    system.client("dynamodb").update_item(
        TableName=system.ledger.table,
        Key={"pk": {"S": f"document#{type_}"}, "sk": {"S": "settled"}},
        UpdateExpression="SET releases = :releases, sent = :sent",
        ExpressionAttributeValues={
            ":releases": {"L": [{"S": release} for release in releases]},
            ":sent": {"BOOL": sent},
        },
    )


def test_lost_releases_are_found_and_repaired(system: System) -> None:
    """Lost, withdrawn, edited, not built, left open, not told: each is found. What is for people
    they put right, the rest the approved repair, which closes the issue."""
    known, before = issues(system), told(system)
    listener = replace_code(system, "StreamListener", DEAF)
    edit(system, "in", "6.6.6")  # its event starts the pipeline, as it should
    write(system, "opt", "1.1.0", COMPLETE)
    table.set_phase(system, NAMES["out"], "1.0.0", REJECTED)
    with without_rule(system, "out"):
        asked = ("--type", "out", "--algorithm", NAMES["out"], "--reason", "No event tells of it")
        scripts(system, "update-metadata", "--action", "hold", *asked)
    eventually(lambda: logged(system, listener, f'"forgot {REJECTED}"'))
    settle(system)
    reopened = reopen(system, "opt")
    outbox(system, "opt", ["nobody"], sent=False)

    run = looked(system)
    assert found(run) == {
        "lost-promotion": 1,
        "lost-withdrawal": 2,
        "edited-document": 1,
        "old-site": 1,
        "open-release": 1,
        "owed-dispatch": 1,
        "code": 1,
    }
    (issue,) = issues(system)[len(known) :]
    assert (issue["state"], issue["title"]) == ("open", f"{ENVIRONMENT} is not as declared")
    assert reopened in issue["body"]
    (opened,) = told(system)[len(before) :]
    assert "8 differences: " in opened

    outbox(system, "opt", [], sent=True)
    table.set_phase(system, NAMES["out"], "1.0.0", COMPLETE)
    with without_rule(system, "in"):
        asked = ("--type", "in", "--algorithm", NAMES["in"], "--version", "1.0.0")
        scripts(system, "update-metadata", "--action", "promote", *asked, "--reason", "Tested")
    run = succeeded(repaired(system))
    assert "no differences" in run["summary"]
    (issue,) = issues(system)[len(known) :]
    assert (issue["state"], issue["comments"]) == ("closed", 1)
    assert website.versions(system, "opt")[NAMES["opt"]] == "1.1.0"
    assert website.versions(system, "in")[NAMES["in"]] == "1.0.0"
    states = [release.state for release in system.ledger.releases("opt", NAMES["opt"])]
    assert states == ["verified", "verified"], run["summary"]
    _, changed, recovered = told(system)[len(before) :]
    assert "old-site" in changed
    assert "agree again" in recovered
    asked = ("--type", "out", "--algorithm", NAMES["out"], "--reason", "It is told again")
    scripts(system, "release", "--action", "resume", *asked)
    settle(system)


def test_differences_from_the_declarations_are_found(system: System) -> None:
    """Stacks, template, parameter, code, pipeline, connection, document, website, cache: each is
    found. A deploy and people put right what the approved repair does not."""
    known, before = issues(system), checks(system)
    with ExitStack() as apart:
        apart.enter_context(without_rule(system, "in"))
        apart.enter_context(unreadable(system, "in"))
        apart.enter_context(closed(system, "Publish"))
        apart.enter_context(disconnected(system))
        deployed_by_hand(system)
        system.client("cloudformation").delete_stack(StackName=f"phaseline-{ENVIRONMENT}-watch")
        replace_code(system, "SlackNotifier", DEAF)
        stale(system, "index.html")
        system.client("s3").put_object(Bucket=bucket(system, "Site"), Key=STRAY, Body=b"Hello")

        run = looked(system)
        assert found(run) == {
            "unreadable-document": 1,
            "old-cache": 1,
            "wrong-site": 1,
            "stack-drift": 1,
            "missing-stack": 1,
            "template": 1,
            "parameter": 1,
            "code": 1,
            "pipeline": 1,
            "connection": 1,
        }
        places = {(one["title"], one["file"]) for one in run["annotations"] if one["file"]}
        assert places == {
            ("stack-drift", "infra/pipeline.yaml"),
            ("missing-stack", "infra/watch.yaml"),
            ("template", "infra/pipeline.yaml"),
            ("parameter", "infra/pipeline.yaml"),
            ("code", "infra/slack.yaml"),
            ("pipeline", "infra/pipeline.yaml"),
        }
        assert "### Not checked" in run["summary"]
        assert checks(system) == before
    last = automation.newest_run(system)
    automation.dispatch(system, "deploy.yml", environment=ENVIRONMENT)
    succeeded(automation.ended(system, "deploy.yml", after=last))
    deployment.follow_stacks(system)

    run = succeeded(repaired(system))
    assert "no differences" in run["summary"]
    (issue,) = issues(system)[len(known) :]
    assert issue["state"] == "closed"
    assert checks(system) > before
    assert website.get(system, f"/{STRAY}")[0] == 404
    assert STALE not in website.get(system, "/index.html")[1]


def write(system: System, type_: str, version: str, phase: str) -> None:
    """Put a version of the tests' algorithm of a type into the table."""
    name = NAMES[type_]
    table.write_algorithm(
        system, name, version, type_=type_, phase=phase, title=name, summary=version
    )


@contextmanager
def unreadable(system: System, type_: str) -> Iterator[None]:
    """A document's newest version is no zip; it is deleted at the end."""
    s3 = system.client("s3")
    place = {"Bucket": bucket(system, "Metadata"), "Key": f"metadata/{type_}.zip"}
    version = s3.put_object(Body=b"none", **place)["VersionId"]
    try:
        yield
    finally:
        s3.delete_object(VersionId=version, **place)


@contextmanager
def closed(system: System, stage: str) -> Iterator[None]:
    """Nothing enters a stage of the pipeline."""
    client = system.client("codepipeline")
    place = {"pipelineName": system.pipeline, "stageName": stage, "transitionType": "Inbound"}
    client.disable_stage_transition(reason="Looking at something", **place)
    try:
        yield
    finally:
        client.enable_stage_transition(**place)


@contextmanager
def disconnected(system: System) -> Iterator[None]:
    """The connection to GitHub waits for somebody."""

    def told(status: str) -> None:
        said = {"arn": system.outputs["pipeline"]["ConnectionArn"], "status": status}
        where = f"{system.endpoint}/_phaseline/connection"
        assert call(where, method="POST", body=said).status == 200

    told("PENDING")
    try:
        yield
    finally:
        told("AVAILABLE")


def deployed_by_hand(system: System) -> None:
    """Deploy the pipeline's stack from another template, with another parameter."""
    client, name = system.client("cloudformation"), f"phaseline-{ENVIRONMENT}-pipeline"
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    template = client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    client.update_stack(
        StackName=name,
        TemplateBody=template.replace("Outputs:", "Outputs:\n  Extra: { Value: extra }", 1),
        Parameters=[
            {"ParameterKey": one["ParameterKey"], "ParameterValue": "3"}
            if one["ParameterKey"] == "LogRetentionDays"
            else {"ParameterKey": one["ParameterKey"], "UsePreviousValue": True}
            for one in stack["Parameters"]
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    client.get_waiter("stack_update_complete").wait(StackName=name)


def stale(system: System, key: str) -> None:
    """Let the CDN keep a page that is not in the bucket any more."""
    s3, place = system.client("s3"), {"Bucket": bucket(system, "Site"), "Key": key}
    kept = s3.get_object(**place)
    more = {name: kept[name] for name in ("ContentType", "CacheControl") if name in kept}
    body = kept["Body"].read()
    s3.put_object(Body=STALE.encode(), **more, **place)
    system.client("cloudfront").create_invalidation(
        DistributionId=system.outputs["site"]["DistributionId"],
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": [f"/{key}"]},
            "CallerReference": str(datetime.now(UTC)),
        },
    )
    assert website.get(system, f"/{key}")[1] == STALE
    s3.put_object(Body=body, **more, **place)
