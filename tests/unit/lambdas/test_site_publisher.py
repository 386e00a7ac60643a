"""Site publisher: what is uploaded and invalidated."""

from types import ModuleType
from typing import Any

import boto3
import pytest

from phaseline.site import content_types
from phaseline.site.bucket import Site
from phaseline.site.publication import Listed
from tests.builders.calls import Calls
from tests.builders.site import (
    BUILD_KEY,
    METADATA,
    PUBLICATION_KEY,
    SITE,
    build,
    contents,
    manifest,
    publication,
    published,
    put_state,
    rewrite,
    state,
)
from tests.builders.site_publisher import FILES, execution, invoke
from tests.builders.site_publisher import lambda_ as lambda_  # a fixture
from tests.events.jobs import EXECUTION, lambda_job


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
    """Its headers file is followed, and not published."""
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
