"""The Invalidate action, from the job to CloudFront."""

import json
import random
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.site import publication
from phaseline.site.publication import Publication
from tests.builders import canaries
from tests.builders.calls import Answer, Calls, JobAnswers
from tests.builders.distributions import ORIGIN, distribution
from tests.builders.logs import everything
from tests.builders.site import PUBLICATION_KEY, build, make_buckets
from tests.conftest import LoadHandler
from tests.events.jobs import EXECUTION, Context, lambda_job

EVENT = lambda_job(inputs={"Publication": PUBLICATION_KEY})


@pytest.fixture
def account() -> Iterator[Any]:
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)
        publish(s3, changed=("/a.css", "/index.html"))
        yield s3


def publish(s3: Any, *, changed: tuple[str, ...] | None, outcome: str = "published") -> None:
    """Store a publication as the artifact."""
    made = Publication(EXECUTION, outcome, changed, {}, (), {})
    build(s3, publication.render(made), PUBLICATION_KEY)


def load(load_handler: LoadHandler, distribution_id: str = "EDIST") -> ModuleType:
    """The function, with the distribution's id or the origin to find it by."""
    env = {"DISTRIBUTION_ID": distribution_id, "ORIGIN_DOMAIN": ORIGIN, "ENVIRONMENT": "demo"}
    return load_handler("cache_invalidator", env)


def cloudfront(module: ModuleType, *answers: Answer) -> Calls:
    """CloudFront that gives these answers to requests about invalidations, the last for ever."""
    waiting = list(answers)

    def answer(_: dict[str, Any]) -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return Calls(module._CLOUDFRONT, CreateInvalidation=answer, GetInvalidation=answer)


def status(text: str) -> dict[str, Any]:
    """An answer about the invalidation I1."""
    return {"Invalidation": {"Id": "I1", "Status": text}}


def test_invalidates_what_changed(account: Any, load_handler: LoadHandler) -> None:
    """The publication's paths are invalidated once, under the execution's reference."""
    module = load(load_handler)
    answers, calls = JobAnswers(module._CODEPIPELINE), cloudfront(module, status("Completed"))
    module.handler(EVENT, Context())
    (asked,) = calls.of("CreateInvalidation")
    assert asked["DistributionId"] == "EDIST"
    assert asked["InvalidationBatch"]["Paths"]["Items"] == ["/", "/a.css", "/index.html"]
    assert asked["InvalidationBatch"]["CallerReference"].startswith(EXECUTION)
    assert answers.successes[0]["outputVariables"]["invalidation"] == "I1"


@pytest.mark.parametrize("operation", ["GetObject", "CreateInvalidation", "GetInvalidation"])
def test_two_deliveries_at_once_ask_for_one_invalidation(
    account: Any, load_handler: LoadHandler, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """The second one runs as a whole before a call of the first one; both name one reference."""
    module = load(load_handler)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    answers, second = JobAnswers(module._CODEPIPELINE), list[bool]()

    def interrupt(name: str) -> None:
        if name == operation and not second:
            second.append(True)
            module.handler(EVENT, Context())

    def cdn(name: str, text: str) -> dict[str, Any]:
        interrupt(name)
        return status(text)

    Calls(module._S3, GetObject=lambda _: interrupt("GetObject"))
    calls = Calls(
        module._CLOUDFRONT,
        CreateInvalidation=lambda _: cdn("CreateInvalidation", "InProgress"),
        GetInvalidation=lambda _: cdn("GetInvalidation", "Completed"),
    )
    module.handler(EVENT, Context())
    assert second
    assert answers.failures == []
    assert [answer["outputVariables"] for answer in answers.successes] == [
        {"outcome": "completed", "invalidation": "I1"}
    ] * 2
    batches = [call["InvalidationBatch"] for call in calls.of("CreateInvalidation")]
    assert batches[0] == batches[1]


def test_goes_on_from_its_token(account: Any, load_handler: LoadHandler) -> None:
    """An invocation with a token looks at the invalidation that the token names."""
    module = load(load_handler)
    answers, calls = JobAnswers(module._CODEPIPELINE), cloudfront(module, status("Completed"))
    progress = {"started": 4e9, "attempt": 2, "invalidation": "I1", "everything": False}
    module.handler(lambda_job(inputs={"Publication": PUBLICATION_KEY}, progress=progress), None)
    assert [name for name, _ in calls.asked] == ["GetInvalidation"]
    assert len(answers.successes) == 1


def test_does_not_sleep_its_time_out_away(
    account: Any, load_handler: LoadHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the invalidation is in progress the job is continued after some seconds."""
    module = load(load_handler)
    now = [1000.0]
    monkeypatch.setattr(module.time, "time", lambda: now[0])
    monkeypatch.setattr(module.time, "sleep", lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)
    answers = JobAnswers(module._CODEPIPELINE)
    cloudfront(module, status("InProgress"))
    module.handler(EVENT, None)
    assert json.loads(answers.successes[0]["continuationToken"]) == {
        "started": 1000.0,
        "attempt": 2,
        "invalidation": "I1",
        "everything": False,
    }
    assert now[0] <= 1020


@pytest.mark.parametrize(
    ("changed", "outcome"), [((), "published"), (("/a.css",), "superseded"), (None, "superseded")]
)
def test_nothing_to_invalidate(
    account: Any, load_handler: LoadHandler, changed: tuple[str, ...] | None, outcome: str
) -> None:
    """A superseded publication, or one that changed nothing, passes without a call."""
    publish(account, changed=changed, outcome=outcome)
    module = load(load_handler)
    answers, calls = JobAnswers(module._CODEPIPELINE), cloudfront(module, "AccessDenied")
    module.handler(EVENT, None)
    assert calls.asked == []
    assert len(answers.successes) == 1


def test_finds_the_distribution_by_its_origin(account: Any, load_handler: LoadHandler) -> None:
    """Without an id, the one distribution with the bucket as its origin is taken."""
    module = load(load_handler, "")
    wanted = distribution(module._CLOUDFRONT, ORIGIN)
    JobAnswers(module._CODEPIPELINE)
    calls = cloudfront(module, status("Completed"))
    module.handler(EVENT, None)
    assert calls.of("CreateInvalidation")[0]["DistributionId"] == wanted


def test_no_distribution_fails_the_action(account: Any, load_handler: LoadHandler) -> None:
    """A website behind no known distribution is not reported as done."""
    module = load(load_handler, "")
    answers = JobAnswers(module._CODEPIPELINE)
    module.handler(EVENT, None)
    assert answers.failures[0]["failureDetails"]["type"] == "ConfigurationError"


@pytest.mark.parametrize("operation", ["GetObject", "CreateInvalidation", "GetInvalidation"])
def test_a_fault_at_any_call_fails_the_action(
    account: Any,
    load_handler: LoadHandler,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    operation: str,
) -> None:
    """Whichever call fails, the job is failed once, and no credentials are shown."""
    module = load(load_handler)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    answers = JobAnswers(module._CODEPIPELINE)
    Calls(module._S3, **({operation: lambda _: "AccessDenied"} if operation == "GetObject" else {}))
    Calls(
        module._CLOUDFRONT,
        CreateInvalidation=lambda _: (
            "AccessDenied" if operation == "CreateInvalidation" else status("InProgress")
        ),
        GetInvalidation=lambda _: "AccessDenied",
    )
    module.handler(EVENT, None)
    assert [f["failureDetails"]["type"] for f in answers.failures] == ["PermissionError"]
    assert answers.successes == []
    shown = everything(capsys, caplog)
    assert canaries.found_in(shown) == []


def test_a_missing_artifact_fails_the_action(account: Any, load_handler: LoadHandler) -> None:
    """A publication that is not there is named."""
    account.delete_object(Bucket="artifacts", Key=PUBLICATION_KEY)
    module = load(load_handler)
    answers = JobAnswers(module._CODEPIPELINE)
    module.handler(EVENT, None)
    assert PUBLICATION_KEY in answers.failures[0]["failureDetails"]["message"]
