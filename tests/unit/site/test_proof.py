"""The proof waits for what visitors are served, and closes the releases of the manifest."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from phaseline.errors import InputError, RemoteCallError, TimedOutError
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED
from phaseline.site import manifests, proof
from phaseline.site.manifests import ServedDocument, ServedManifest
from tests.builders.releases import release
from tests.builders.site import manifest
from tests.builders.stores import AT, make_table
from tests.builders.timing import Timer


def wait(*answers: int | Exception) -> tuple[ServedManifest, Timer]:
    """Wait for revision 7. Each fetch has the next of `answers`, and then the last one again."""
    remaining: Iterator[int | Exception] = iter(answers)
    last: int | Exception = 0
    timer = Timer()

    def fetch(url: str) -> ServedManifest:
        nonlocal last
        last = next(remaining, last)
        if isinstance(last, Exception):
            raise last
        return manifests.parse(manifest(revision=last), url)

    served = proof.wait(
        fetch, "https://x", type_="opt", revision=7, clock=timer.clock, sleep=timer.sleep, limit=30
    )
    return served, timer


@pytest.mark.parametrize("revision", [7, 9])
def test_wanted_or_later_revision_ends_the_wait_at_once(revision: int) -> None:
    served, timer = wait(revision)
    assert served.revisions == {"in": 0, "opt": revision, "out": 0}
    assert timer.slept == []


@pytest.mark.parametrize("error", [RemoteCallError("x", "503", "y"), InputError("x", "no", "y")])
def test_wait_continues_after_an_older_revision_and_an_error(error: Exception) -> None:
    served, timer = wait(6, error, 7)
    assert served.revisions == {"in": 0, "opt": 7, "out": 0}
    assert len(timer.slept) == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(6, "found revision 6"), (RemoteCallError("x", "HTTP 503", "y"), "503")],
)
def test_error_of_a_timeout_has_what_is_served_instead(
    answer: int | Exception, expected: str
) -> None:
    with pytest.raises(TimedOutError, match=f"expected revision 7 .*{expected}"):
        wait(answer)


def test_manifest_without_the_document_does_not_end_the_wait() -> None:
    timer = Timer()
    body = json.loads(manifest())
    del body["documents"]["in"]
    with pytest.raises(TimedOutError, match="found no document 'in'"):
        proof.wait(
            lambda url: manifests.parse(json.dumps(body).encode(), url),
            "https://x",
            type_="in",
            revision=0,
            clock=timer.clock,
            sleep=timer.sleep,
            limit=5,
        )


def test_release_is_closed_once_as_verified_or_superseded() -> None:
    """A later manifest does not change it."""
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
