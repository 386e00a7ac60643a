"""What the generators that people use put out, published and walked as a visitor does.

The folders of tests/websites/ are small sites, each in the form in which its generator writes it.
infra/site.yaml is deployed to the emulator, Publish puts a site into its bucket, and the local CDN
serves it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urldefrag, urljoin, urlsplit

import pytest
import urllib3

from local.cdn.edge import Edge
from local.serving import serve
from local.waiting import PATIENCE
from phaseline import archive
from phaseline.pipeline.jobs import Artifact, Done, Job
from phaseline.site import invalidation_paths, publication, publisher
from phaseline.site.bucket import Site
from phaseline.site.publication import RETENTION, Publication
from tests.builders import site as builds
from tests.emulator.conftest import Emulator
from tests.events.jobs import DOCUMENTS
from tests.waiting import eventually

WEBSITES = Path(__file__).parents[1] / "websites"
PAGE = "text/html; charset=utf-8"
SCRIPT, STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
TYPES = {
    ".css": STYLE,
    ".ico": "image/vnd.microsoft.icon",
    ".js": SCRIPT,
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": SCRIPT,
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".xml": "application/xml",
}
CLEAN = {
    "vite": ["/contact", "/nested", "/nested/"],
    "hugo": ["/posts", "/posts/first-post", "/tags/gr%C3%B6%C3%9Fe", "/tags/größe/"],
    "jekyll": ["/about", "/about/", "/imprint", "/jekyll/update/2026/11/24/welcome-to-jekyll"],
    "next": ["/about", "/blog", "/blog/first", "/about.html"],
    "docusaurus": ["/docs/intro", "/docs/intro/", "/blog", "/blog/tags/デモ"],
    "mkdocs": ["/guide", "/guide/install", "/guide/install/"],
}
"""Addresses without a suffix by which people ask for pages."""
KEPT = {
    "vite": [
        "/assets/index-BX3k9aZ1.js",
        "/assets/index-DiwrgTda.css",
        "/assets/logo-C38fXH4l.svg",
        "/assets/vendors~main-C4k9_xZ2.js",
        "/assets/chunk-PABCDEFG.mjs",
    ],
    "hugo": ["/css/main.min.3b2f9c0d5a6e7f80112233445566778899aabbccddeeff00112233445566aabb.css"],
    "jekyll": [],
    "next": ["/_next/static/Zk3QhC0d/_buildManifest.js"],
    "docusaurus": ["/assets/js/runtime~main.5e6f7a8b.js", "/assets/css/styles.0a1b2c3d.css"],
    "mkdocs": ["/assets/javascripts/bundle.6c14ae12.min.js"],
}
"""What browsers need not ask for again."""


@dataclass
class Links(HTMLParser):
    """The addresses that a page refers to."""

    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@dataclass(frozen=True)
class Answer:
    """What a visitor gets in the end: the address there, the status, the headers, the body."""

    url: str
    status: int
    headers: Any
    body: bytes


@dataclass
class Website:
    """The stack of the website with its CDN."""

    emulator: Emulator
    outputs: dict[str, str]
    url: str
    number: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def site(self) -> Site:
        s3 = self.emulator.client("s3")
        return Site(s3, self.outputs["SiteBucketName"], self.outputs["MetadataBucketName"])

    def publish(self, files: dict[str, bytes]) -> Publication:
        """What the pipeline does with a build: Publish, Invalidate, and the end of Verify."""
        self.number += 1
        execution, s3 = f"e{self.number}", self.site.s3
        files = files | {"phaseline.json": builds.manifest(execution, self.number)}
        artifacts = self.outputs["ArtifactBucketName"]
        s3.put_object(Bucket=artifacts, Key=f"{execution}/site", Body=archive.pack(files))
        target = Artifact("Publication", artifacts, f"{execution}/publication")
        job = Job(
            id=execution,
            parameters={"execution": execution} | DOCUMENTS | {"opt": f"v{self.number}"},
            inputs={"Site": Artifact("Site", artifacts, f"{execution}/site")},
            outputs={"Publication": target},
            progress=None,
        )
        ended = publisher.run(job, self.site, time_left=lambda: PATIENCE, now=lambda: self.now)
        assert isinstance(ended, Done)
        assert ended.variables["outcome"] == "published"
        body = s3.get_object(Bucket=artifacts, Key=target.key)["Body"].read()
        done = publication.parse(body, "here")
        self.invalidate(execution, invalidation_paths.paths(done.changed))
        state, etag = self.site.published()
        after = publication.verified(done, self.site.listing(), state)
        removed = publication.removed(done, after)
        self.site.prune(removed)
        self.invalidate(
            f"{execution}-removed", invalidation_paths.paths([f"/{key}" for key in removed])
        )
        assert self.site.remember(after, etag)
        return done

    def invalidate(self, reference: str, paths: tuple[str, ...]) -> None:
        if paths:
            self.emulator.client("cloudfront").create_invalidation(
                DistributionId=self.outputs["DistributionId"],
                InvalidationBatch={
                    "Paths": {"Quantity": len(paths), "Items": list(paths)},
                    "CallerReference": reference,
                },
            )

    def get(self, address: str, *, follow: bool = True) -> Answer:
        """What a browser gets for an address."""
        url = urljoin(self.url, quote(address, safe="/:%~+()!$&',;=@?"))
        answer = urllib3.request("GET", url, redirect=False, retries=False, timeout=PATIENCE)
        if follow and answer.status in (301, 302, 307, 308):
            return self.get(urljoin(url, answer.headers["Location"]))
        return Answer(url, answer.status, answer.headers, answer.data)


@pytest.fixture(scope="module")
def website(emulator: Emulator) -> Iterator[Website]:
    """infra/site.yaml, deployed."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName="websites",
        TemplateBody=(WEBSITES.parents[1] / "infra/site.yaml").read_text(),
        Parameters=[
            {"ParameterKey": "Environment", "ParameterValue": "web"},
            {"ParameterKey": "PipelineName", "ParameterValue": "web"},
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="websites", WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
    )
    (stack,) = cloudformation.describe_stacks(StackName="websites")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    edge = Edge(
        cloudfront=emulator.client("cloudfront"),
        endpoint=emulator.url,
        distribution_id=outputs["DistributionId"],
    )
    server = serve(edge)
    yield Website(emulator, outputs, server.url)
    server.stop()


def tree(name: str) -> dict[str, bytes]:
    """A generator's site."""
    root = WEBSITES / name
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    assert "index.html" in found
    return found


def expected_type(address: str) -> str:
    """What the address of a link promises; without a suffix, a page."""
    suffix = Path(urlsplit(address).path).suffix
    return TYPES.get(suffix, PAGE)


def walk(website: Website, files: dict[str, bytes]) -> set[bytes]:
    """Follow each link of each page from the first one on; the pages that were read."""
    waiting, seen, pages = [urljoin(website.url, "/")], set(), set()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = website.get(address)
        assert answer.status == 200, address
        if address.endswith("/LICENSE"):
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            continue
        assert answer.headers["Content-Type"] == expected_type(address), address
        if answer.headers["Content-Type"] != PAGE:
            continue
        pages.add(answer.body)
        links = Links()
        links.feed(answer.body.decode())
        found = {urldefrag(urljoin(answer.url, link)).url for link in links.found}
        waiting += sorted(found - seen - set(waiting))
    return pages


@pytest.mark.parametrize("name", sorted(CLEAN))
def test_every_link_of_a_generator_leads_to_its_page(website: Website, name: str) -> None:
    """Each link of each page answers with what it promises, and each page is linked from another
    one or asked for by a clean address."""
    files = tree(name)
    website.publish(files)

    pages = walk(website, files)
    for address in CLEAN[name]:
        answer = website.get(address)
        assert (answer.status, answer.headers["Content-Type"]) == (200, PAGE), address
        pages.add(answer.body)

    assert pages == {
        content for key, content in files.items() if key.endswith(".html") and key != "404.html"
    }
    for address in KEPT[name]:
        assert "immutable" in website.get(address).headers["Cache-Control"], address
    # No page is kept for ever, and neither is the manifest.
    for address in ("/", "/phaseline.json", *CLEAN[name]):
        assert website.get(address).headers["Cache-Control"].startswith("public, max-age=60")


@pytest.mark.parametrize("name", sorted(CLEAN))
def test_missing_page_is_answered_with_a_page(website: Website, name: str) -> None:
    """A visitor gets the site's own page, or a plain one, and never the bucket's XML."""
    files = tree(name)
    website.publish(files)
    website.invalidate(f"errors before {name}", ("/*",))  # the CDN keeps one for ten seconds
    hidden = [f"/{key}" for key in files if key.startswith(".")]
    for address in ("/nothing", "/nothing/", "/nothing.css", *hidden):
        answer = website.get(address)
        assert (answer.status, answer.headers["Content-Type"]) == (404, PAGE), address
        assert b"<Error>" not in answer.body
        if "404.html" in files:
            assert answer.body == files["404.html"]
        else:
            assert b"<h1>Not found</h1>" in answer.body


def test_folder_redirects_and_is_not_cached_for_long(website: Website) -> None:
    """The redirect keeps relative links right, shows nothing of the bucket, and is asked for
    again, because the next build may have a page there."""
    website.publish(tree("mkdocs"))
    answer = website.get("/guide/install", follow=False)
    assert (answer.status, answer.headers["Location"]) == (302, "/guide/install/")
    assert answer.headers["Cache-Control"] == "public, max-age=60, must-revalidate"
    assert "x-amz-meta-location" not in answer.headers
    assert answer.body == b""


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("a b.html", "/a%20b.html"),
        ("q?x.html", "/q%3Fx.html"),
        ("100%.html", "/100%25.html"),
        ("a#b.html", "/a%23b.html"),
        ("c++.html", "/c++.html"),
        ("c++.html", "/c%2B%2B.html"),
        ("vendors~main.html", "/vendors~main.html"),
        ("vendors~main.html", "/vendors%7Emain.html"),
        ("größe.html", "/gr%c3%b6%c3%9fe.html"),
        ("cafe\u0301.html", "/cafe%CC%81.html"),
        ("\U0001f469\u200d\U0001f4bb.html", "/\U0001f469\u200d\U0001f4bb.html"),
        ("\u3000全角/index.html", "/\u3000全角/"),
        ("\u3000全角/index.html", "/\u3000全角"),
        ("(a)[b]{c}.html", "/(a)%5Bb%5D%7Bc%7D.html"),
    ],
)
def test_changed_page_is_invalidated_in_each_spelling(
    website: Website, key: str, address: str
) -> None:
    """Whatever its name: what was cached by this address is not served after the next build."""
    old, new = (b"<!DOCTYPE html>" + text for text in (b"old", b"new"))
    website.publish({"index.html": b"index", key: old})
    assert website.get(address).body == old
    done = website.publish({"index.html": b"index", key: new})
    assert done.changed is not None
    assert website.get(address).body == new


def test_removed_page_is_gone_from_the_cache(website: Website) -> None:
    """Also from the cache, in which it might stay for a year."""
    page = {"assets/a-BX3k9aZ1.js": b"//", "blog/index.html": b"blog"}
    website.publish({"index.html": b"index", **page})
    for address in ("/assets/a-BX3k9aZ1.js", "/blog/", "/blog/index.html", "/blog"):
        assert website.get(address).status == 200
    website.publish({"index.html": b"index"})
    for address in ("/blog/", "/blog/index.html", "/blog"):
        assert website.get(address).status == 404


def test_a_script_that_an_open_page_loads_later_stays_for_a_day(website: Website) -> None:
    """A browser has the page of the build before, and asks for its script after the next build."""
    website.publish({"index.html": b"index", "assets/a-BX3k9aZ1.js": b"//"})
    website.publish({"index.html": b"other", "assets/b-CY4m0bA2.js": b"//"})
    website.now += RETENTION - timedelta(seconds=1)
    website.publish({"index.html": b"index"})
    assert website.get("/assets/a-BX3k9aZ1.js").status == 200
    assert website.get("/assets/b-CY4m0bA2.js").status == 200
    website.now += timedelta(seconds=1)
    website.publish({"index.html": b"other"})
    assert website.get("/assets/a-BX3k9aZ1.js").status == 404
    assert website.get("/assets/b-CY4m0bA2.js").status == 200


def test_wrong_headers_are_corrected_for_visitors(website: Website) -> None:
    """A page that somebody copied in the console as a download is a page again after the next
    build, though its content is the same."""
    files = {"index.html": b"index", "page.html": b"page"}
    website.publish(files)
    s3: Any = website.site.s3
    bucket = website.site.bucket
    before = website.site.listing()["page.html"].modified

    def copied() -> bool:
        source = {"Bucket": bucket, "Key": "page.html"}
        s3.copy_object(
            **source,
            CopySource=source,
            MetadataDirective="REPLACE",
            ContentType="application/octet-stream",
        )
        return website.site.listing()["page.html"].modified != before

    eventually(copied)  # a listing tells seconds
    website.invalidate("by hand", ("/page.html",))
    assert website.get("/page.html").headers["Content-Type"] == "application/octet-stream"
    done = website.publish(files)
    assert done.changed == ("/page.html", "/phaseline.json")
    assert website.get("/page.html").headers["Content-Type"] == PAGE


@pytest.mark.parametrize("path", ["/~a.html", "/a b", "/größe", "a.html", "/*.html"])
def test_a_wrong_path_refuses_the_whole_request(website: Website, path: str) -> None:
    """As CloudFront does: the right path beside it is not invalidated either."""
    website.publish({"index.html": b"index", "a.html": b"old"})
    website.get("/a.html")
    refusal = website.emulator.client("cloudfront").exceptions.InvalidArgument
    with pytest.raises(refusal, match="one or more invalid invalidation paths"):
        website.invalidate("wrong", ("/a.html", path))
    assert website.get("/a.html").headers["X-Cache"].startswith("Hit")
