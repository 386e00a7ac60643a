"""A CodePipeline job and the answers to it."""

import io
import json
import zipfile
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from phaseline.errors import ConfigurationError, InputError
from phaseline.pipeline import jobs
from phaseline.pipeline.jobs import Artifact, Continue, Done, Job
from tests.builders.calls import JobAnswers
from tests.builders.logs import everything
from tests.events.jobs import CANARIES, EXECUTION, JOB, lambda_job


@pytest.fixture
def client() -> Any:
    return boto3.client("codepipeline")


def test_parses_a_job() -> None:
    """Parameters, artifacts and progress are read out of the event."""
    job = jobs.parse(lambda_job(inputs={"Site": "a/b"}, progress={"attempt": 2}))
    expected = Job(
        id=JOB,
        parameters={"execution": EXECUTION},
        inputs={"Site": Artifact("Site", "artifacts", "a/b")},
        outputs={},
        progress={"attempt": 2},
    )
    assert expected == job


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (("id",), "CodePipeline.job.id"),
        (("data",), "CodePipeline.job.data"),
        (("data", "actionConfiguration"), "actionConfiguration"),
        (("data", "actionConfiguration", "configuration"), "actionConfiguration.configuration"),
    ],
)
def test_a_missing_field_is_named(path: tuple[str, ...], named: str) -> None:
    """The error of an incomplete job says which field is missing, and no value of others."""
    event = lambda_job()
    holder = event["CodePipeline.job"]
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    with pytest.raises(InputError, match=named) as raised:
        jobs.parse(event)
    assert not any(canary in str(raised.value) for canary in CANARIES)


@pytest.mark.parametrize("text", ["", "not json", "[]", "3"])
def test_parameters_must_be_an_object(text: str) -> None:
    """UserParameters that are no JSON object are refused by name."""
    event = lambda_job()
    configuration = event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]
    configuration["UserParameters"] = text
    with pytest.raises(InputError, match="UserParameters"):
        jobs.parse(event)


def test_what_an_action_needs_is_asked_for_by_name() -> None:
    """A missing parameter or artifact is named."""
    job = jobs.parse(lambda_job())
    with pytest.raises(InputError, match=r"UserParameters\.commit"):
        job.parameter("commit")
    with pytest.raises(InputError, match="inputArtifacts, one with the name Site"):
        job.input("Site")
    with pytest.raises(InputError, match="outputArtifacts, one with the name Publication"):
        job.output("Publication")


def test_malformed_artifact_is_named() -> None:
    """An artifact without a location is refused by its position."""
    event = lambda_job(inputs={"Site": "a/b"})
    del event["CodePipeline.job"]["data"]["inputArtifacts"][0]["location"]
    with pytest.raises(InputError, match=r"inputArtifacts\[0\]"):
        jobs.parse(event)


def test_done_is_answered_with_success(client: Any) -> None:
    """Finished work is one success with the action's output variables."""
    answers = JobAnswers(client)
    jobs.answer(lambda_job(), lambda job: Done({"outcome": job.id}), client=client)
    assert answers.successes == [{"jobId": JOB, "outputVariables": {"outcome": JOB}}]
    assert answers.failures == []


def test_unfinished_work_is_continued_by_a_token(client: Any) -> None:
    """A continuation is a success with a token of no white space that parses back."""
    answers = JobAnswers(client)
    progress = {"attempt": 2, "since": 1.5, "id": None}
    jobs.answer(lambda_job(), lambda _: Continue(progress), client=client)
    token = answers.successes[0]["continuationToken"]
    assert " " not in token
    assert progress == json.loads(token)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("x" * 9_000), "JobFailed"),
        (ConfigurationError("here", "found", "do"), "ConfigurationError"),
        (KeyError("missing"), "JobFailed"),
    ],
)
def test_any_error_fails_the_job(client: Any, error: Exception, kind: str) -> None:
    """Whatever is raised ends in one failure within CodePipeline's limit."""
    answers = JobAnswers(client)

    def work(_: Job) -> Done:
        raise error

    jobs.answer(lambda_job(), work, client=client)
    details = answers.failures[0]["failureDetails"]
    assert kind == details["type"]
    assert 1 <= len(details["message"]) <= jobs.MESSAGE_LIMIT
    assert answers.successes == []


def test_a_refused_call_is_a_permission_error(client: Any) -> None:
    """AccessDenied from AWS is told to CodePipeline as what it is."""
    answers = JobAnswers(client, GetPipeline=lambda _: "AccessDeniedException")
    jobs.answer(lambda_job(), lambda _: client.get_pipeline(name="x"), client=client)
    assert answers.failures[0]["failureDetails"]["type"] == "PermissionError"


@pytest.mark.parametrize("code", sorted(jobs.ANSWERED))
def test_a_job_that_was_answered_before_is_done(client: Any, code: str) -> None:
    """A second delivery of a job may not fail because of the first one's answer."""
    answers = JobAnswers(client, PutJobSuccessResult=lambda _: code)
    jobs.answer(lambda_job(), lambda _: Done(), client=client)
    assert answers.failures == []


def test_a_success_that_is_not_taken_becomes_a_failure(client: Any) -> None:
    """Where CodePipeline refuses the success, the job fails at once and doesn't hang."""
    answers = JobAnswers(client, PutJobSuccessResult=lambda _: "ValidationException")
    jobs.answer(lambda_job(), lambda _: Done(), client=client)
    assert len(answers.failures) == 1


def test_without_any_answer_lambda_must_try_again(client: Any) -> None:
    """Where neither answer is taken, the invocation fails, so that Lambda repeats it."""
    JobAnswers(
        client,
        PutJobSuccessResult=lambda _: ConnectionError("lost"),
        PutJobFailureResult=lambda _: ConnectionError("lost"),
    )
    with pytest.raises(ConnectionError):
        jobs.answer(lambda_job(), lambda _: Done(), client=client)


def test_malformed_job_with_an_id_is_answered(client: Any) -> None:
    """A job whose data is missing fails in the pipeline instead of timing out."""
    answers = JobAnswers(client)
    jobs.answer({"CodePipeline.job": {"id": JOB}}, lambda _: Done(), client=client)
    assert "data" in answers.failures[0]["failureDetails"]["message"]


def test_artifact_credentials_appear_nowhere(
    client: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither log nor answer nor the job's own repr shows the credentials in the event."""
    answers = JobAnswers(client)

    def work(job: Job) -> Done:
        raise RuntimeError(repr(job))

    jobs.answer(lambda_job(), work, client=client)
    shown = everything(capsys, caplog)
    logged = shown + repr(answers.asked)
    assert not any(canary in logged for canary in CANARIES)


@given(st.text())
def test_messages_are_cut_to_the_limit(text: str) -> None:
    """No error text is longer than what CodePipeline accepts, or empty."""
    client = boto3.client("codepipeline")
    answers = JobAnswers(client)
    jobs.fail(JOB, ValueError(text * 100), client=client)
    assert 1 <= len(answers.failures[0]["failureDetails"]["message"]) <= jobs.MESSAGE_LIMIT


def test_an_artifact_is_written_once() -> None:
    """The first writer of an output artifact wins; the second learns it and reads the first's."""
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts")
        artifact = Artifact("Publication", "artifacts", "k")
        assert jobs.read(s3, artifact) is None
        assert jobs.write(s3, artifact, {"a": b"1"})
        assert not jobs.write(s3, artifact, {"a": b"2"})
        stored = zipfile.ZipFile(io.BytesIO(jobs.read(s3, artifact) or b""))
        assert stored.read("a") == b"1"
