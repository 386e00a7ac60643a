"""Site publisher: failed calls, and deliveries at once, again and late."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.builders import canaries
from tests.builders.calls import Answer, Calls
from tests.builders.logs import everything
from tests.builders.site import (
    SITE,
    build,
    contents,
    manifest,
    publication,
    published,
    put_state,
    state,
)
from tests.builders.site_publisher import FILES, JOB_EVENT, execution, invoke
from tests.builders.site_publisher import lambda_ as lambda_  # a fixture
from tests.events.jobs import EXECUTION, Context


def interrupted(module: ModuleType, position: int, act: Callable[[], object]) -> None:
    """Run `act` as a whole before the call to S3 at this position."""
    count, done = iter(range(1_000_000)), list[bool]()

    def before(_: dict[str, Any]) -> None:
        if next(count) == position and not done:
            done.append(True)
            act()

    Calls(module._SITE.s3, GetObject=before, PutObject=before, ListObjectsV2=before)


CALLS = 23
"""Calls to S3 of a first publication."""


def test_all_calls_are_counted(lambda_: ModuleType) -> None:
    """No call is left out of the faults below."""
    calls = Calls(
        lambda_._SITE.s3,
        GetObject=lambda _: None,
        PutObject=lambda _: None,
        ListObjectsV2=lambda _: None,
    )
    invoke(lambda_)
    assert len(calls.asked) == CALLS


@pytest.mark.parametrize("position", range(CALLS))
def test_a_fault_at_any_call_fails_the_job_and_a_retry_repairs(
    lambda_: ModuleType,
    position: int,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whichever call to S3 fails, the job is answered once, and the next try publishes all."""
    count = -1

    def fault(_: dict[str, Any]) -> Answer | None:
        nonlocal count
        count += 1
        return "AccessDenied" if count == position else None

    s3 = lambda_._SITE.s3
    Calls(s3, GetObject=fault, PutObject=fault, ListObjectsV2=fault)
    answers = invoke(lambda_)
    assert (len(answers.successes), len(answers.failures)) == (0, 1)
    again = invoke(lambda_)
    assert len(again.successes) == 1
    assert contents(s3) == published(FILES)
    assert list(publication(s3)["keys"]) == sorted(published(FILES))
    shown = everything(capsys, caplog)
    assert canaries.found_in(shown) == []


@pytest.mark.parametrize("position", range(CALLS))
def test_two_deliveries_at_once_publish_the_same(lambda_: ModuleType, position: int) -> None:
    """The second one runs as a whole between two calls of the first one."""
    s3 = lambda_._SITE.s3
    interrupted(lambda_, position, lambda: lambda_.handler(JOB_EVENT, Context()))
    answers = invoke(lambda_)
    assert answers.failures == []
    assert [answer["outputVariables"]["outcome"] for answer in answers.successes] == [
        "published",
        "published",
    ]
    assert contents(s3) == published(FILES)
    assert (state(s3)["publishing"], state(s3)["begun"]) == (EXECUTION, publication(s3)["number"])


@pytest.mark.parametrize("position", range(CALLS))
def test_a_late_delivery_takes_no_file_back_from_a_later_publication(
    lambda_: ModuleType, position: int
) -> None:
    """The first delivery stored its plan and uploaded all; before a call of the second one, the
    next execution publishes its build. What the second one uploads after that replaces nothing
    that the next execution changed."""
    s3 = lambda_._SITE.s3
    new = {
        "index.html": b"newest",
        "mark.svg": b"<svg>newest</svg>",
        "phaseline.json": manifest("e2", 1),
    }
    build(s3, new, "build-2")

    def deliver() -> None:
        lambda_.handler(JOB_EVENT, Context())
        lambda_.handler(execution(2, 1), Context())

    interrupted(lambda_, position, deliver)
    answers = invoke(lambda_)
    assert answers.failures == []
    assert contents(s3).items() >= published(new).items()
    assert state(s3)["publishing"] == "e2"


def test_what_a_late_delivery_may_still_overwrite_is_found_by_verify_or_by_drift(
    lambda_: ModuleType,
) -> None:
    """It has listed a file, and uploads it when two later builds changed the file and changed it
    back. The bucket then differs from the plan that is verified, and from the state after that."""
    s3 = lambda_._SITE.s3
    old = {"mark.svg": b"old", "phaseline.json": manifest("e0", 1)}
    for key, data in old.items():
        s3.put_object(Bucket=SITE, Key=key, Body=data)
    put_state(s3, old, revision=1)
    build(s3, FILES | {"mark.svg": b"old", "phaseline.json": manifest("e2", 2)}, "build-2")
    late = [True]

    def deliver(call: dict[str, Any]) -> None:
        if call["Key"] == "mark.svg" and late:
            late.clear()
            lambda_.handler(JOB_EVENT, Context())  # uploads its mark.svg
            lambda_.handler(execution(2), Context())  # uploads the old one again

    Calls(s3, PutObject=deliver)
    answers = invoke(lambda_)
    assert [answer["outputVariables"]["outcome"] for answer in answers.successes] == [
        "published",
        "published",
        "overtaken",
    ]
    plan = publication(s3, "plan-2")
    listing = lambda_._SITE.listing()
    differing = {key for key, digest in plan["keys"].items() if listing[key].digest != digest}
    assert differing == {"mark.svg"}


@pytest.mark.parametrize("fault", ["GetObject", "ListObjectsV2"])
def test_what_a_job_without_a_plan_publishes_late_stays_in_doubt(
    lambda_: ModuleType, fault: str
) -> None:
    """Its first delivery failed before it had a plan, and its answer was lost. Then a later
    execution published the same documents. The state names the execution that came late as one that
    is not verified, which drift finds."""
    s3 = lambda_._SITE.s3
    broken = [True]
    Calls(s3, **{fault: lambda _: "AccessDenied" if broken else None})
    assert len(invoke(lambda_).failures) == 1
    broken.clear()
    build(s3, FILES | {"phaseline.json": manifest("e2", 1)}, "build-2")
    invoke(lambda_, execution(2, 1))
    second = state(s3)["begun"]
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"]["outcome"] == "published"
    assert state(s3)["publishing"] == EXECUTION
    assert state(s3)["begun"] > second
    assert publication(s3)["changed"] is None
