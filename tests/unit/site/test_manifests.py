"""The manifest that the website serves, and what it says about releases."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from phaseline.errors import ConfigurationError, InputError, RemoteCallError
from phaseline.site import manifests
from phaseline.site.manifests import ServedDocument, ServedManifest
from tests.builders.releases import release

BODY: dict[str, Any] = {
    "schema": 1,
    "commit": "c0ffee",
    "execution": "e1",
    "documents": {"opt": {"version_id": "v7", "revision": 7, "versions": {"a": "1.0.0"}}},
}


def test_fetches_the_manifest(httpserver: HTTPServer) -> None:
    """The site's phaseline.json, parsed, with the digest of its bytes."""
    data = json.dumps(BODY).encode()
    httpserver.expect_request("/phaseline.json").respond_with_data(data)
    expected = ServedManifest(
        commit="c0ffee",
        execution="e1",
        documents={"opt": ServedDocument("v7", 7, {"a": "1.0.0"})},
        digest=hashlib.md5(data, usedforsecurity=False).hexdigest(),
    )
    assert manifests.fetch(httpserver.url_for("/")) == expected


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host", "", "site.example"])
def test_only_http_is_fetched(url: str) -> None:
    """An address of another scheme is a configuration error, and nothing is opened."""
    with pytest.raises(ConfigurationError, match="http or https"):
        manifests.fetch(url)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_status_is_a_failed_call(httpserver: HTTPServer, status: int) -> None:
    """The status is in the error."""
    httpserver.expect_request("/phaseline.json").respond_with_data("no", status=status)
    with pytest.raises(RemoteCallError, match=str(status)):
        manifests.fetch(httpserver.url_for(""))


def test_nothing_listens() -> None:
    """A refused connection is a failed call."""
    with pytest.raises(RemoteCallError, match="the request failed"):
        manifests.fetch("http://127.0.0.1:1")


def test_a_slow_answer_is_given_up(httpserver: HTTPServer) -> None:
    """An answer that drips past the time-out is given up, though each piece comes in time."""
    httpserver.expect_request("/phaseline.json").respond_with_handler(_drip)
    ticks = iter(range(0, 1000, 9))
    with pytest.raises(RemoteCallError, match="longer than"):
        manifests.fetch(httpserver.url_for(""), clock=lambda: next(ticks))


def _drip(_: Request) -> Response:
    return Response(iter([b"{"] + [b" "] * 5 + [b"}"]))


def test_a_large_answer_is_refused(httpserver: HTTPServer) -> None:
    """What is larger than any manifest is not read to its end."""
    httpserver.expect_request("/phaseline.json").respond_with_data(
        b" " * (manifests.SIZE_LIMIT + 9)
    )
    with pytest.raises(RemoteCallError, match="at most"):
        manifests.fetch(httpserver.url_for(""))


def _without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda body: body.pop(name)


@pytest.mark.parametrize(
    "spoil",
    [
        _without("schema"),
        _without("commit"),
        _without("documents"),
        lambda body: body.update(schema=2),
        lambda body: body.update(execution=None),
        lambda body: body["documents"]["opt"].update(revision="7"),
        lambda body: body["documents"]["opt"].update(revision=True),
        lambda body: body["documents"]["opt"].update(versions=["a"]),
        lambda body: body["documents"]["opt"].update(versions={"a": 1}),
    ],
)
def test_another_shape_is_refused(spoil: Callable[[dict[str, Any]], Any]) -> None:
    """A manifest of another shape is refused with the place where it was found."""
    body = json.loads(json.dumps(BODY))
    spoil(body)
    with pytest.raises(InputError, match="there: expected a manifest"):
        manifests.parse(json.dumps(body).encode(), "there")


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"\xff\xfe"])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    """An error page in its place is refused."""
    with pytest.raises(InputError):
        manifests.parse(data, "there")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "verified"),
        ({"revision": 3}, "verified"),
        ({"version": "0.9.0", "revision": 6}, "superseded"),
        ({"version": None}, "superseded"),
        ({"algorithm": "gone", "version": None}, "verified"),
        ({"algorithm": "gone"}, "superseded"),
        ({"revision": 8}, "waiting"),
        ({"revision": None}, "waiting"),
        ({"type": "in"}, "waiting"),
    ],
)
def test_what_a_manifest_says_about_a_release(changes: dict[str, Any], outcome: str) -> None:
    """Covered by the revision and served: verified; covered and not served: superseded."""
    known = manifests.parse(json.dumps(BODY).encode(), "there")
    one = release(**changes)
    verdict = manifests.compare(known, [one])
    assert getattr(verdict, outcome) == (one,)
    assert len(verdict.verified + verdict.superseded + verdict.waiting) == 1


def test_a_file_is_known_by_its_digest(httpserver: HTTPServer) -> None:
    """A file is fetched as visitors get it, by its key, whatever characters that has."""
    httpserver.expect_request("/blog/a b%.html").respond_with_data(b"page")

    found = manifests.fetch_digest(httpserver.url_for("/"), "blog/a b%.html")

    assert found == hashlib.md5(b"page", usedforsecurity=False).hexdigest()


def test_a_file_that_is_not_there_is_a_failed_call(httpserver: HTTPServer) -> None:
    """An error's page is no file."""
    httpserver.expect_request("/index.html").respond_with_data("no", status=404)
    with pytest.raises(RemoteCallError, match="404"):
        manifests.fetch_digest(httpserver.url_for(""), "index.html")
