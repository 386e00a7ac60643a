"""A declared pipeline runs on the emulator as it would on AWS."""

import io
import itertools
import json
import urllib.error
import urllib.request
import uuid
import zipfile
from typing import Any

import pytest

from local.waiting import PATIENCE
from tests.emulator.conftest import BUILDSPEC, Emulator, zipped
from tests.waiting import eventually

NAME = "delivery"


def finished(emulator: Emulator, execution: str, *, name: str = NAME) -> dict[str, Any]:
    """The execution, once it has ended."""
    client = emulator.client("codepipeline")

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get_pipeline_execution(
            pipelineName=name, pipelineExecutionId=execution
        )["pipelineExecution"]
        return found if found["status"] not in {"InProgress", "Stopping"} else None

    return eventually(look) or {}


def actions(emulator: Emulator, execution: str, *, name: str = NAME) -> dict[str, dict[str, Any]]:
    """The latest run of each action."""
    found = emulator.client("codepipeline").list_action_executions(
        pipelineName=name, filter={"pipelineExecutionId": execution}
    )["actionExecutionDetails"]
    return {run["actionName"]: run for run in reversed(found)}


def push(emulator: Emulator, message: str, **files: str) -> tuple[str, str]:
    """Push a commit and tell the emulator: the commit and the execution that it started."""
    commit = emulator.push(message, **files)
    body = json.dumps({"repository": "acme/site", "branch": "main", "commit": commit}).encode()
    request = urllib.request.Request(f"{emulator.url}/_phaseline/push", body, method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
        (started,) = json.load(response)["started"]
    return commit, started


def start(emulator: Emulator, *, name: str = NAME, **request: Any) -> str:
    """Start an execution."""
    client = emulator.client("codepipeline")
    return str(client.start_pipeline_execution(name=name, **request)["pipelineExecutionId"])


def small_pipeline(emulator: Emulator, name: str, mode: str, told: str = "#{Opt.ETag}") -> str:
    """A pipeline that takes an object and tells the flaky function something: its first execution.

    The function crashes in its first call for a job when it is told to `crash`.
    """
    client = emulator.client("codepipeline")
    declared = client.get_pipeline(name=NAME)["pipeline"]
    source, _, release = declared["stages"]
    declared["stages"] = [
        {"name": "Source", "actions": [a for a in source["actions"] if a["name"] == "Opt"]},
        {"name": "Release", "actions": [a for a in release["actions"] if a["name"] == "Check"]},
    ]
    configuration = declared["stages"][1]["actions"][0]["configuration"]
    configuration |= {"FunctionName": "flaky", "UserParameters": told}
    client.create_pipeline(pipeline={**declared, "name": name, "executionMode": mode})
    found = client.list_pipeline_executions(pipelineName=name)
    return str(found["pipelineExecutionSummaries"][0]["pipelineExecutionId"])


def waiting(emulator: Emulator, queue: str) -> list[dict[str, Any]]:
    """All messages of a queue, taken out of it."""
    sqs, found = emulator.client("sqs"), []
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    every = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    while messages := sqs.receive_message(QueueUrl=url, **every).get("Messages"):
        for message in messages:
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def built(emulator: Emulator, execution: str) -> dict[str, str]:
    """The environment in which the execution's build ran."""
    (artifact,) = actions(emulator, execution)["Build"]["output"]["outputArtifacts"]
    place = artifact["s3location"]
    body = emulator.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"]
    with zipfile.ZipFile(io.BytesIO(body.read())) as archive:
        lines = archive.read("env.txt").decode().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_creation_starts_the_first_execution(stack: Emulator) -> None:
    """A created pipeline runs once by itself, through every kind of action."""
    (first,) = stack.client("codepipeline").list_pipeline_executions(pipelineName=NAME)[
        "pipelineExecutionSummaries"
    ][-1:]
    assert first["trigger"]["triggerType"] == "CreatePipeline"
    execution = first["pipelineExecutionId"]
    assert finished(stack, execution)["status"] == "Succeeded"
    page = stack.client("s3").get_object(Bucket="site", Key="env.txt")
    assert page["ContentType"] == "text/plain"


def test_build_gets_only_the_documented_variables(stack: Emulator) -> None:
    """A build sees CodeBuild's variables and those of the action, project and buildspec only."""
    execution = start(stack, variables=[{"name": "COLOUR", "value": "blue"}])
    assert finished(stack, execution)["status"] == "Succeeded"
    seen = built(stack, execution)
    frontend = actions(stack, execution)["Frontend"]["output"]["outputVariables"]
    assert seen["EXECUTION"] == execution
    assert seen["COLOUR"] == "blue"
    assert seen["COMMIT"] == seen["CODEBUILD_RESOLVED_SOURCE_VERSION"] == frontend["CommitId"]
    assert seen["CARRIED"] == "carried"
    assert (seen["FROM_PROJECT"], seen["FROM_SPEC"]) == ("project", "spec")
    assert seen["CODEBUILD_INITIATOR"] == f"codepipeline/{NAME}"
    assert seen["CODEBUILD_SRC_DIR"] == seen["CODEBUILD_SRC_DIR_FrontendSource"]
    assert seen["CODEBUILD_BUILD_SUCCEEDING"] == "1"
    assert "CALLER_SECRET" not in seen


def test_function_continues_and_hands_over_variables(stack: Emulator) -> None:
    """A function that answers with a continuation token is asked again with it."""
    execution = start(stack)
    assert finished(stack, execution)["status"] == "Succeeded"
    check = actions(stack, execution)["Check"]["output"]["outputVariables"]
    assert check == {"Token": "second", "Given": json.dumps({"execution": execution})}


def test_object_event_pins_its_version(stack: Emulator) -> None:
    """Each version of a source object is built by an execution of its own."""
    s3, client = stack.client("s3"), stack.client("codepipeline")
    versions = {
        s3.put_object(
            Bucket="source", Key="metadata/opt.zip", Body=zipped(opt__json=json.dumps({"n": n}))
        )["VersionId"]
        for n in range(2)
    }

    def started() -> list[dict[str, Any]]:
        found = client.list_pipeline_executions(pipelineName=NAME)["pipelineExecutionSummaries"]
        caused = [
            execution
            for execution in found
            if execution["trigger"]["triggerType"] == "CloudWatchEvent"
            and versions & {revision["revisionId"] for revision in execution["sourceRevisions"]}
        ]
        return caused if len(caused) >= len(versions) else []

    executions = [summary["pipelineExecutionId"] for summary in eventually(started)]
    assert {finished(stack, execution)["status"] for execution in executions} == {"Succeeded"}
    assert {built(stack, execution)["VERSION_ID"] for execution in executions} == versions


def test_execution_builds_the_pinned_version(stack: Emulator) -> None:
    """An execution can be started with an older version of an object."""
    versions = stack.client("s3").list_object_versions(Bucket="source", Prefix="metadata/opt.zip")
    oldest = versions["Versions"][-1]["VersionId"]
    revision = {
        "actionName": "Opt",
        "revisionType": "S3_OBJECT_VERSION_ID",
        "revisionValue": oldest,
    }
    execution = start(stack, sourceRevisions=[revision])
    assert finished(stack, execution)["status"] == "Succeeded"
    assert built(stack, execution)["VERSION_ID"] == oldest


def test_queued_executions_keep_their_order(stack: Emulator) -> None:
    """Executions pass a stage one at a time, in the order they were started."""
    executions = [start(stack) for _ in range(3)]
    assert {finished(stack, execution)["status"] for execution in executions} == {"Succeeded"}
    builds = [actions(stack, execution)["Build"] for execution in executions]
    for earlier, later in itertools.pairwise(builds):
        assert earlier["lastUpdateTime"] <= later["startTime"]


def test_same_client_request_token_starts_one_execution(stack: Emulator) -> None:
    """The same client request token starts one execution."""
    token = str(uuid.uuid4())
    first = start(stack, clientRequestToken=token)
    assert start(stack, clientRequestToken=token) == first
    assert finished(stack, first)["status"] == "Succeeded"


def test_failing_build_fails_the_execution(stack: Emulator) -> None:
    """A failing command fails the execution; EventBridge tells it and the log shows why."""
    broken = BUILDSPEC.replace("mkdir dist && cd dist", "echo about to fail; false")
    commit, execution = push(stack, "Break", buildspec__yml=broken)
    assert finished(stack, execution)["status"] == "Failed"
    run = actions(stack, execution)["Build"]
    assert "exit status 1" in run["output"]["executionResult"]["errorDetails"]["message"]
    assert "Check" not in actions(stack, execution)

    build = stack.client("codebuild").batch_get_builds(
        ids=[run["output"]["executionResult"]["externalExecutionId"]]
    )["builds"][0]
    assert build["buildStatus"] == "FAILED"
    logs = stack.client("logs").get_log_events(
        logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"]
    )
    lines = [event["message"] for event in logs["events"]]
    assert [line for line in lines if not line.startswith("[Container]")] == [
        f"building {commit}",
        "about to fail",
        "finally ran",
        "afterwards, with 0",
    ]

    events = [json.loads(message["Body"]) for message in waiting(stack, "changes")]
    told = {
        e["detail-type"]: e["detail"] for e in events if e["detail"]["execution-id"] == execution
    }
    assert told["CodePipeline Pipeline Execution State Change"]["pipeline"] == NAME
    assert told["CodePipeline Stage Execution State Change"]["stage"] == "Build"
    action = told["CodePipeline Action Execution State Change"]
    assert action["type"]["provider"] == "CodeBuild"
    assert action["execution-result"]["error-code"] == "JobFailed"

    stack.client("codepipeline").retry_stage_execution(
        pipelineName=NAME,
        stageName="Build",
        pipelineExecutionId=execution,
        retryMode="FAILED_ACTIONS",
    )
    assert finished(stack, execution)["status"] == "Failed"
    _, repaired = push(stack, "Repair", buildspec__yml=BUILDSPEC)
    assert finished(stack, repaired)["status"] == "Succeeded"


def test_state_names_the_execution_in_each_stage(stack: Emulator) -> None:
    """The pipeline's state shows the last execution of each stage and its actions."""
    execution = start(stack)
    finished(stack, execution)
    stages = stack.client("codepipeline").get_pipeline_state(name=NAME)["stageStates"]
    assert [stage["stageName"] for stage in stages] == ["Source", "Build", "Release"]
    for stage in stages:
        latest = stage["latestExecution"]
        assert latest == {"pipelineExecutionId": execution, "status": "Succeeded"}
        for action in stage["actionStates"]:
            assert action["latestExecution"]["status"] == "Succeeded"


def test_unknown_member_is_refused(stack: Emulator) -> None:
    """A request with a member that the API does not have is an error."""
    request = urllib.request.Request(  # noqa: S310
        stack.url,
        json.dumps({"name": NAME, "sourceRevision": []}).encode(),
        {
            "X-Amz-Target": "CodePipeline_20150709.StartPipelineExecution",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/codepipeline/x",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE)  # noqa: S310
    assert refused.value.code == 400
    assert "sourceRevision" in json.load(refused.value)["message"]


def test_unfit_declaration_is_refused(stack: Emulator) -> None:
    """A declaration that names an unknown configuration is an error."""
    client = stack.client("codepipeline")
    declaration = client.get_pipeline(name=NAME)["pipeline"]
    declaration["stages"][1]["actions"][0]["configuration"]["Project"] = "site"
    with pytest.raises(client.exceptions.InvalidActionDeclarationException, match="Project"):
        client.update_pipeline(pipeline=declaration)


def test_function_without_permission_is_refused(stack: Emulator) -> None:
    """IAM is enforced: a function can do what its role allows, and no more."""
    event = json.dumps({"bucket": "source", "key": "metadata/opt.zip"})
    answer = stack.client("lambda").invoke(FunctionName="reader", Payload=event)
    assert json.load(answer["Payload"]) == "AccessDenied"


def test_action_without_permission_fails(stack: Emulator) -> None:
    """An action fails if the pipeline's role may not do what it needs."""
    iam = stack.client("iam")
    (role,) = [r for r in iam.list_roles()["Roles"] if "PipelineRole" in r["RoleName"]]
    deny = {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="deny", PolicyDocument=document)
    try:
        execution = start(stack)
        assert finished(stack, execution)["status"] == "Failed"
    finally:
        iam.delete_role_policy(RoleName=role["RoleName"], PolicyName="deny")
    error = actions(stack, execution)["Check"]["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "PermissionError"
    assert actions(stack, execution)["Publish"]["status"] == "Succeeded"


def test_crashed_function_is_called_again(stack: Emulator) -> None:
    """An asynchronous invocation that crashes is retried, and the action waits for the answer."""
    execution = small_pipeline(stack, "flaky", "QUEUED", told="crash")
    assert finished(stack, execution, name="flaky")["status"] == "Succeeded"
    check = actions(stack, execution, name="flaky")["Check"]
    assert check["output"]["outputVariables"] == {"Calls": "2"}
    client = stack.client("codepipeline")
    job = check["output"]["executionResult"]["externalExecutionId"]
    with pytest.raises(client.exceptions.InvalidJobStateException):
        client.put_job_success_result(jobId=job)


def test_newer_execution_overtakes_a_waiting_one(stack: Emulator) -> None:
    """In mode SUPERSEDED a newer execution overtakes one that waits for a stage."""
    first = small_pipeline(stack, "superseded", "SUPERSEDED")
    others = [start(stack, name="superseded") for _ in range(3)]
    states = [finished(stack, e, name="superseded")["status"] for e in [first, *others]]
    assert states[-1] == "Succeeded"
    assert "Superseded" in states


def test_stopped_execution_enters_no_other_stage(stack: Emulator) -> None:
    """An execution that is told to stop does not enter another stage."""
    client = stack.client("codepipeline")
    small_pipeline(stack, "stopped", "QUEUED")
    last = start(stack, name="stopped")
    client.stop_pipeline_execution(
        pipelineName="stopped", pipelineExecutionId=last, reason="A change of mind"
    )
    assert finished(stack, last, name="stopped")["status"] == "Stopped"
    client.delete_pipeline(name="stopped")


def test_execution_waits_before_a_disabled_transition(stack: Emulator) -> None:
    """An execution waits before a stage whose transition is disabled, until somebody enables it;
    the pipeline's state says who disabled it and why."""
    client = stack.client("codepipeline")
    finished(stack, small_pipeline(stack, "closed", "QUEUED"), name="closed")
    way: Any = {"pipelineName": "closed", "stageName": "Release", "transitionType": "Inbound"}
    client.disable_stage_transition(**way, reason="Not today")
    execution = start(stack, name="closed")

    def waits() -> dict[str, Any] | None:
        release = client.get_pipeline_state(name="closed")["stageStates"][1]
        inbound: dict[str, Any] = release.get("inboundExecution", {})
        return release if inbound.get("pipelineExecutionId") == execution else None

    transition = (eventually(waits) or {})["inboundTransitionState"]
    assert (transition["enabled"], transition["disabledReason"]) == (False, "Not today")
    client.enable_stage_transition(**way)
    assert finished(stack, execution, name="closed")["status"] == "Succeeded"
    client.delete_pipeline(name="closed")


def test_bare_object_fails_the_build(stack: Emulator) -> None:
    """CodeBuild unzips each input artifact, so an object that is no zip fails the build."""
    s3 = stack.client("s3")
    zip_file = s3.get_object(Bucket="source", Key="metadata/opt.zip")["Body"].read()
    s3.put_object(Bucket="source", Key="metadata/opt.zip", Body=b"{}")
    try:
        execution = start(stack)
        assert finished(stack, execution)["status"] == "Failed"
    finally:
        s3.put_object(Bucket="source", Key="metadata/opt.zip", Body=zip_file)
    result = actions(stack, execution)["Build"]["output"]["executionResult"]
    assert "not a valid zip file" in result["errorDetails"]["message"]


def test_undeliverable_event_is_kept(stack: Emulator) -> None:
    """An event whose rule may not reach its target ends in the target's queue, with the reason."""
    event = {"Source": "test.broken", "DetailType": "test", "Detail": json.dumps({"n": 1})}
    stack.client("events").put_events(Entries=[event])
    kept: dict[str, dict[str, Any]] = {}

    def look() -> bool:
        for message in waiting(stack, "changes"):
            told = message.get("MessageAttributes", {})
            if told:
                kept[told["TARGET_ARN"]["StringValue"].split(":")[2]] = told
        return len(kept) == 2

    eventually(look)
    assert (
        "does not trust events.amazonaws.com"
        in kept["codepipeline"]["ERROR_MESSAGE"]["StringValue"]
    )
    assert kept["lambda"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
