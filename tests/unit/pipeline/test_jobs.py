"""A job of CodePipeline, and the answers to it."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from phaseline.errors import ConfigurationError, InputError, RemoteCallError
from phaseline.pipeline import jobs
from phaseline.pipeline.jobs import Artifact, Continue, Done, Job
from tests.builders import canaries
from tests.builders.calls import Answer, JobAnswers
from tests.builders.logs import everything
from tests.events.jobs import DOCUMENTS, EXECUTION, JOB, lambda_job


@pytest.fixture
def client() -> Any:
    return boto3.client("codepipeline")


def test_job_has_the_parameters_artifacts_and_progress_of_its_event() -> None:
    job = jobs.parse(lambda_job(inputs={"Site": "a/b"}, progress={"attempt": 2}))
    expected = Job(
        id=JOB,
        parameters={"execution": EXECUTION} | DOCUMENTS,
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
def test_error_names_the_missing_field_and_quotes_no_value(
    path: tuple[str, ...], named: str
) -> None:
    event = lambda_job()
    holder = event["CodePipeline.job"]
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    with pytest.raises(InputError, match=named) as raised:
        jobs.parse(event)
    assert canaries.found_in(raised.value) == []


@pytest.mark.parametrize("text", ["", "not json", "[]", "3"])
def test_parameters_that_are_no_json_object_are_refused(text: str) -> None:
    event = lambda_job()
    configuration = event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]
    configuration["UserParameters"] = text
    with pytest.raises(InputError, match="UserParameters"):
        jobs.parse(event)


def test_error_names_the_missing_parameter_or_artifact() -> None:
    job = jobs.parse(lambda_job())
    with pytest.raises(InputError, match=r"UserParameters\.commit"):
        job.parameter("commit")
    with pytest.raises(InputError, match="inputArtifacts with the name Site"):
        job.input("Site")
    with pytest.raises(InputError, match="outputArtifacts with the name Publication"):
        job.output("Publication")


def test_error_names_the_position_of_an_artifact_without_a_location() -> None:
    event = lambda_job(inputs={"Site": "a/b"})
    del event["CodePipeline.job"]["data"]["inputArtifacts"][0]["location"]
    with pytest.raises(InputError, match=r"inputArtifacts\[0\]"):
        jobs.parse(event)


def test_finished_work_is_answered_with_success_and_output_variables(client: Any) -> None:
    answers = JobAnswers(client)
    jobs.answer(lambda_job(), lambda job: Done({"outcome": job.id}), client=client)
    assert answers.successes == [{"jobId": JOB, "outputVariables": {"outcome": JOB}}]
    assert answers.failures == []


def test_unfinished_work_is_answered_with_a_continuation_token(client: Any) -> None:
    """The token has no white space, and parses to the progress."""
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
def test_any_error_is_answered_with_one_failure_within_the_limit(
    client: Any, error: Exception, kind: str
) -> None:
    answers = JobAnswers(client)

    def work(_: Job) -> Done:
        raise error

    jobs.answer(lambda_job(), work, client=client)
    details = answers.failures[0]["failureDetails"]
    assert kind == details["type"]
    assert 1 <= len(details["message"]) <= jobs.MESSAGE_LIMIT
    assert answers.successes == []


def test_denied_call_is_answered_with_a_permission_error(client: Any) -> None:
    answers = JobAnswers(client, GetPipeline=lambda _: "AccessDeniedException")
    jobs.answer(lambda_job(), lambda _: client.get_pipeline(name="x"), client=client)
    assert answers.failures[0]["failureDetails"]["type"] == "PermissionError"


@pytest.mark.parametrize("code", sorted(jobs.ANSWERED))
def test_second_delivery_of_an_answered_job_succeeds(client: Any, code: str) -> None:
    answers = JobAnswers(client, PutJobSuccessResult=lambda _: code)
    jobs.answer(lambda_job(), lambda _: Done(), client=client)
    assert answers.failures == []


@pytest.mark.parametrize("code", sorted(jobs.UNACCEPTABLE))
def test_success_that_codepipeline_refuses_becomes_a_failure(client: Any, code: str) -> None:
    """Otherwise the action would stay open for 20 minutes."""
    answers = JobAnswers(client, PutJobSuccessResult=lambda _: code)
    jobs.answer(lambda_job(), lambda _: Done(), client=client)
    assert len(answers.failures) == 1


def test_success_that_the_client_refuses_becomes_a_failure(client: Any) -> None:
    answers = JobAnswers(client)
    no_text: Any = {"outcome": 1}
    jobs.answer(lambda_job(), lambda _: Done(no_text), client=client)
    assert len(answers.failures) == 1


LOST: list[Answer] = [
    "ThrottlingException",
    "InternalFailure",
    "ServiceUnavailable",
    "AccessDeniedException",
    "ExpiredTokenException",
    ConnectTimeoutError(endpoint_url="x"),
    EndpointConnectionError(endpoint_url="x"),
    ReadTimeoutError(endpoint_url="x"),
]


@pytest.mark.parametrize("lost", LOST, ids=str)
@pytest.mark.parametrize("outcome", [Done(), Continue({"attempt": 2})], ids=["done", "continue"])
def test_done_work_whose_answer_is_not_taken_is_never_answered_as_failed(
    client: Any, outcome: Done | Continue, lost: Answer
) -> None:
    """The invocation fails, and the next delivery answers."""
    broken = [lost]
    answers = JobAnswers(client, PutJobSuccessResult=lambda _: broken[0] if broken else {})
    with pytest.raises(RemoteCallError, match="Lambda tries again"):
        jobs.answer(lambda_job(), lambda _: outcome, client=client)
    assert answers.failures == []
    broken.clear()
    jobs.answer(lambda_job(), lambda _: outcome, client=client)
    assert answers.failures == []
    first, second = answers.successes
    assert first == second


def test_answer_that_was_taken_though_its_reply_was_lost_is_not_replaced(client: Any) -> None:
    """The repeated answer finds that the job is answered."""
    replies: Iterator[Answer] = iter(
        [ReadTimeoutError(endpoint_url="x"), "InvalidJobStateException"]
    )
    answers = JobAnswers(client, PutJobSuccessResult=lambda _: next(replies))
    with pytest.raises(RemoteCallError, match="ReadTimeoutError"):
        jobs.answer(lambda_job(), lambda _: Done(), client=client)
    jobs.answer(lambda_job(), lambda _: Done(), client=client)
    assert answers.failures == []


def test_failure_whose_answer_is_not_taken_is_delivered_again(client: Any) -> None:
    """The next delivery may succeed meanwhile; the job is then answered with success."""
    errors = iter([RuntimeError("S3 is slow")])

    def work(_: Job) -> Done:
        for error in errors:
            raise error
        return Done()

    answers = JobAnswers(client, PutJobFailureResult=lambda _: "ThrottlingException")
    with pytest.raises(RemoteCallError, match="Throttling"):
        jobs.answer(lambda_job(), work, client=client)
    jobs.answer(lambda_job(), work, client=client)
    assert len(answers.successes) == 1


def test_invocation_fails_if_no_answer_is_accepted(client: Any) -> None:
    """Lambda then repeats it."""
    JobAnswers(
        client,
        PutJobSuccessResult=lambda _: ConnectionError("lost"),
        PutJobFailureResult=lambda _: ConnectionError("lost"),
    )
    with pytest.raises(ConnectionError):
        jobs.answer(lambda_job(), lambda _: Done(), client=client)


def test_job_without_data_is_answered_with_a_failure(client: Any) -> None:
    answers = JobAnswers(client)
    jobs.answer({"CodePipeline.job": {"id": JOB}}, lambda _: Done(), client=client)
    assert "data" in answers.failures[0]["failureDetails"]["message"]


def test_artifact_credentials_appear_nowhere(
    client: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log, nor the answer, nor the repr of the job shows them."""
    answers = JobAnswers(client)

    def work(job: Job) -> Done:
        raise RuntimeError(repr(job))

    jobs.answer(lambda_job(), work, client=client)
    texts = everything(capsys, caplog) + repr(answers.asked)
    assert canaries.found_in(texts) == []


@given(st.text())
def test_message_of_any_error_is_within_the_limit_and_not_empty(text: str) -> None:
    client = boto3.client("codepipeline")
    answers = JobAnswers(client)
    jobs.fail(JOB, ValueError(text * 100), client=client)
    assert 1 <= len(answers.failures[0]["failureDetails"]["message"]) <= jobs.MESSAGE_LIMIT


def test_artifact_is_written_once() -> None:
    """The second writer gets False, and reads the artifact of the first."""
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts")
        artifact = Artifact("Publication", "artifacts", "k")
        assert jobs.read(s3, artifact) is None
        assert jobs.write(s3, artifact, {"a": b"1"})
        assert not jobs.write(s3, artifact, {"a": b"2"})
        stored = zipfile.ZipFile(io.BytesIO(jobs.read(s3, artifact) or b""))
        assert stored.read("a") == b"1"
