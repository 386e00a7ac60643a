"""The job that CodePipeline hands to a Lambda action, and the answers to it.

CodePipeline invokes the function without waiting for it and holds the action open until one of
PutJobSuccessResult and PutJobFailureResult arrives, or 20 minutes have passed. So every way out
of an action ends in an answer here. The job also carries `artifactCredentials`, which are read
nowhere: artifacts are fetched with the function's own role.
https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline import archive
from phaseline.aws.refusals import Meaning, meaning
from phaseline.errors import ConfigurationError, InputError, PhaselineError

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.literals import FailureTypeType
    from mypy_boto3_s3 import S3Client

_LOG = logging.getLogger(__name__)
MESSAGE_LIMIT = 5_000
"""Characters of a failure message.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html
"""
ANSWERED = {"JobNotFoundException", "InvalidJobStateException"}
CUT = " [cut]"


@dataclass(frozen=True)
class Artifact:
    """Where CodePipeline keeps an artifact."""

    name: str
    bucket: str
    key: str

    @property
    def where(self) -> str:
        return f"artifact {self.name} (s3://{self.bucket}/{self.key})"


@dataclass(frozen=True)
class Job:
    """What a Lambda action is asked to do.

    `parameters` is the action's UserParameters. `progress` is what the action itself handed over
    in its last `Continue`, or None at its first invocation.
    """

    id: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Artifact]
    outputs: Mapping[str, Artifact]
    progress: Mapping[str, Any] | None

    def parameter(self, name: str) -> str:
        """A parameter that must be there. Raises InputError."""
        value = self.parameters.get(name)
        if not isinstance(value, str) or not value:
            raise _malformed(f"actionConfiguration.configuration.UserParameters.{name}", value)
        return value

    def input(self, name: str) -> Artifact:
        """An input artifact that must be there. Raises InputError."""
        return _artifact(self.inputs, "inputArtifacts", name)

    def output(self, name: str) -> Artifact:
        """An output artifact that must be there. Raises InputError."""
        return _artifact(self.outputs, "outputArtifacts", name)


@dataclass(frozen=True)
class Done:
    """The action is finished; `variables` are its output variables."""

    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Continue:
    """The action is not finished: CodePipeline invokes it again with `progress`."""

    progress: Mapping[str, Any]


def job_id(event: Mapping[str, Any]) -> str:
    """The id of the job in `event`. Raises InputError: without it nothing can be answered."""
    return str(_field(event, "CodePipeline.job", "id"))


def parse(event: Mapping[str, Any]) -> Job:
    """The job in `event`. Raises InputError naming the field that is missing or malformed."""
    data = _field(event, "CodePipeline.job", "data")
    configuration = _field(data, "actionConfiguration", "configuration")
    parameters = _object(configuration.get("UserParameters", "{}"), "UserParameters")
    token = data.get("continuationToken")
    return Job(
        id=job_id(event),
        parameters=parameters,
        inputs=_artifacts(data, "inputArtifacts"),
        outputs=_artifacts(data, "outputArtifacts"),
        progress=_object(token, "continuationToken") if token else None,
    )


def answer(
    event: Mapping[str, Any],
    work: Callable[[Job], Done | Continue],
    *,
    client: "CodePipelineClient",
) -> None:
    """Do `work` for the job in `event` and answer it, with a failure where anything is raised.

    Raises only where there is no job to answer or where CodePipeline takes no answer; Lambda then
    invokes the function again.
    """
    job = job_id(event)
    try:
        succeed(job, work(parse(event)), client=client)
    except Exception as error:  # noqa: BLE001 - whatever is not answered hangs for 20 minutes
        _LOG.exception("The job failed", extra={"job": job})
        fail(job, error, client=client)


def succeed(job: str, outcome: Done | Continue, *, client: "CodePipelineClient") -> None:
    """Answer a job with success, or ask for another invocation."""
    if isinstance(outcome, Continue):
        token = json.dumps(outcome.progress, separators=(",", ":"))
        _unless_answered(
            job, lambda: client.put_job_success_result(jobId=job, continuationToken=token)
        )
    elif outcome.variables:
        variables = dict(outcome.variables)
        _unless_answered(
            job, lambda: client.put_job_success_result(jobId=job, outputVariables=variables)
        )
    else:
        _unless_answered(job, lambda: client.put_job_success_result(jobId=job))


def fail(job: str, error: Exception, *, client: "CodePipelineClient") -> None:
    """Answer a job with failure; the message is shown in the console and in Slack."""
    known = str(error) if isinstance(error, PhaselineError) else f"{type(error).__name__}: {error}"
    message = known if len(known) <= MESSAGE_LIMIT else known[: MESSAGE_LIMIT - len(CUT)] + CUT
    _unless_answered(
        job,
        lambda: client.put_job_failure_result(
            jobId=job, failureDetails={"type": _kind(error), "message": message}
        ),
    )


def read(s3: "S3Client", artifact: Artifact) -> bytes | None:
    """The artifact's bytes, or None where nothing is stored yet."""
    try:
        return s3.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def write(s3: "S3Client", artifact: Artifact, files: Mapping[str, bytes]) -> bool:
    """Store `files` as the artifact's zip; False where the artifact is stored already."""
    try:
        s3.put_object(
            Bucket=artifact.bucket,
            Key=artifact.key,
            Body=archive.pack(files),
            ContentType="application/zip",
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in {
            "PreconditionFailed",
            "ConditionalRequestConflict",
        }:
            raise
        return False
    return True


def _unless_answered(job: str, call: Callable[[], object]) -> None:
    """Answer, unless an earlier invocation did: Lambda may deliver one job more than once."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ANSWERED:
            raise
        code = error.response["Error"]["Code"]
        _LOG.warning("The job was answered before", extra={"job": job, "code": code})


def _kind(error: Exception) -> "FailureTypeType":
    if isinstance(error, ConfigurationError):
        return "ConfigurationError"
    if isinstance(error, ClientError) and meaning(error) is Meaning.DENIED:
        return "PermissionError"
    return "JobFailed"


def _field(holder: Mapping[str, Any], *path: str) -> Any:
    value: Any = holder
    for depth, name in enumerate(path, 1):
        value = value.get(name) if isinstance(value, Mapping) else None
        if value is None or value == "":
            raise _malformed(".".join(path[:depth]), value)
    return value


def _object(text: Any, name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise _malformed(name, text)
    return value


def _artifacts(data: Mapping[str, Any], kind: str) -> dict[str, Artifact]:
    found = {}
    for position, artifact in enumerate(data.get(kind) or []):
        try:
            location = artifact["location"]["s3Location"]
            name = artifact["name"]
            found[name] = Artifact(name, location["bucketName"], location["objectKey"])
        except (KeyError, TypeError) as error:
            raise _malformed(f"{kind}[{position}]", None) from error
    return found


def _artifact(artifacts: Mapping[str, Artifact], kind: str, name: str) -> Artifact:
    if name not in artifacts:
        raise _malformed(f"{kind}, one with the name {name}", None)
    return artifacts[name]


def _malformed(name: str, value: object) -> InputError:
    # Only the kind of a value is named: the job holds credentials beside its fields.
    found = "nothing" if value is None or value == "" else f"a {type(value).__name__}"
    return InputError(
        "CodePipeline job",
        f"{name}: expected the field of a Lambda action's job, found {found} of use",
        "Compare the action's configuration with infra/pipeline.yaml.",
    )
