"""Waiting for what visitors are served, and the invalidation of an execution from outside."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline import archive
from phaseline.errors import DeploymentError, InputError, RemoteCallError, TimedOutError
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED
from phaseline.site import cdn, invalidation, manifests, proof, publication
from phaseline.site.cdn import Cdn
from phaseline.site.invalidation import Invalidated
from phaseline.site.manifests import ServedDocument, ServedManifest
from phaseline.site.publication import Publication
from tests.builders.calls import Calls
from tests.builders.executions import detail
from tests.builders.releases import release
from tests.builders.site import ARTIFACTS, make_buckets, manifest
from tests.builders.stores import AT, make_table
from tests.builders.timing import Timer

E1 = "00000001-0000-0000-0000-000000000000"


def wait(*answers: int | Exception) -> tuple[ServedManifest, Timer]:
    """Wait for revision 7 where each look gives a revision or an error, the last for good."""
    looks: Iterator[int | Exception] = iter(answers)
    last: int | Exception = 0
    timer = Timer()

    def fetch(url: str) -> ServedManifest:
        nonlocal last
        last = next(looks, last)
        if isinstance(last, Exception):
            raise last
        return manifests.parse(manifest(revision=last), url)

    found = proof.wait(
        fetch, "https://x", type_="opt", revision=7, clock=timer.clock, sleep=timer.sleep, limit=30
    )
    return found, timer


@pytest.mark.parametrize("revision", [7, 9])
def test_arrived(revision: int) -> None:
    """The wanted revision, or a later one, is seen at once."""
    found, timer = wait(revision)
    assert found.revisions == {"opt": revision}
    assert timer.slept == []


@pytest.mark.parametrize("error", [RemoteCallError("x", "503", "y"), InputError("x", "no", "y")])
def test_arrives_late(error: Exception) -> None:
    """An older revision and a bad answer are waited through."""
    found, timer = wait(6, error, 7)
    assert found.revisions == {"opt": 7}
    assert len(timer.slept) == 2


@pytest.mark.parametrize(
    ("answer", "told"), [(6, "found revision 6"), (RemoteCallError("x", "HTTP 503", "y"), "503")]
)
def test_does_not_arrive(answer: int | Exception, told: str) -> None:
    """After the bound it is told what was found instead."""
    with pytest.raises(TimedOutError, match=f"expected revision 7 .*{told}"):
        wait(answer)


def test_another_type_is_not_there() -> None:
    """A manifest without the type's document shows nothing of it."""
    timer = Timer()
    with pytest.raises(TimedOutError, match="found revision -1"):
        proof.wait(
            lambda url: manifests.parse(manifest(), url),
            "https://x",
            type_="in",
            revision=0,
            clock=timer.clock,
            sleep=timer.sleep,
            limit=5,
        )


def test_what_the_manifest_proves_is_closed_once() -> None:
    """A served version is verified, an overtaken one superseded; a later manifest changes none."""
    with mock_aws():
        client = boto3.client("dynamodb")
        make_table(client, "ledger")
        ledger = Ledger(client, "ledger")
        ledger.record([release(), release(release_id="s", algorithm="b")], at=AT)
        open_releases = list(ledger.open_releases("opt"))
        for served in ("a", "b"):
            manifest = ServedManifest(
                "c", "e", {"opt": ServedDocument("v", 9, {served: "1.0.0"})}, "d"
            )
            proof.close(ledger, manifest, open_releases, at=AT, link="https://x")
        assert list(ledger.open_releases("opt")) == []
        states = {name: next(ledger.releases("opt", name)).state for name in "ab"}
        assert states == {"a": VERIFIED, "b": "superseded"}


Ensure = Callable[..., tuple[Invalidated, Calls]]


@pytest.fixture
def ensure() -> Iterator[Ensure]:
    """Ensures the invalidation of an execution that did these things."""
    with mock_aws():
        s3 = boto3.client("s3")
        make_buckets(s3)

        def run(*details: dict[str, Any], **changes: Any) -> tuple[Invalidated, Calls]:
            facts = {
                "execution": E1,
                "outcome": "published",
                "changed": ("/index.html",),
                "keys": {},
                "stale": (),
                "documents": {},
            }
            stored = archive.pack(publication.render(Publication(**facts | changes)))
            s3.put_object(Bucket=ARTIFACTS, Key="p", Body=stored)
            codepipeline, cloudfront = boto3.client("codepipeline"), boto3.client("cloudfront")
            Calls(
                codepipeline,
                ListActionExecutions=lambda _: {"actionExecutionDetails": list(details)},
            )
            timer = Timer()
            states = iter(["InProgress", "Completed"])
            calls = Calls(
                cloudfront,
                CreateInvalidation=lambda _: {"Invalidation": {"Id": "I1", "Status": next(states)}},
                GetInvalidation=lambda _: {"Invalidation": {"Id": "I1", "Status": next(states)}},
            )
            found = invalidation.ensure(
                E1,
                codepipeline=codepipeline,
                name="phaseline-demo",
                s3=s3,
                cdn_=Cdn(cloudfront, "D1", timer.sleep, timer.clock),
            )
            return found, calls

        yield run


def published() -> dict[str, Any]:
    """The Publish action, which put its publication into the artifact bucket."""
    place = {"bucket": ARTIFACTS, "key": "p"}
    made = [{"name": "Publication", "s3location": place}]
    return detail("Publish", "Succeeded", 1) | {"output": {"outputArtifacts": made}}


def test_found(ensure: Ensure) -> None:
    """Where the pipeline's action has succeeded, CloudFront is not asked again."""
    done = detail("Invalidate", "Succeeded", 2)
    done["output"]["outputVariables"] = {"invalidation": "I9", "outcome": "completed"}
    found, calls = ensure(done, published())
    assert found == Invalidated("I9", (), found=True)
    assert calls.asked == []


def test_the_same_invalidation(ensure: Ensure) -> None:
    """Where it has not, it is the action's own: its distribution, paths and reference."""
    found, calls = ensure(detail("Invalidate", "Failed", 2), published())
    paths = cdn.paths(["/index.html"])
    assert found == Invalidated("I1", paths, found=False)
    (asked,) = calls.of("CreateInvalidation")
    assert asked["DistributionId"] == "D1"
    assert asked["InvalidationBatch"]["CallerReference"] == cdn.reference(E1, paths)
    assert asked["InvalidationBatch"]["Paths"]["Items"] == list(paths)


@pytest.mark.parametrize("changes", [{"outcome": "superseded"}, {"changed": ()}])
def test_nothing_to_invalidate(ensure: Ensure, changes: dict[str, Any]) -> None:
    """An execution that published nothing new needs none."""
    found, calls = ensure(published(), **changes)
    assert found == Invalidated(None, (), found=False)
    assert calls.asked == []


def test_nothing_was_published(ensure: Ensure) -> None:
    """An execution that did not come so far is told as such."""
    with pytest.raises(DeploymentError, match="published nothing"):
        ensure(detail("Build", "Failed", 1), detail("Publish", "Failed", 2))
