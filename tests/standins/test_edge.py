"""The caching edge over HTTP: moto keeps the distribution, an HTTP server is its data plane."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer
from werkzeug import Response

from local.cdn.edge import Edge, freshness
from local.cdn.invalidation_paths import is_taken, names
from local.serving import Server
from tests.standins.conftest import Answer, call

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

LONG = "max-age=0, s-maxage=31536000"


@dataclass
class Site:
    """A site behind a running edge, with a clock that the test moves."""

    cloudfront: "CloudFrontClient"
    distribution: str
    domain: str
    origin: HTTPServer
    now: float = 1000.0
    url: str = ""

    def holds(self, path: str, text: str, cache_control: str = LONG, status: int = 200) -> None:
        """What the data plane answers for a path from now on."""
        self.origin.clear_all_handlers()
        self.origin.expect_request(path).respond_with_data(
            text, status, headers={"Cache-Control": cache_control, "ETag": f'"{text}"'}
        )

    def get(self, path: str, **headers: str) -> Answer:
        """A visitor's request."""
        return call(f"{self.url}{path}", headers=headers)

    def see(self, path: str) -> tuple[str, str]:
        """What a visitor reads, and whether it came from the cache."""
        answer = self.get(path)
        return answer.body.decode(), answer.headers["X-Cache"].split()[0]

    def invalidate(self, *paths: str) -> None:
        """Create an invalidation."""
        self.cloudfront.create_invalidation(
            DistributionId=self.distribution,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": list(paths)},
                "CallerReference": str(paths),
            },
        )


@pytest.fixture
def site(httpserver: HTTPServer, serving: Callable[[Any], Server]) -> Iterator[Site]:
    """A distribution with default root object, and an edge that serves it."""
    with mock_aws():
        cloudfront = boto3.client("cloudfront")
        created = cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": "site",
                "Comment": "",
                "Enabled": True,
                "DefaultRootObject": "index.html",
                "Origins": {"Quantity": 1, "Items": [{"Id": "s3", "DomainName": "b.s3.test"}]},
                "DefaultCacheBehavior": {
                    "TargetOriginId": "s3",
                    "ViewerProtocolPolicy": "https-only",
                },
            }
        )["Distribution"]
        site = Site(cloudfront, created["Id"], created["DomainName"], httpserver)
        edge = Edge(
            cloudfront=cloudfront,
            endpoint=httpserver.url_for(""),
            distribution_id=site.distribution,
            clock=lambda: site.now,
        )
        site.url = serving(edge).url
        yield site


def test_stale_page_stays_until_it_is_invalidated(site: Site) -> None:
    """A cached page outlives its change at the origin, until an invalidation names it."""
    site.holds("/index.html", "old")
    assert site.see("/index.html") == ("old", "Miss")
    site.holds("/index.html", "new")
    site.now += 3600
    assert site.see("/index.html") == ("old", "Hit")

    site.invalidate("/other.html", "/index.htm")
    assert site.see("/index.html") == ("old", "Hit")
    site.invalidate("/index.html")
    assert site.see("/index.html") == ("new", "Miss")


def test_page_expires_after_its_time(site: Site) -> None:
    """After its time to live a page is fetched again; Age says how long it was kept."""
    site.holds("/a.html", "old", "max-age=60")
    site.get("/a.html")
    site.now += 59
    assert site.get("/a.html").headers["Age"] == "59"
    site.holds("/a.html", "new", "max-age=60")
    site.now += 1
    assert site.see("/a.html") == ("new", "Miss")


def test_root_is_its_default_object(site: Site) -> None:
    """The root and index.html are one cached object, and one invalidation path."""
    site.holds("/index.html", "home")
    assert site.see("/") == ("home", "Miss")
    assert site.see("/index.html") == ("home", "Hit")
    site.invalidate("/index.html")
    assert site.see("/") == ("home", "Miss")


def test_origin_is_asked_as_the_distribution(site: Site) -> None:
    """A miss goes to the data plane under the distribution's name, as from a TLS visitor."""
    site.holds("/a.html", "a")
    site.get("/a.html?campaign=1")
    request, _ = site.origin.log[0]

    assert request.host == site.domain
    assert request.headers["X-Forwarded-Proto"] == "https"
    assert request.query_string == b""
    assert site.see("/a.html?campaign=2") == ("a", "Hit")


def test_answer_fetched_before_an_invalidation_is_not_kept(site: Site) -> None:
    """A page invalidated while it was on its way is served once and not stored."""

    def invalidate_meanwhile(_: object) -> Any:
        site.invalidate("/a.html")
        assert site.see("/other.html") == ("", "Hit")  # another visitor: the edge learns of it
        return Response("old", headers={"Cache-Control": LONG})

    site.origin.expect_request("/a.html").respond_with_handler(invalidate_meanwhile)
    site.origin.expect_request("/other.html").respond_with_data("")
    site.get("/other.html")
    assert site.see("/a.html") == ("old", "Miss")
    site.holds("/a.html", "new")
    assert site.see("/a.html") == ("new", "Miss")


def test_error_is_kept_for_a_short_while(site: Site) -> None:
    """A 404 is cached for ten seconds, whatever its Cache-Control says."""
    site.holds("/new.html", "missing", LONG, status=404)
    assert site.get("/new.html").status == 404
    site.holds("/new.html", "there")
    assert site.see("/new.html") == ("missing", "Hit")
    site.now += 10
    assert site.see("/new.html") == ("there", "Miss")


def test_visitor_who_has_the_page_gets_304(site: Site) -> None:
    """A matching ETag is answered without the body; HEAD without it as well."""
    site.holds("/a.html", "a")
    assert site.get("/a.html", **{"If-None-Match": '"a"'}).status == 304
    head = call(f"{site.url}/a.html", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "1")


def test_other_methods_pass_through(site: Site) -> None:
    """Only GET and HEAD are cached; the data plane judges the others."""
    site.origin.expect_request("/a.html", method="POST").respond_with_data("no", 403)
    assert call(f"{site.url}/a.html", method="POST").status == 403
    assert call(f"{site.url}/_phaseline/cache").body == b""


def test_distribution_can_come_later(site: Site, serving: Callable[[Any], Server]) -> None:
    """Before it is told its distribution the edge answers 502; afterwards it serves it."""
    edge = Edge(cloudfront=site.cloudfront, endpoint=site.origin.url_for(""))
    site.url = serving(edge).url
    site.holds("/a.html", "a")
    assert site.get("/a.html").status == 502

    order = {"id": site.distribution}
    assert call(f"{site.url}/_phaseline/distribution", method="POST", body=order).status == 204
    assert site.see("/a.html") == ("a", "Miss")
    assert call(f"{site.url}/_phaseline/cache").body == b"0 /a.html\n"


def test_unreachable_emulator_is_said(site: Site, serving: Callable[[Any], Server]) -> None:
    """Without its data plane the edge answers 502 and says so."""
    edge = Edge(
        cloudfront=site.cloudfront,
        endpoint="http://127.0.0.1:1",
        distribution_id=site.distribution,
    )
    site.url = serving(edge).url
    answer = site.get("/a.html")
    assert answer.status == 502
    assert b"can't reach the emulator" in answer.body


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/*", "/a/b.html", True),
        ("/a/*", "/a/b/c.html", True),
        ("/a/*", "/a", False),
        ("/a*", "/ab.html", True),
        ("/a%20b.html", "/a%20b.html", True),
        ("/a%20b.html", "/a+b.html", False),
        ("/%C3%B6", "/%c3%b6", False),
        ("/%7Eme", "/~me", False),
        ("/%7Eme", "/%7Eme", False),
        ("/*", "/~me", True),
        ("/A.html", "/a.html", False),
        ("/a.html", "/a.html.bak", False),
    ],
)
def test_invalidation_path_names_what_cloudfront_would(
    pattern: str, path: str, expected: bool
) -> None:
    """Case and spelling count, only a last asterisk is a wildcard, and nothing but that names a
    tilde."""
    assert is_taken(pattern)
    assert names(pattern, path) is expected


@pytest.mark.parametrize(
    "path",
    [
        "a.html",
        "*",
        "/~me.html",
        "/*.html",
        "/a b.html",
        "/größe.html",
        "/100%.html",
        "/a%2",
        "/a{b}",
        "/a[1].html",
        "/a#b",
        "/a\\b",
        "/a\n",
        "/" + "x" * 4_000,
        "",
    ],
)
def test_invalidation_paths_that_cloudfront_refuses(path: str) -> None:
    """No slash before it, a character that must be encoded, a tilde, or too long."""
    assert not is_taken(path)


@pytest.mark.parametrize(
    ("status", "cache_control", "seconds"),
    [
        (200, "", 86_400),
        (200, "public", 86_400),
        (200, "max-age=60, must-revalidate", 60),
        (200, "max-age=60, s-maxage=600", 600),
        (200, "Max-Age=60", 60),
        (200, "max-age=0", 1),
        (200, "no-store", 1),
        (200, "no-cache, max-age=60", 60),
        (200, "max-age=99999999", 31_536_000),
        (404, "max-age=600", 10),
        (403, "", 300),
    ],
)
def test_freshness_is_cloudfronts(status: int, cache_control: str, seconds: int) -> None:
    """s-maxage over max-age, within the policy's bounds; errors by their own time."""
    assert freshness(status, cache_control, {403: 300}) == seconds
