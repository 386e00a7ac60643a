"""The job that CodePipeline passes to a Lambda action, and the answers to it.

CodePipeline invokes the function asynchronously. The action stays open until PutJobSuccessResult or
PutJobFailureResult is called, or until 20 minutes have passed. So this module answers each job,
even if its work raises an error. The job also contains `artifactCredentials`, which are not read:
artifacts are read with the function's own role.
https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html

If CodePipeline does not take an answer, the invocation fails, and Lambda delivers the job up to two
more times, as it does if the function was stopped at its time limit. So all work of jobs must be
repeatable, also at the same time as another delivery. CodePipeline takes only the first answer.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ParamValidationError

from phaseline import archive
from phaseline.aws.refusals import Meaning, meaning
from phaseline.aws.wording import worded, wording
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
UNACCEPTABLE = {"OutputVariablesSizeExceededException", "ValidationException"}
"""The errors of an answer that CodePipeline never accepts, because of its content."""
CUT = " [cut]"


@dataclass(frozen=True)
class Artifact:
    """The name and the S3 location of an artifact."""

    name: str
    bucket: str
    key: str

    @property
    def where(self) -> str:
        return f"artifact {self.name} (s3://{self.bucket}/{self.key})"


@dataclass(frozen=True)
class Job:
    """The job of a Lambda action.

    `parameters` are the action's UserParameters. `progress` is that of the action's last
    `Continue`, or None at the first invocation.
    """

    id: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Artifact]
    outputs: Mapping[str, Artifact]
    progress: Mapping[str, Any] | None

    def parameter(self, name: str) -> str:
        """Return a required parameter. Raises InputError if it is missing."""
        value = self.parameters.get(name)
        if not isinstance(value, str) or not value:
            raise _malformed(f"actionConfiguration.configuration.UserParameters.{name}", value)
        return value

    def input(self, name: str) -> Artifact:
        """Return a required input artifact. Raises InputError if it is missing."""
        return _artifact(self.inputs, "inputArtifacts", name)

    def output(self, name: str) -> Artifact:
        """Return a required output artifact. Raises InputError if it is missing."""
        return _artifact(self.outputs, "outputArtifacts", name)


@dataclass(frozen=True)
class Done:
    """The action has succeeded. `variables` are its output variables."""

    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Continue:
    """The action has not ended. CodePipeline invokes the function again with `progress`."""

    progress: Mapping[str, Any]


def job_id(event: Mapping[str, Any]) -> str:
    """Return the ID of the job in `event`, without which it cannot be answered.

    Raises InputError if it is missing.
    """
    return str(_field(event, "CodePipeline.job", "id"))


def parse(event: Mapping[str, Any]) -> Job:
    """Return the job in `event`. Raises InputError that names a missing or malformed field."""
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


@worded()
def answer(
    event: Mapping[str, Any],
    work: Callable[[Job], Done | Continue],
    *,
    client: "CodePipelineClient",
) -> None:
    """Do `work` for the job in `event`, and answer the job. An error of the work is answered with a
    failure.

    Raises if the event has no job, or if an answer could not be delivered: work that is done is
    never answered as failed. Lambda then delivers the job again.
    """
    job = job_id(event)
    try:
        outcome = work(parse(event))
    except Exception as error:  # noqa: BLE001 - an unanswered job stays open for 20 minutes
        where = traceback.format_tb(error.__traceback__)
        _LOG.error("The job failed", extra={"job": job, "error": _said(error), "trace": where})
        fail(job, error, client=client)
        return
    try:
        succeed(job, outcome, client=client)
    except (ClientError, ParamValidationError) as error:
        if not _is_unacceptable(error):
            raise
        fields = {"job": job, "error": _said(error)}
        _LOG.error("CodePipeline can't accept the answer", extra=fields)
        fail(job, error, client=client)


def _is_unacceptable(error: ClientError | ParamValidationError) -> bool:
    """Return whether the same answer would be refused again, so that the job would stay open."""
    if isinstance(error, ParamValidationError):
        return True
    return error.response["Error"]["Code"] in UNACCEPTABLE


def succeed(job: str, outcome: Done | Continue, *, client: "CodePipelineClient") -> None:
    """Answer a job with success, or request another invocation."""
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
    """Answer a job with failure. The console and Slack show the message of `error`."""
    text = _said(error)
    message = text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - len(CUT)] + CUT
    _unless_answered(
        job,
        lambda: client.put_job_failure_result(
            jobId=job, failureDetails={"type": _kind(error), "message": message}
        ),
    )


def read(s3: "S3Client", artifact: Artifact) -> bytes | None:
    """Return the artifact's bytes, or None if it is not stored yet."""
    try:
        return s3.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def write(s3: "S3Client", artifact: Artifact, files: Mapping[str, bytes]) -> bool:
    """Store `files` as the artifact's zip. Return False if the artifact is stored already."""
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


def _said(error: Exception) -> str:
    if isinstance(error, PhaselineError):
        return str(error)
    return f"{type(error).__name__}: {wording(error)}"


def _unless_answered(job: str, call: Callable[[], object]) -> None:
    """Make `call`. Ignore that the job is answered, as Lambda may deliver it more than once."""
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
    artifacts = {}
    for position, artifact in enumerate(data.get(kind) or []):
        try:
            location = artifact["location"]["s3Location"]
            name = artifact["name"]
            artifacts[name] = Artifact(name, location["bucketName"], location["objectKey"])
        except (KeyError, TypeError) as error:
            raise _malformed(f"{kind}[{position}]", None) from error
    return artifacts


def _artifact(artifacts: Mapping[str, Artifact], kind: str, name: str) -> Artifact:
    if name not in artifacts:
        raise _malformed(f"{kind} with the name {name}", None)
    return artifacts[name]


def _malformed(name: str, value: object) -> InputError:
    # The error names the type and not the value, because the job contains credentials.
    found = "nothing" if value is None or value == "" else f"an unusable {type(value).__name__}"
    return InputError(
        "CodePipeline job",
        f"{name}: expected this field in the job of a Lambda action, found {found}",
        "Compare the action's configuration with infra/pipeline.yaml.",
    )
