"""The function release_verifier with its buckets, ledger and CloudFront."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer

from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release
from phaseline.site import publication, verifier
from phaseline.site.publication import Publication
from tests.builders.calls import Answer, Calls, JobAnswers
from tests.builders.site import (
    ENVIRONMENT,
    PUBLICATION_KEY,
    SITE,
    build,
    make_buckets,
    manifest,
    md5,
    put_state,
    state,
)
from tests.builders.stores import make_table
from tests.conftest import LoadHandler
from tests.events.jobs import EXECUTION, lambda_job

FILES = {"index.html": b"new", "phaseline.json": manifest(revision=2)}


AT = "2026-11-24T20:00:00Z"


VERIFIED_AT = "1970-01-01T00:16:40Z"
"""1,000 seconds since the epoch, where the tests' clock begins."""


def event(progress: dict[str, Any] | None = None) -> dict[str, Any]:
    """The job of the Verify action."""
    return lambda_job(inputs={"Publication": PUBLICATION_KEY}, progress=progress)


def release(number: int, version: str, revision: int | None) -> Release:
    """An open release of opt/route-planner."""
    return Release(
        release_id=f"r{number}",
        type="opt",
        algorithm="route-planner",
        version=version,
        action="promote",
        previous=None,
        requested_at=f"2026-11-24T20:00:0{number}Z",
        sequence=str(number),
        reason="its phase was set",
        revision=revision,
        document_version=f"v{revision}",
    )


def publish(
    s3: Any, outcome: str = "published", stale: tuple[str, ...] = ("old.css", "gone.css")
) -> None:
    """Store the publication of FILES, with stale keys, as the artifact."""
    made = Publication(
        execution=EXECUTION,
        outcome=outcome,
        changed=None,
        keys={key: md5(data) for key, data in FILES.items()},
        stale=stale,
        documents=json.loads(FILES["phaseline.json"])["documents"],
        number=2,
        at="2026-11-24T20:00:00Z",
        lasting=("kept",),
    )
    build(s3, publication.render(made), PUBLICATION_KEY)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        make_buckets(client)
        make_table(boto3.client("dynamodb"), "ledger")
        for key, data in (FILES | {"old.css": b"old"}).items():
            client.put_object(Bucket=SITE, Key=key, Body=data)
        publish(client)
        yield client


@pytest.fixture
def ledger(s3: Any) -> Ledger:
    made = Ledger(boto3.client("dynamodb"), "ledger")
    releases = [release(1, "2.0.0", 1), release(2, "2.1.0", 2), release(3, "2.2.0", 3)]
    made.record(releases, at=AT)
    return made


class CloudFront:
    """What CloudFront answers about invalidations, and what it was asked."""

    calls: Calls
    answer: Callable[[], Answer] = staticmethod(lambda: status("Completed"))

    @property
    def created(self) -> list[dict[str, Any]]:
        return [call["InvalidationBatch"] for call in self.calls.of("CreateInvalidation")]


@pytest.fixture
def cloudfront() -> CloudFront:
    return CloudFront()


@pytest.fixture
def lambda_(
    s3: Any,
    load_handler: LoadHandler,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    cloudfront: CloudFront,
) -> ModuleType:
    """The function, with a clock that only its pauses move."""
    now = [1000.0]
    urls = {"SITE_URL": httpserver.url_for(""), "DISTRIBUTION_ID": "EDIST"}
    module = load_handler("release_verifier", ENVIRONMENT | urls)
    changes = {"pause": lambda s: now.append(now.pop() + s), "clock": lambda: now[0]}
    cdn = dataclasses.replace(module._VERIFICATION.cdn, **changes)
    given = {**vars(module._VERIFICATION), **changes, "cdn": cdn}
    monkeypatch.setattr(module, "_VERIFICATION", verifier.Verification(**given))
    client, answer = module._VERIFICATION.cdn.client, lambda _: cloudfront.answer()
    cloudfront.calls = Calls(client, CreateInvalidation=answer, GetInvalidation=answer)
    return module


def status(text: str) -> dict[str, Any]:
    """CloudFront's answer about the invalidation I1."""
    return {"Invalidation": {"Id": "I1", "Status": text}}


def serve(httpserver: HTTPServer, data: bytes, status: int = 200) -> None:
    """What the edge answers."""
    httpserver.clear()
    httpserver.expect_request("/phaseline.json").respond_with_data(data, status=status)


def invoke(module: ModuleType, progress: dict[str, Any] | None = None) -> JobAnswers:
    """Invoke the function; what it answered."""
    answers = JobAnswers(module._CODEPIPELINE)
    module.handler(event(progress), None)
    return answers


def states(ledger: Ledger) -> list[str]:
    """The state of each release, the oldest first."""
    return [known.state for known in ledger.releases("opt", "route-planner")][::-1]


def keep(s3: Any, files: dict[str, bytes], **more: Any) -> None:
    """The publication before had these files, which browsers keep for ever, and they are stale."""
    for key, data in files.items():
        s3.put_object(Bucket=SITE, Key=key, Body=data)
    put_state(s3, files, revision=1, publishing=EXECUTION, **more)
    headers = state(s3)["headers"]
    lasting = sorted({headers[key] for key in files})
    put_state(s3, files, revision=1, publishing=EXECUTION, lasting=lasting, **more)
    publish(s3, stale=("gone.css", "old.css", *files))
