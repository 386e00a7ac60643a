"""Site publisher: builds, names and states that are refused."""

import io
import json
import stat
import zipfile
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from phaseline.site import manifests
from tests.builders import hostile
from tests.builders.site import (
    ARTIFACTS,
    BUILD_KEY,
    METADATA,
    SITE,
    build,
    contents,
    manifest,
    published,
    put_state,
    raw_zip,
    state,
)
from tests.builders.site_publisher import FILES, invoke
from tests.builders.site_publisher import lambda_ as lambda_  # a fixture
from tests.events.jobs import EXECUTION


@pytest.mark.parametrize(
    "name", ["../index.html", "/etc/passwd", "a/../../b", "a\\b", "a//b", "./a", "x\x01y"]
)
def test_names_that_leave_the_site_are_refused(lambda_: ModuleType, name: str) -> None:
    """A build with such a name fails by that name, and nothing is published."""
    lambda_._SITE.s3.put_object(
        Bucket=ARTIFACTS, Key=BUILD_KEY, Body=raw_zip("index.html", "phaseline.json", name)
    )
    answers = invoke(lambda_)
    assert repr(name) in answers.failures[0]["failureDetails"]["message"]
    assert contents(lambda_._SITE.s3) == {}


def test_a_link_is_refused(lambda_: ModuleType) -> None:
    """Visitors would get the path that it leads to, as text."""
    entry = zipfile.ZipInfo("latest.html")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO(raw_zip("index.html", "phaseline.json"))
    with zipfile.ZipFile(buffer, "a") as zipped:
        zipped.writestr(entry, "../../etc/passwd")
    lambda_._SITE.s3.put_object(Bucket=ARTIFACTS, Key=BUILD_KEY, Body=buffer.getvalue())
    answers = invoke(lambda_)
    assert "'latest.html' is a symbolic link" in answers.failures[0]["failureDetails"]["message"]
    assert contents(lambda_._SITE.s3) == {}


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_name_is_refused_or_is_one_object(lambda_: ModuleType, text: str) -> None:
    """A zip entry has no name with NUL, halves of characters or more than 65,535 bytes."""
    s3 = lambda_._SITE.s3
    kept = text.partition("\0")[0].encode(errors="ignore").decode()[:16_000] + ".txt"
    build(s3, FILES | {kept: b"x"})
    answers = invoke(lambda_)
    if answers.failures:
        message = answers.failures[0]["failureDetails"]["message"]
        assert "is not a plain path that stands once" in message
        assert contents(s3) == {}
    else:
        assert contents(s3).keys() - published(FILES).keys() == {kept}


@pytest.mark.parametrize("name", ["phaseline.json", "phaseline-headers.json"])
def test_file_that_would_fill_the_memory_is_refused(lambda_: ModuleType, name: str) -> None:
    """A zip of a few kilobytes can hold it."""
    build(lambda_._SITE.s3, FILES | {name: b" " * (manifests.SIZE_LIMIT + 1)})
    answers = invoke(lambda_)
    message = answers.failures[0]["failureDetails"]["message"]
    assert f"{name}: {name} expands to {manifests.SIZE_LIMIT + 1:,} bytes or more" in message
    assert contents(lambda_._SITE.s3) == {}


def test_manifest_of_endless_depth_is_refused(lambda_: ModuleType) -> None:
    build(lambda_._SITE.s3, FILES | {"phaseline.json": b"[" * 100_000})
    answers = invoke(lambda_)
    assert "expected a manifest of schema" in answers.failures[0]["failureDetails"]["message"]
    assert contents(lambda_._SITE.s3) == {}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no zip", "expected a zip"),
        (raw_zip("index.html"), "no phaseline.json"),
        (raw_zip("phaseline.json"), "expected a manifest of schema 1"),
    ],
    ids=["text", "no manifest", "manifest without JSON"],
)
def test_what_is_no_build_is_refused(lambda_: ModuleType, body: bytes, said: str) -> None:
    """The failure says what the artifact lacks."""
    lambda_._SITE.s3.put_object(Bucket=ARTIFACTS, Key=BUILD_KEY, Body=body)
    answers = invoke(lambda_)
    assert said in answers.failures[0]["failureDetails"]["message"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body["documents"].pop("out"), "found no document 'out'"),
        (
            lambda body: body["documents"].update(new=body["documents"]["opt"]),
            "found an unknown document 'new'",
        ),
        (
            lambda body: body.update(execution="e0"),
            f"execution: the pipeline took {EXECUTION}, found 'e0'",
        ),
        (
            lambda body: body["documents"]["opt"].update(version_id="v0"),
            "documents.opt.version_id: the pipeline took v1, found 'v0'",
        ),
    ],
    ids=["missing", "unknown", "old", "older document"],
)
def test_a_manifest_that_proves_nothing_publishes_nothing(
    lambda_: ModuleType, spoil: Callable[[dict[str, Any]], Any], said: str
) -> None:
    """The action fails by the document or field, before anything is uploaded or noted."""
    body = json.loads(manifest())
    spoil(body)
    build(lambda_._SITE.s3, FILES | {"phaseline.json": json.dumps(body).encode()})
    put_state(lambda_._SITE.s3, {}, revision=1)
    before = state(lambda_._SITE.s3)
    answers = invoke(lambda_)
    assert said in answers.failures[0]["failureDetails"]["message"]
    assert answers.successes == []
    assert contents(lambda_._SITE.s3) == {}
    assert state(lambda_._SITE.s3) == before


def test_a_website_with_a_malformed_manifest_is_replaced(lambda_: ModuleType) -> None:
    """What is in the bucket without its documents is no reason to publish nothing."""
    body = json.loads(manifest("e2", 9))
    del body["documents"]["in"]
    s3 = lambda_._SITE.s3
    s3.put_object(Bucket=SITE, Key="phaseline.json", Body=json.dumps(body).encode())
    invoke(lambda_)
    assert contents(s3) == published(FILES)


def test_a_corrupt_state_is_reported(lambda_: ModuleType) -> None:
    """A state that can't be read fails with the way out."""
    lambda_._SITE.s3.put_object(Bucket=METADATA, Key="state/published.json", Body=b"{}")
    answers = invoke(lambda_)
    assert answers.failures[0]["failureDetails"]["type"] == "ConfigurationError"
    assert "Delete the object" in answers.failures[0]["failureDetails"]["message"]
