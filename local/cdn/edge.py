"""A CloudFront point of presence on loopback: the cache and the functions of a distribution.

The edge answers a path from its cache while the answer is fresh. Only an invalidation of its
distribution removes an answer earlier. So a release without an invalidation shows the old page, as
it would on AWS.

Other requests go to the CloudFront data plane of the emulator, with the distribution's domain as
the Host. The data plane applies the distribution's error responses and response headers policy, and
reads the bucket as the origin access control does. So a bucket policy that denies CloudFront has an
effect. The data plane has no cache. The functions of the distribution run here, before and after
the cache.

Each request first reads the new invalidations from the CloudFront API. The emulator reports an
invalidation as completed at once, so the edge must apply it before the next answer.

Freshness: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from werkzeug.wrappers import Request, Response

from local.cdn.functions import FunctionError, Functions, Redirected
from local.cdn.invalidation_paths import names
from local.serving import CONTROL
from local.waiting import PATIENCE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from mypy_boto3_cloudfront import CloudFrontClient

# The managed policy CachingOptimized, in seconds. Its minimum also bounds no-store and no-cache.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
MINIMUM_TTL, DEFAULT_TTL, MAXIMUM_TTL = 1, 86_400, 31_536_000
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
ERROR_TTL = 10
# Headers between edge and origin, and headers that the edge sets itself.
OWN_HEADERS = {
    "age",
    "connection",
    "content-length",
    "date",
    "server",
    "transfer-encoding",
    "x-cache",
}


@dataclass(frozen=True)
class Distribution:
    """The settings of a distribution that the edge uses."""

    id: str
    domain: str
    root_object: str
    error_ttls: Mapping[int, int]
    functions: Functions

    @classmethod
    def read(cls, cloudfront: "CloudFrontClient", id_: str) -> "Distribution":
        """Read a distribution through the CloudFront API."""
        found = cloudfront.get_distribution(Id=id_)["Distribution"]
        config = found["DistributionConfig"]
        ttls = {}
        for rule in config.get("CustomErrorResponses", {}).get("Items", []):
            ttl = rule.get("ErrorCachingMinTTL", ERROR_TTL)
            ttls[rule["ErrorCode"]] = ttl
            ttls[int(rule.get("ResponseCode") or rule["ErrorCode"])] = ttl
        associations = config["DefaultCacheBehavior"].get("FunctionAssociations", {})
        functions = Functions.read(cloudfront, associations.get("Items", []))
        return cls(id_, found["DomainName"], config.get("DefaultRootObject", ""), ttls, functions)


@dataclass(frozen=True)
class Stored:
    """An answer of the origin, with the time at which it came and its `ttl` in seconds."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float
    ttl: int

    def age(self, now: float) -> int:
        """The age of the answer in whole seconds."""
        return int(now - self.at)


def freshness(status: int, cache_control: str, error_ttls: Mapping[int, int]) -> int:
    """Return the number of seconds for which CloudFront caches an answer."""
    if status >= 400:
        return error_ttls.get(status, ERROR_TTL)
    directives = cache_control.lower()
    for name in ("s-maxage", "max-age"):
        if found := re.search(rf"(?:^|[\s,]){name}\s*=\s*\"?(\d+)", directives):
            return min(max(int(found[1]), MINIMUM_TTL), MAXIMUM_TTL)
    if re.search(r"no-cache|no-store|private", directives):
        return MINIMUM_TTL
    return DEFAULT_TTL


@dataclass
class Cache:
    """Cached answers by path, and the invalidations that were applied, in order."""

    entries: dict[str, Stored] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    patterns: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self, patterns: list[str]) -> None:
        """Remove the answers that an invalidation path matches."""
        self.patterns += patterns
        for path in [path for path in self.entries if any(names(p, path) for p in patterns)]:
            del self.entries[path]

    def keep(self, path: str, stored: Stored, *, since: int) -> None:
        """Cache an answer, unless its path was invalidated while it was fetched.

        `since` is the number of invalidation paths that were known when the fetch began.
        """
        with self.lock:
            if not any(names(pattern, path) for pattern in self.patterns[since:]):
                self.entries[path] = stored


class Edge:
    """The WSGI application of the edge. It answers 502 until it has a distribution.

    `endpoint` is the address of the emulator. `POST /_phaseline/distribution {"id": "..."}` calls
    `serve_distribution`. `GET /_phaseline/cache` lists the cached paths with their ages.
    """

    def __init__(
        self,
        *,
        cloudfront: "CloudFrontClient",
        endpoint: str,
        distribution_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloudfront = cloudfront
        target = urlsplit(endpoint)
        self._origin = urllib3.HTTPConnectionPool(
            target.hostname or "127.0.0.1", target.port, maxsize=8, retries=False, timeout=PATIENCE
        )
        self._clock = clock
        self._cache = Cache()
        self._distribution: Distribution | None = None
        if distribution_id:
            self.serve_distribution(distribution_id)

    def serve_distribution(self, id_: str) -> None:
        """Serve another distribution, with an empty cache."""
        self._distribution = Distribution.read(self._cloudfront, id_)
        self._cache = Cache()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        """Answer one request."""
        request = Request(environ)
        try:
            answer = (self._control if request.path.startswith(CONTROL) else self._serve)(request)
        except (BotoCoreError, ClientError, urllib3.exceptions.HTTPError) as error:
            answer = _failure(f"the edge can't reach the emulator: {error}")
        except FunctionError as error:
            answer = _failure(str(error), status=503)
        return answer(environ, start_response)

    def _control(self, request: Request) -> Response:
        """Answer a request to a control path."""
        if request.path == f"{CONTROL}distribution" and request.method == "POST":
            self.serve_distribution(request.get_json()["id"])
            return Response(status=204)
        now = self._clock()
        ages = {path: stored.age(now) for path, stored in sorted(self._cache.entries.items())}
        lines = "".join(f"{age} {path}\n" for path, age in ages.items())
        return Response(lines, mimetype="text/plain")

    def _serve(self, request: Request) -> Response:
        """Answer a visitor's request from the cache, or from the origin."""
        distribution = self._distribution
        if distribution is None:
            return _failure("the edge has no distribution yet")
        path = urlsplit(environ_path(request)).path
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = distribution.functions.request(request.method, path, headers)
        if isinstance(asked, Redirected):
            return Response(asked.body, asked.status, asked.headers)
        path = asked
        if path == "/" and distribution.root_object:
            path = f"/{distribution.root_object}"
        if request.method not in ("GET", "HEAD"):
            passed = self._fetch(distribution, request.method, path)
            return self._answer(request, distribution, path, passed, "Miss")
        cache = self._cache
        self._learn_invalidations(distribution, cache)
        now, since = self._clock(), len(cache.patterns)
        stored = cache.entries.get(path)
        if stored is not None and now - stored.at < stored.ttl:
            return self._answer(request, distribution, path, stored, "Hit")
        stored = self._fetch(distribution, "GET", path)
        cache.keep(path, stored, since=since)
        outcome = "Error" if stored.status >= 500 else "Miss"
        return self._answer(request, distribution, path, stored, outcome)

    def _fetch(self, distribution: Distribution, method: str, path: str) -> Stored:
        """Request a path from the origin, over TLS for the policies. S3 reads a plus as a blank.

        https://github.com/imgix/js-core/issues/88
        """
        response = self._origin.request(
            method,
            path.replace("+", "%20"),
            headers={"Host": distribution.domain, "X-Forwarded-Proto": "https"},
            redirect=False,
        )
        headers = tuple(
            (name, value)
            for name, value in response.headers.items()
            if name.lower() not in OWN_HEADERS
        )
        ttl = freshness(
            response.status, response.headers.get("Cache-Control", ""), distribution.error_ttls
        )
        return Stored(response.status, headers, response.data, self._clock(), ttl)

    def _learn_invalidations(self, distribution: Distribution, cache: Cache) -> None:
        """Apply the invalidations that were created since the last request."""
        with cache.lock:
            pages = self._cloudfront.get_paginator("list_invalidations").paginate(
                DistributionId=distribution.id
            )
            found = [
                item["Id"] for page in pages for item in page["InvalidationList"].get("Items", [])
            ]
            for id_ in [id_ for id_ in found if id_ not in cache.seen]:
                invalidation = self._cloudfront.get_invalidation(
                    DistributionId=distribution.id, Id=id_
                )["Invalidation"]
                cache.forget(invalidation["InvalidationBatch"]["Paths"].get("Items", []))
                cache.seen.add(id_)

    def _answer(
        self,
        request: Request,
        distribution: Distribution,
        path: str,
        stored: Stored,
        outcome: str,
    ) -> Response:
        """Return a cached answer for a visitor: the whole answer, or 304."""
        status, headers = distribution.functions.response(
            request.method, path, stored.status, stored.headers
        )
        response = Response(stored.body, status=status)
        response.headers.clear()
        response.headers.extend(headers)
        response.headers["X-Cache"] = f"{outcome} from phaseline edge"
        if outcome == "Hit":
            response.headers["Age"] = str(stored.age(self._clock()))
        if status == 200:
            response.make_conditional(request)
            del response.headers["Date"]  # the server adds its own
        response.headers["Content-Length"] = str(len(stored.body))
        return response


def environ_path(request: Request) -> str:
    """Return the path as the visitor sent it, still encoded. CloudFront caches by this path."""
    return str(request.environ.get("RAW_URI") or request.environ["REQUEST_URI"])


def _failure(text: str, status: int = 502) -> Response:
    """Return an error of the edge itself."""
    return Response(f"{text}\n", status, headers={"X-Cache": "Error from phaseline edge"})
