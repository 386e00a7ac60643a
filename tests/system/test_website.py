"""A website that a generator put out goes through the whole pipeline, and away again."""

from pathlib import Path

import pytest
import urllib3

from local.system import System, frontend, website
from local.waiting import PATIENCE
from tests.system.conftest import executions, settle
from tests.waiting import eventually

TREE = Path(__file__).parents[1] / "websites/hugo"
BUILD = "- python3 build.py"
HEADERS = '{"/robots.txt": {"Cache-Control": "no-cache"}}'
PAGE = "/posts/first-post/"
STYLE = "site/css/main.min.3b2f9c0d5a6e7f80112233445566778899aabbccddeeff00112233445566aabb.css"


@pytest.fixture
def generated() -> dict[str, str]:
    """The files of the generator's site, in a folder of the frontend's repository."""
    return {
        f"site/{path.relative_to(TREE).as_posix()}": path.read_text("utf-8")
        for path in TREE.rglob("*")
        if path.is_file()
    }


def test_generated_website_is_published_and_removed(
    system: System, generated: dict[str, str]
) -> None:
    """Its pages are at their clean addresses with its headers; once it is taken back they are
    gone, from the bucket and from the cache, and the next publication starts from what is there."""
    settle(system)
    spec = frontend.read(system, "buildspec.yml")
    changed = spec.replace(BUILD, f"{BUILD} && cp -R site/. dist/")
    assert changed != spec
    added = generated | {"site/phaseline-headers.json": HEADERS, "site/.github/x.yml": "x"}
    frontend.commit(system, added | {"buildspec.yml": changed}, "Use a generator")
    try:
        eventually(lambda: website.get(system, PAGE)[0] == 200)
        settle(system)
        assert executions(system)[0]["status"] == "Succeeded"
        for address in (PAGE, "/tags/gr%C3%B6%C3%9Fe/", "/posts/"):
            assert website.get(system, address)[0] == 200
        assert (website.get(system, "/posts")[0], website.get(system, "/.github/x.yml")[0]) == (
            302,
            404,
        )
        assert headers(system, "/posts")["Location"] == "/posts/"
        assert headers(system, "/robots.txt")["Cache-Control"] == "no-cache"
        assert headers(system, "/index.xml")["Content-Type"] == "application/xml"
    finally:
        removed: dict[str, str | None] = dict.fromkeys(added)
        frontend.commit(system, removed | {"buildspec.yml": spec}, "Use none")
    eventually(lambda: website.get(system, PAGE)[0] == 404)
    settle(system)
    assert executions(system)[0]["status"] == "Succeeded"
    assert website.get(system, "/posts")[0] == 404
    s3, outputs = system.client("s3"), system.outputs["site"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=outputs["SiteBucketName"])["Contents"]]
    assert not [key for key in keys if key.startswith(("posts", "tags"))]
    # The style sheet stays for a day, for browsers that hold one of the pages.
    assert [f"site/{key}" for key in keys if key.startswith("css")] == [STYLE]


def headers(system: System, address: str) -> urllib3.HTTPHeaderDict:
    """The headers that a visitor gets."""
    url = f"{system.edge_url}{address}"
    answer = urllib3.request("GET", url, redirect=False, retries=False, timeout=PATIENCE)
    return answer.headers
