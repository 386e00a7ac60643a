"""The Publish action, from the job to the bucket."""

import io
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from phaseline.site import content_types, manifests
from phaseline.site.bucket import Site
from phaseline.site.publication import Listed
from tests.builders import canaries, hostile
from tests.builders.calls import Answer, Calls, JobAnswers
from tests.builders.logs import everything
from tests.builders.site import (
    ARTIFACTS,
    BUILD_KEY,
    ENVIRONMENT,
    METADATA,
    PUBLICATION_KEY,
    SITE,
    build,
    contents,
    make_buckets,
    manifest,
    publication,
    published,
    put_state,
    raw_zip,
    rewrite,
    state,
)
from tests.conftest import LoadHandler
from tests.events.jobs import EXECUTION, Context, lambda_job

FILES = {
    "index.html": b"<h1>new</h1>",
    "a/index.html": b"<h1>a</h1>",
    "style.0123456789ab.css": b"h1{}",
    "mark.svg": b"<svg/>",
    "phaseline.json": manifest(),
}
JOB_EVENT = lambda_job(inputs={"Site": BUILD_KEY}, outputs={"Publication": PUBLICATION_KEY})


@pytest.fixture
def lambda_(load_handler: LoadHandler) -> Iterator[ModuleType]:
    with mock_aws():
        module = load_handler("site_publisher", ENVIRONMENT)
        make_buckets(module._SITE.s3)
        build(module._SITE.s3, FILES)
        yield module


def execution(number: int, revision: int = 2) -> dict[str, Any]:
    """The job of a later execution, which took a revision of the document `opt`, and has its own
    build and its own plan."""
    return lambda_job(
        inputs={"Site": f"build-{number}"},
        outputs={"Publication": f"plan-{number}"},
        execution=f"e{number}",
        opt=f"v{revision}",
    )


def invoke(
    module: ModuleType, event: dict[str, Any] = JOB_EVENT, seconds: float = 60
) -> JobAnswers:
    """Invoke the function, with its time left in seconds; what it answered."""
    answers = JobAnswers(module._CODEPIPELINE)
    module.handler(event, Context(seconds))
    return answers


def test_publishes_everything_the_first_time(lambda_: ModuleType) -> None:
    """An empty bucket ends up as the build, everything is invalidated, one success is given."""
    answers = invoke(lambda_)
    assert contents(lambda_._SITE.s3) == published(FILES)
    made = publication(lambda_._SITE.s3)
    assert (made["outcome"], made["changed"], made["stale"]) == ("published", None, [])
    assert [a["outputVariables"] for a in answers.successes] == [
        {"outcome": "published", "revisions": "in=0,opt=1,out=0"}
    ]


def test_headers(lambda_: ModuleType) -> None:
    """Objects carry the type and the cache lifetime of their name."""
    invoke(lambda_)
    page = lambda_._SITE.s3.head_object(Bucket=SITE, Key="index.html")
    style = lambda_._SITE.s3.head_object(Bucket=SITE, Key="style.0123456789ab.css")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["CacheControl"] == "public, max-age=60, must-revalidate"
    assert style["CacheControl"] == "public, max-age=31536000, immutable"


def test_order_of_uploads(lambda_: ModuleType) -> None:
    """Pages come after all they refer to, the manifest comes last, the plan before everything.

    Before the plan stands the note of who publishes: a plan that is followed was always announced.
    """
    calls = Calls(lambda_._SITE.s3, PutObject=lambda _: None)
    invoke(lambda_)
    keys = [call["Key"] for call in calls.of("PutObject")]
    assert keys[:2] == ["state/published.json", PUBLICATION_KEY]
    assert set(keys[2:4]) == {"mark.svg", "style.0123456789ab.css"}
    assert set(keys[4:8]) == {"404.html", "a", "a/index.html", "index.html"}
    assert keys[8:] == ["phaseline.json"]


def test_unchanged_files_are_not_uploaded(lambda_: ModuleType) -> None:
    """A second build uploads and invalidates what differs and nothing else."""
    invoke(lambda_)
    put_state(lambda_._SITE.s3, published(FILES), revision=1)
    new = FILES | {"index.html": b"newer", "phaseline.json": manifest("e2", 2)}
    build(lambda_._SITE.s3, new, "build-2")
    calls = Calls(lambda_._SITE.s3, PutObject=lambda _: None)
    invoke(lambda_, execution(2))
    uploaded = [call["Key"] for call in calls.of("PutObject") if call["Bucket"] == SITE]
    assert uploaded == ["index.html", "phaseline.json"]
    assert publication(lambda_._SITE.s3, "plan-2")["changed"] == ["/index.html", "/phaseline.json"]


def test_headers_that_somebody_changed_are_corrected(lambda_: ModuleType) -> None:
    """The next build mends a file whose content it would leave alone, and nothing else."""
    s3 = lambda_._SITE.s3
    invoke(lambda_)
    put_state(s3, published(FILES), revision=1)
    rewrite(s3, "mark.svg", ContentType="application/octet-stream")
    new = FILES | {"phaseline.json": manifest("e2", 2)}
    build(s3, new, "build-2")
    calls = Calls(s3, PutObject=lambda _: None, HeadObject=lambda _: None)
    invoke(lambda_, execution(2))
    assert s3.head_object(Bucket=SITE, Key="mark.svg")["ContentType"] == "image/svg+xml"
    uploaded = [call["Key"] for call in calls.of("PutObject") if call["Bucket"] == SITE]
    assert uploaded == ["mark.svg", "phaseline.json"]
    assert publication(s3, "plan-2")["changed"] == ["/mark.svg", "/phaseline.json"]


def test_a_changed_table_reaches_files_that_stay(
    lambda_: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version of Phaseline serves svg otherwise: also the svg that no build changes."""
    s3 = lambda_._SITE.s3
    invoke(lambda_)
    put_state(s3, published(FILES), revision=1)
    monkeypatch.setitem(content_types._TYPES, "svg", "image/x-new")
    build(s3, FILES | {"phaseline.json": manifest("e2", 2)}, "build-2")
    invoke(lambda_, execution(2))
    assert s3.head_object(Bucket=SITE, Key="mark.svg")["ContentType"] == "image/x-new"
    assert publication(s3, "plan-2")["changed"] == ["/mark.svg", "/phaseline.json"]


def test_a_corrected_file_is_uploaded_once(lambda_: ModuleType) -> None:
    """Though the listing of a busy second may show the same time before and after."""
    s3 = lambda_._SITE.s3
    invoke(lambda_)
    put_state(s3, published(FILES), revision=1)
    rewrite(s3, "mark.svg", ContentType="text/plain")
    build(s3, FILES | {"phaseline.json": manifest("e2", 2)}, "build-2")
    listed = Site.listing

    def in_one_second(site: Site) -> dict[str, Listed]:
        return {key: Listed(one.digest, "now") for key, one in listed(site).items()}

    calls = Calls(s3, PutObject=lambda _: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Site, "listing", in_one_second)
        answers = invoke(lambda_, execution(2))
    assert answers.successes[0]["outputVariables"]["outcome"] == "published"
    keys = [call["Key"] for call in calls.of("PutObject")]
    assert keys.count("mark.svg") == 1


def test_a_late_upload_replaces_only_what_was_listed(lambda_: ModuleType) -> None:
    """A second delivery that is asked for the fence before, and uploads after, a later execution
    began, does not take back what that one wrote."""
    s3 = lambda_._SITE.s3
    invoke(lambda_)
    put_state(s3, published(FILES), revision=1)
    build(s3, FILES | {"mark.svg": b"second", "phaseline.json": manifest("e2", 2)}, "build-2")
    later = boto3.client("s3")

    def overtaken(call: dict[str, Any]) -> None:
        if call["Key"] == "mark.svg" and call["Body"] != b"third":
            later.put_object(Bucket=SITE, Key="mark.svg", Body=b"third")
            put_state(later, published(FILES), revision=1, publishing="e3")

    Calls(s3, PutObject=overtaken)
    answers = invoke(lambda_, execution(2))
    assert answers.successes[0]["outputVariables"]["outcome"] == "overtaken"
    assert contents(s3)["mark.svg"] == b"third"
    assert contents(s3)["phaseline.json"] == FILES["phaseline.json"]


@pytest.mark.parametrize(
    "name",
    [
        "Bildschirmfoto 2026-11-24 um 10.15.30\u202fPM.png",
        "\u3000全角.html",
        "\U0001f469\u200d\U0001f4bb.svg",
        "caf\u00e9.txt",
        "cafe\u0301.txt",
        "a b/c+d.css",
        ".well-known/security.txt",
        "vendors~main.js",
    ],
)
def test_names_in_any_language_are_published(lambda_: ModuleType, name: str) -> None:
    """Blanks of any width, emoji and both forms of an accent are names like others."""
    files = FILES | {name: b"content"}
    build(lambda_._SITE.s3, files)
    answers = invoke(lambda_)
    assert len(answers.successes) == 1
    assert contents(lambda_._SITE.s3)[name] == b"content"


@pytest.mark.parametrize(
    "name",
    [
        ".gitignore",
        ".github/workflows/x.yml",
        ".git/HEAD",
        ".DS_Store",
        "a/.DS_Store",
        "__MACOSX/x",
        ".well-known/.DS_Store",
        "Icon\r",
    ],
)
def test_what_is_not_for_visitors_stays_behind(lambda_: ModuleType, name: str) -> None:
    """Files of git, of GitHub and of a desktop are left out of the website."""
    build(lambda_._SITE.s3, FILES | {name: b"secret"})
    answers = invoke(lambda_)
    assert len(answers.successes) == 1
    assert contents(lambda_._SITE.s3) == published(FILES)


def test_a_frontend_sets_headers(lambda_: ModuleType) -> None:
    """Its file of headers is followed, and not published."""
    rules = b'{"/*.svg": {"Cache-Control": "no-cache", "Content-Language": "de"}}'
    build(lambda_._SITE.s3, FILES | {"phaseline-headers.json": rules})
    invoke(lambda_)
    found = lambda_._SITE.s3.head_object(Bucket=SITE, Key="mark.svg")
    assert (found["CacheControl"], found["ContentLanguage"]) == ("no-cache", "de")
    assert contents(lambda_._SITE.s3) == published(FILES)


def test_a_wrong_file_of_headers_publishes_nothing(lambda_: ModuleType) -> None:
    """The job fails by what is wrong, before anything is uploaded or noted."""
    build(lambda_._SITE.s3, FILES | {"phaseline-headers.json": b'{"/*": {"X-Frame": "no"}}'})
    answers = invoke(lambda_)
    assert "'X-Frame' can't be set" in answers.failures[0]["failureDetails"]["message"]
    assert contents(lambda_._SITE.s3) == {}
    assert contents(lambda_._SITE.s3, METADATA) == {}


def test_nothing_is_deleted(lambda_: ModuleType) -> None:
    """A file that the build lacks stays, since cached pages refer to it, and is named as stale."""
    lambda_._SITE.s3.put_object(Bucket=SITE, Key="old.css", Body=b"old")
    invoke(lambda_)
    assert contents(lambda_._SITE.s3)["old.css"] == b"old"
    assert publication(lambda_._SITE.s3)["stale"] == ["old.css"]


def test_superseded_build_publishes_nothing(lambda_: ModuleType) -> None:
    """A build of an older document than the website shows leaves the bucket as it is."""
    put_state(lambda_._SITE.s3, {}, revision=2)
    answers = invoke(lambda_)
    assert contents(lambda_._SITE.s3) == {}
    assert publication(lambda_._SITE.s3)["outcome"] == "superseded"
    assert answers.successes[0]["outputVariables"] == {
        "outcome": "superseded",
        "revisions": "in=0,opt=1,out=0",
    }


def test_superseded_by_an_upload_that_is_not_verified_yet(lambda_: ModuleType) -> None:
    """The bucket's own manifest counts, too: a newer publication may wait for its proof."""
    newer = {"phaseline.json": manifest("e2", 2)}
    lambda_._SITE.s3.put_object(Bucket=SITE, Key="phaseline.json", Body=newer["phaseline.json"])
    invoke(lambda_)
    assert contents(lambda_._SITE.s3) == newer


def test_a_repeated_job_follows_the_stored_plan(lambda_: ModuleType) -> None:
    """The same job again finds its first plan, though the bucket now holds the build."""
    old = {"index.html": b"old", "phaseline.json": manifest("e0", 1)}
    for key, data in old.items():
        lambda_._SITE.s3.put_object(Bucket=SITE, Key=key, Body=data)
    put_state(lambda_._SITE.s3, old, revision=1)
    invoke(lambda_)
    first = publication(lambda_._SITE.s3)
    assert "/index.html" in first["changed"]
    answers = invoke(lambda_)
    assert publication(lambda_._SITE.s3) == first
    assert [len(answers.successes), len(answers.failures)] == [1, 0]


def test_after_a_half_finished_execution_its_paths_are_invalidated(lambda_: ModuleType) -> None:
    """What an execution uploaded before it died is invalidated by the next one, with all else."""
    s3 = lambda_._SITE.s3
    invoke(lambda_)
    put_state(s3, published(FILES), revision=1)
    build(s3, FILES | {"mark.svg": b"second", "phaseline.json": manifest("e2", 2)}, "build-2")
    invoke(lambda_, execution(2))
    assert publication(s3, "plan-2")["changed"] == ["/mark.svg", "/phaseline.json"]
    # The second execution dies here: it neither invalidates nor verifies.
    build(s3, FILES | {"mark.svg": b"second", "phaseline.json": manifest("e3", 3)}, "build-3")
    invoke(lambda_, execution(3, 3))
    assert publication(s3, "plan-3")["changed"] is None


def test_a_file_restored_by_an_execution_that_died_is_invalidated(lambda_: ModuleType) -> None:
    """One dies after it changed a file, the next after it changed it back; an edge may have
    cached what was there between the two."""
    s3 = lambda_._SITE.s3
    invoke(lambda_)
    put_state(s3, published(FILES), revision=1)
    dying = [True]
    Calls(
        s3,
        PutObject=lambda call: (
            "AccessDenied" if dying[0] and call["Key"] == "phaseline.json" else None
        ),
    )
    for number, mark in enumerate((b"second", FILES["mark.svg"], FILES["mark.svg"]), 2):
        dying[0] = number < 4
        new = FILES | {"mark.svg": mark, "phaseline.json": manifest(f"e{number}", 2)}
        build(s3, new, f"build-{number}")
        answers = invoke(lambda_, execution(number))
        assert len(answers.failures) == dying[0]
        assert contents(s3)["mark.svg"] == mark
    assert publication(s3, "plan-2")["changed"] == ["/mark.svg", "/phaseline.json"]
    assert publication(s3, "plan-4")["changed"] is None


def test_a_late_delivery_leaves_a_later_publication_alone(lambda_: ModuleType) -> None:
    """A job that Lambda delivers again, after the next execution published, uploads nothing."""
    s3 = lambda_._SITE.s3
    invoke(lambda_)
    new = FILES | {"mark.svg": b"second", "phaseline.json": manifest("e2", 2)}
    build(s3, new, "build-2")
    invoke(lambda_, execution(2))
    answers = invoke(lambda_)
    assert answers.successes[0]["outputVariables"] == {
        "outcome": "overtaken",
        "revisions": "in=0,opt=1,out=0",
    }
    assert contents(s3) == published(new)
    assert state(s3)["publishing"] == "e2"


def test_a_state_that_changes_meanwhile_is_planned_with_again(lambda_: ModuleType) -> None:
    """The execution before may be verified between the reading and the noting."""
    s3 = lambda_._SITE.s3
    put_state(s3, {}, revision=1, publishing="e1")
    listings = iter([lambda: put_state(s3, {}, revision=1, execution="e1")])
    Calls(s3, ListObjectsV2=lambda _: next(listings, lambda: None)())
    invoke(lambda_)
    assert publication(s3)["changed"] == sorted(f"/{key}" for key in published(FILES))
    assert (state(s3)["execution"], state(s3)["publishing"]) == ("e1", EXECUTION)


def test_continues_when_its_time_is_up(lambda_: ModuleType) -> None:
    """With no time left it uploads nothing more and asks for another invocation, which finishes."""
    answers = invoke(lambda_, seconds=lambda_.MARGIN)
    assert answers.successes[0]["continuationToken"] == '{"invocation":2}'
    assert contents(lambda_._SITE.s3) == {}
    again = lambda_job(
        inputs={"Site": BUILD_KEY},
        outputs={"Publication": PUBLICATION_KEY},
        progress={"invocation": 2},
    )
    invoke(lambda_, again)
    assert contents(lambda_._SITE.s3) == published(FILES)


def test_does_not_continue_for_ever(lambda_: ModuleType) -> None:
    """An upload that never ends fails after a number of invocations."""
    event = lambda_job(
        inputs={"Site": BUILD_KEY},
        outputs={"Publication": PUBLICATION_KEY},
        progress={"invocation": 20},
    )
    answers = invoke(lambda_, event, seconds=0)
    assert "20 invocations" in answers.failures[0]["failureDetails"]["message"]


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
