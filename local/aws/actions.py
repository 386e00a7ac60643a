"""Runs an action with the function of its provider. Contains the Lambda and S3 providers."""

import io
import json
import mimetypes
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.aws.codebuild import projects
from local.aws.codepipeline import sources
from local.aws.codepipeline.context import ActionFailedError, Context, Outcome, Perform
from local.aws.codepipeline.jobs import Jobs
from local.aws.ministack.connections import Connections
from local.aws.ministack.roles import AccessDeniedError
from local.aws.ministack.scope import ACCOUNT

# AWS waits for tens of seconds before it invokes the function again, and documents no time.
CONTINUE_AFTER = 0.5

# Easily found in a log, so that a test notices a function that logs its event.
CANARY = {
    "accessKeyId": "CANARYARTIFACTACCESSKEY",
    "secretAccessKey": "canary-artifact-secret-key-must-never-be-logged",
    "sessionToken": "canary-artifact-session-token-must-never-be-logged",
}


def performer(connections: Connections, jobs: Jobs, git_root: Path) -> Perform:
    """Return a function that runs any supported action. It raises ActionFailedError."""
    table: dict[tuple[str, str], Perform] = {
        ("Source", "S3"): sources.from_s3,
        ("Source", "CodeStarSourceConnection"): partial(
            sources.from_connection, connections=connections, root=git_root
        ),
        ("Build", "CodeBuild"): projects.run,
        ("Test", "CodeBuild"): projects.run,
        ("Invoke", "Lambda"): partial(_invoke, jobs=jobs),
        ("Deploy", "S3"): _deploy_to_s3,
    }

    def perform(context: Context) -> Outcome:
        kind = context.run.action["actionTypeId"]
        try:
            return table[kind["category"], kind["provider"]](context)
        except AccessDeniedError as error:
            raise ActionFailedError("PermissionError", str(error)) from error
        except ClientError as error:
            denied = error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            code = "PermissionError" if denied else "JobFailed"
            raise ActionFailedError(code, str(error)) from error

    return perform


def _invoke(context: Context, jobs: Jobs) -> Outcome:
    """Invoke the function, wait for its answer, and invoke it again while it asks to continue."""
    token: str | None = None
    function = context.run.configuration["FunctionName"]
    while True:
        job = jobs.open(_job_data(context, token))
        event = {"CodePipeline.job": {"id": job.id, "accountId": ACCOUNT, "data": job.data}}
        context.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event)
        )
        context.run.external_id = job.id
        answer = jobs.wait(job, context.cancelled)
        if answer is None:
            jobs.close(job)
            raise ActionFailedError(
                "JobFailed", f"The AWS Lambda function {function} failed to return a result"
            )
        if "failureDetails" in answer:
            details = answer["failureDetails"]
            raise ActionFailedError(details["type"], details["message"])
        token = answer.get("continuationToken")
        if token is None:
            details = answer.get("executionDetails", {})
            return Outcome(
                answer.get("outputVariables", {}),
                details.get("externalExecutionId", job.id),
                summary=details.get("summary"),
            )
        time.sleep(CONTINUE_AFTER)


def _job_data(context: Context, token: str | None) -> dict[str, Any]:
    """Return the data of a job, as Lambda functions in a pipeline receive them.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html
    """
    data = {
        "actionConfiguration": {"configuration": dict(context.run.configuration)},
        "inputArtifacts": [_location(artifact) for artifact in context.run.inputs],
        "outputArtifacts": [_location(artifact) for artifact in context.run.outputs],
        "artifactCredentials": dict(CANARY),
    }
    if token is not None:
        data["continuationToken"] = token
    return data


def _location(artifact: Any) -> dict[str, Any]:
    place = {"bucketName": artifact.bucket, "objectKey": artifact.key}
    return {
        "name": artifact.name,
        "revision": None,
        "location": {"type": "S3", "s3Location": place},
    }


def _deploy_to_s3(context: Context) -> Outcome:
    """Copy the artifact to a bucket, unchanged or unpacked. No object is deleted."""
    configuration, s3 = context.run.configuration, context.client("s3")
    artifact = context.run.inputs[0]
    data = s3.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"].read()
    bucket, prefix = configuration["BucketName"], configuration.get("ObjectKey", "")
    extra = (
        {"CacheControl": configuration["CacheControl"]} if "CacheControl" in configuration else {}
    )
    if configuration["Extract"].lower() != "true":
        if not prefix:
            raise ActionFailedError(
                "ConfigurationError", "ObjectKey is needed when Extract is false"
            )
        s3.put_object(Bucket=bucket, Key=prefix, Body=data, **extra)
        return Outcome()
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise ActionFailedError(
            "JobFailed", f"Artifact {artifact.name} is not a zip file"
        ) from error
    for entry in archive.infolist():
        if not entry.is_dir():
            key = f"{prefix.rstrip('/')}/{entry.filename}" if prefix else entry.filename
            kind = mimetypes.guess_type(key)[0] or "binary/octet-stream"
            s3.put_object(
                Bucket=bucket, Key=key, Body=archive.read(entry), ContentType=kind, **extra
            )
    return Outcome()
