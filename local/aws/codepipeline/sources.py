"""Source actions: an S3 object, and a Git repository reached through a connection."""

import subprocess
from pathlib import Path

from botocore.exceptions import ClientError

from local.aws.codepipeline.context import PRINCIPAL, ActionFailedError, Context, Outcome
from local.aws.ministack.connections import Connections
from local.aws.ministack.scope import REGION


def from_s3(context: Context) -> Outcome:
    """Copy the pinned or else the newest version of the object to the artifact bucket."""
    configuration, s3 = context.run.configuration, context.client("s3")
    bucket = configuration["S3Bucket"]
    key = context.override("S3_OBJECT_KEY") or configuration["S3ObjectKey"]
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise ActionFailedError("ConfigurationError", f"The bucket {bucket} is not versioned")
    pinned = context.override("S3_OBJECT_VERSION_ID")
    try:
        version = pinned or s3.head_object(Bucket=bucket, Key=key)["VersionId"]
        found = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise ActionFailedError(
                "ConfigurationError",
                f"The object with key '{key}' does not exist in bucket {bucket}",
            ) from error
        raise
    context.store(found["Body"].read())
    recorded = found["Metadata"].get("codepipeline-artifact-revision-summary")
    summary = recorded or f"Amazon S3 version id: {version}"
    context.run.revision = {
        "revisionId": version,
        "revisionSummary": summary,
        "revisionUrl": f"https://console.aws.amazon.com/s3/object/{bucket}/{key}?region={REGION}",
    }
    variables = {
        "BucketName": bucket,
        "ETag": found["ETag"].strip('"'),
        "ObjectKey": key,
        "VersionId": version,
    }
    return Outcome(variables, external_id=version, summary=summary)


def from_connection(context: Context, connections: Connections, root: Path) -> Outcome:
    """Archive the pinned commit of the repository, or else the head of the branch."""
    configuration = context.run.configuration
    arn, repository = configuration["ConnectionArn"], configuration["FullRepositoryId"]
    if configuration.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
        raise ActionFailedError(
            "ConfigurationError", "Only OutputArtifactFormat CODE_ZIP is emulated"
        )
    use = f"{arn.split(':')[2]}:UseConnection"
    context.roles.require(context.role_arn, PRINCIPAL, use, arn, source=context.pipeline_arn)
    if not connections.usable(arn):
        raise ActionFailedError("ConfigurationError", f"The connection {arn} is not available")
    git_dir = root / f"{repository}.git"
    if not git_dir.is_dir():
        raise ActionFailedError("ConfigurationError", f"No repository {repository} is reachable")
    wanted = context.override("COMMIT_ID") or f"refs/heads/{configuration['BranchName']}"
    commit = _git(git_dir, "rev-parse", "--verify", f"{wanted}^{{commit}}").decode().strip()
    context.store(_git(git_dir, "archive", "--format=zip", commit))
    described = _git(git_dir, "show", "--no-patch", "--format=%aI%x00%an%x00%ae%x00%s", commit)
    date, name, email, subject = described.decode().rstrip("\n").split("\0")
    context.run.revision = {
        "revisionId": commit,
        "revisionSummary": subject,
        "revisionUrl": f"https://github.com/{repository}/commit/{commit}",
    }
    variables = {
        "AuthorDate": date,
        "AuthorDisplayName": name,
        "AuthorEmail": email,
        "BranchName": configuration["BranchName"],
        "CommitId": commit,
        "CommitMessage": subject,
        "ConnectionArn": arn,
        "FullRepositoryName": repository,
    }
    return Outcome(variables, external_id=commit, summary=subject)


def _git(git_dir: Path, *arguments: str) -> bytes:
    command = ["git", "-c", "safe.directory=*", "--git-dir", str(git_dir), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise ActionFailedError("RevisionUnavailable", done.stderr.decode(errors="replace").strip())
    return done.stdout
