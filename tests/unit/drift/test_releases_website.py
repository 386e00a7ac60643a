"""The website, compared with the documents and the last verified publication."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from phaseline.drift.releases import PAGES
from phaseline.drift.website_rules import BUILD, INVALIDATE
from phaseline.site import manifests
from phaseline.site.publication import Publication, Retained
from tests.builders.drift import World
from tests.builders.site import SITE, rewrite


def test_outdated_website_is_found_with_pending_versions(world: World) -> None:
    world.stream("2")
    world.run("e1", "Failed")

    (finding,) = world.look().findings

    assert (finding.kind, finding.subject) == ("old-site", "website")
    assert (
        "revision 1 of the document 'opt', but the newest is 2 (opt/a: 1 -> 2)" in finding.sentence
    )


def test_execution_in_progress_explains_an_outdated_website(world: World) -> None:
    world.run("e1", "InProgress")
    world.run("e2", "Succeeded")
    world.stream("2")

    assert "execution e1 is in progress" in world.explained()["website"]


def test_manifest_with_wrong_versions_is_found(world: World) -> None:
    stored = world.documents.read("opt")
    wrong = {"version_id": stored.version_id, "revision": 1, "versions": {"a": "7"}}
    newest = {type_: world.documents.read(type_) for type_ in ("in", "opt", "out")}
    world.edge[manifests.NAME] = world.manifest(newest, opt=wrong)
    world.put(manifests.NAME, world.edge[manifests.NAME])
    world.remember(newest, world.edge)

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert "opt/a: 7 -> 1" in finding.sentence


@pytest.mark.parametrize(
    ("happened", "found"),
    [
        (lambda world: world.put("index.html", b"by hand"), "index.html"),
        (lambda world: world.put("more.html", b"by hand"), "more.html"),
        (lambda world: world.s3.delete_object(Bucket=SITE, Key="index.html"), "index.html"),
        (lambda world: world.s3.delete_object(Bucket=SITE, Key=manifests.NAME), manifests.NAME),
    ],
)
def test_manual_change_of_the_bucket_is_found(
    world: World, happened: Callable[[World], Any], found: str
) -> None:
    happened(world)
    world.edge |= {
        item["Key"]: world.s3.get_object(Bucket=SITE, Key=item["Key"])["Body"].read()
        for item in world.s3.list_objects_v2(Bucket=SITE)["Contents"]
    }

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert found in finding.sentence


@pytest.mark.parametrize(
    ("happened", "is_found"),
    [
        (lambda world: None, False),
        (lambda world: world.s3.delete_object(Bucket=SITE, Key="old.js"), False),
        (lambda world: world.put("old.js", b"by hand"), True),
        (lambda world: rewrite(world.s3, "old.js", ContentType="text/plain"), True),
    ],
    ids=["kept", "deleted", "replaced", "rewritten"],
)
def test_retained_file_is_found_only_if_somebody_wrote_it(
    world: World, happened: Callable[[World], Any], is_found: bool
) -> None:
    """It stays for browsers that hold an older page."""
    world.put("old.js", b"//")
    listed = world.site.listing()["old.js"]
    state, etag = world.site.published()
    assert state
    kept = Retained(listed.digest, listed.modified, world.at)
    assert world.site.remember(replace(state, retained={"old.js": kept}), etag)
    happened(world)

    found = world.found()

    assert list(found.values()) == (["wrong-site"] if is_found else [])
    assert all("old.js" in what for what in found)


def test_abandoned_publication_is_found(world: World) -> None:
    published, etag = world.site.published()
    plan = Publication("e7", "published", None, {}, (), {}, number=2)
    assert world.site.begin(plan, published, etag)

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert "execution e7 began to publish" in finding.sentence


def test_outdated_manifest_in_the_cache_is_found(world: World) -> None:
    old = dict(world.edge)
    world.stream("2")
    world.publish()
    world.edge = old

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("old-cache", INVALIDATE)


def test_outdated_page_in_the_cache_is_found(world: World) -> None:
    page = world.edge["index.html"]
    world.stream("2")
    world.publish()
    world.edge["index.html"] = page

    (finding,) = world.look().findings

    assert finding.kind == "old-cache"
    assert "index.html" in finding.sentence


def test_a_page_that_is_served_as_a_download(world: World) -> None:
    """Right content with other headers than the bucket has is an old answer of the edge."""
    world.headers = world.headers | {"content-type": "application/octet-stream"}

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("old-cache", INVALIDATE)
    assert "index.html as application/octet-stream" in finding.sentence


def test_headers_that_somebody_changed_in_the_bucket(world: World) -> None:
    """The content stays, and the object is another one; a build mends it."""
    rewrite(world.s3, "index.html", ContentType="application/octet-stream")

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("wrong-site", BUILD)
    assert "not as it was published: index.html" in finding.sentence


def test_cached_page_is_correct_if_only_the_bucket_was_edited(world: World) -> None:
    world.put("index.html", b"by hand")

    assert set(world.found().values()) == {"wrong-site"}


def test_invalid_manifest_is_a_finding_and_no_answer_a_failure(world: World) -> None:
    world.edge[manifests.NAME] = b"<html>"
    (finding,) = world.look().findings
    assert finding.kind == "old-cache"

    del world.edge[manifests.NAME]
    report = world.look()
    assert report.findings == ()
    assert [one.subject for one in report.failures] == ["website"]


def test_pages_beyond_the_limit_are_unchecked(world: World) -> None:
    for number in range(PAGES + 1):
        world.put(f"deep/{number}.html", b"page")
        world.edge[f"deep/{number}.html"] = b"page"

    assert "website: 2 pages beyond the first 50" in world.look().unchecked
